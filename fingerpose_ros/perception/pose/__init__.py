"""Pose estimation: from the crop around one hand to its 21 joints.

Here: the crop, the network's prediction for it, and the calibration of what is predicted. Not here: where hands are
(`detection`), and hands over time (`tracking`).
"""
