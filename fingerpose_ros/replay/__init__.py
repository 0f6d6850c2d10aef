"""Recordings played through a node, and what comes of it.

Here: the player, the node as a process, scores and reports. Not here: the files of a recording (`recording`).
"""
