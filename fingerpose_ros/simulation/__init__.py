"""A robot hand or gripper in MuJoCo, to try teleoperation without a robot.

Here: the simulated robot, its node, and its pictures.
Not here: what commands the robot (`retarget`).
"""

import os

os.environ.setdefault("MUJOCO_GL", "egl")  # read when MuJoCo is imported; its default needs a display
