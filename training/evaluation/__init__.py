"""Evaluation of final weights.

Here: errors, detections, scores and submissions. Not here: validation during training (`learning`).
"""
