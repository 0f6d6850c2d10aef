"""Tracking: hands from image to image.

Here: the state of a track (`tracks.py`), bones that keep their lengths (`hand_model.py`), and smoothing
(`smoothing.py`). Not here: detecting new hands
(`detection`), and accepting them (`estimator.py`).
"""
