"""The commands of `python -m training.evaluate`, one a file."""
