"""`hand_pose_node`: the lifecycle node that answers each depth image with hand poses.

Here: parameters, subscriptions, publishers, diagnostics, the worker thread. Not here: geometry and networks
(`perception`), and what a message holds (`ros`).
"""
