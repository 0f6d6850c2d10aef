"""Hands over time.

Here: which hand is which from image to image, and smoothing. Not here: finding new hands (`detection`).
"""
