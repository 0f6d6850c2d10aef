"""Training: batches, losses, the optimiser, the training loop and its checkpoints.

Here: everything that updates weights. Not here: training data (`rendering`, `datasets`) and final results
(`evaluation`).
"""
