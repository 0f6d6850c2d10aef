"""`hand_pose_node`: the lifecycle node that publishes hand poses for each depth image.

Here: parameters, subscriptions, publishers, diagnostics, the worker thread. Not here: geometry and networks
(`perception`), and the contents of messages (`ros`).
"""
