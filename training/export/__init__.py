"""From trained weights to the model file that the product loads.

Here: rounding, graphs, calibration, checks, and the model card. Not here: loading a model (`perception`).
"""
