"""Detection: candidates for hands in a whole depth image.

Here: the detector, and the choice among its candidates. Not here: a hand's joints (`pose`), and hands over time
(`tracking`).
"""
