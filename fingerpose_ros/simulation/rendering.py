"""Pictures of a simulated robot, rendered without a display."""

import mujoco
import numpy as np

from .robot import HIDDEN_GROUP, SimulatedRobot

MARGIN = 1.25
"""Distance of the camera relative to that at which the robot just fits."""


class RobotPictures:
    """Renders a robot from one direction; a context manager that frees the renderer.

    Args:
        robot: in the pose in which it fills the picture, such as open.
        size: width and height, pixels.
        azimuth, elevation: the camera's direction of view, degrees, as MuJoCo defines them: azimuth about the root
            link's z, 0 along its x.

    Raises:
        RuntimeError: there is no EGL driver.
    """

    def __init__(self, robot: SimulatedRobot, size: int, azimuth: float, elevation: float):
        self._robot = robot
        robot.model.vis.global_.offwidth = robot.model.vis.global_.offheight = size
        robot.model.vis.headlight.ambient[:], robot.model.vis.headlight.diffuse[:] = 0.45, 0.55
        try:
            self._renderer = mujoco.Renderer(robot.model, size, size)
        except Exception as error:  # PyOpenGL's, MuJoCo's and Python's own
            raise RuntimeError(
                f"MuJoCo cannot render without a display ({type(error).__name__}: {error}). Install EGL: "
                "apt-get install libegl1 libgl1 libgl1-mesa-dri"
            ) from error
        self._options = mujoco.MjvOption()
        self._options.geomgroup[:] = 1
        self._options.geomgroup[HIDDEN_GROUP] = 0
        shown = robot.model.geom_group != HIDDEN_GROUP
        centres, radii = robot.data.geom_xpos[shown], robot.model.geom_rbound[shown]
        low, high = (centres - radii[:, None]).min(axis=0), (centres + radii[:, None]).max(axis=0)
        self._camera = mujoco.MjvCamera()
        self._camera.lookat[:] = (low + high) / 2
        field = np.radians(robot.model.vis.global_.fovy) / 2
        self._camera.distance = MARGIN * (high - low).max() / 2 / np.tan(field)
        self._camera.azimuth, self._camera.elevation = azimuth, elevation

    def __enter__(self) -> "RobotPictures":
        return self

    def __exit__(self, *_) -> None:
        self._renderer.close()

    def render(self) -> np.ndarray:
        """The robot as it is: (size, size, 3) uint8, BGR."""
        self._renderer.update_scene(self._robot.data, self._camera, self._options)
        return self._renderer.render()[..., ::-1].copy()
