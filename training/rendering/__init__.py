"""Synthetic depth images: hands, what surrounds them, and what a depth camera makes of both.

Here: sampling, rendering and sensor simulation. Not here: recorded images (`datasets`).
"""
