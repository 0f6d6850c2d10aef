"""`retarget_node`: the lifecycle node that turns an operator's hand poses into commands for a robot hand or a gripper.

Here: the mapping to the robot's joints, the safety in front of it, the outputs. Not here: detecting hands
(`perception`), and the contents of the package's own messages (`ros`).
"""
