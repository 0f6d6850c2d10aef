"""Pose estimation: from the crop around one hand to its 21 joints.

Here: the crop, the network and its model file, a crop's prediction, and its calibration. Not here: where hands are
(`detection`), and hands over time (`tracking`).
"""
