"""Export of trained weights to the model file that the node loads.

Here: rounding, OpenVINO graphs, calibration, checks, and the model card. Not here: loading a model (`perception`).
"""
