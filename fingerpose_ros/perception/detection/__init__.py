"""Detection: where in a whole depth image hands may be.

Here: candidates, and what chooses among them. Not here: a hand's joints (`pose`), and hands over time (`tracking`).
"""
