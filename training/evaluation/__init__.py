"""Evaluation: figures of weights that are final, each with the command that gives it.

Here: errors, detections, scores and submissions. Not here: validation while a network trains (`learning`).
"""
