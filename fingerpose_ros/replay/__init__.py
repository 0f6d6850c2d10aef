"""Replay: bags played into a running node, and the evaluation of its output.

Here: the player, the node as a process, scores and reports. Not here: reading and writing bags (`recording`).
"""
