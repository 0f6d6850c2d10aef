"""Training: batches, losses, the optimiser, the training loop and its checkpoints.

Here: what changes weights. Not here: what is shown (`rendering`, `datasets`), and final figures (`evaluation`).
"""
