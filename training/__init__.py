"""What makes the networks, and measures them. Not installed: run from the source tree, `./run training`.

Here: one room for each step. A room imports only from those named after it: evaluation, export, learning, datasets,
rendering. Not here: what a robot runs (`fingerpose_ros`).
"""
