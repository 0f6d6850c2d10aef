"""Training, export and evaluation of the networks. Not installed: run from the source tree with `./run training`.

Here: one package for each step. A package imports only from those listed after it: evaluation, export, learning,
datasets, rendering, progress. Not here: the code that runs on a robot (`fingerpose_ros`).
"""
