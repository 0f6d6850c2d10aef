"""Pictures of a simulated robot, rendered without a display."""

from collections.abc import Mapping

import mujoco
import numpy as np

from fingerpose_ros.retarget.robot import read_robot

from .robot import SimulatedRobot

VISUAL = 1
"""MuJoCo's group of the visual geometry, set by its URDF reader."""

SHOWN, HIDDEN = 1, 3
"""Groups of what is drawn, and of what is not."""

BRIGHTNESS = 0.4
"""Share of white in all colours: many robot hands are black."""

MARGIN = 1.15
"""Distance of the camera relative to that at which the robot just fits."""


class RobotPictures:
    """Renders a robot from one direction; a context manager that frees the renderer.

    A link without visual geometry that MuJoCo can read is drawn as its collision geometry.

    Args:
        urdf: text of the robot's description.
        base: only what hangs from this link is drawn.
        view: azimuth and elevation, degrees, of the direction of view: azimuth about the root link's z, 0 along its x.
        size: width and height, pixels.

    Raises:
        RuntimeError: there is no EGL driver.
        ValueError: the robot has no link `base`.
    """

    def __init__(self, urdf: str, base: str, view: tuple[float, float], size: int):
        self._robot = SimulatedRobot(urdf)
        model, data = self._robot.model, self._robot.data
        for name in read_robot(urdf).links:
            _choose_geometry(model, name, shown=name in read_robot(urdf, base).links)
        model.vis.global_.offwidth = model.vis.global_.offheight = size
        model.vis.headlight.ambient[:], model.vis.headlight.diffuse[:] = 0.45, 0.55
        try:
            self._renderer = mujoco.Renderer(model, size, size)
        except Exception as error:  # PyOpenGL's, MuJoCo's and Python's own
            raise RuntimeError(
                f"MuJoCo cannot render without a display ({type(error).__name__}: {error}). Install EGL: "
                "apt-get install libegl1 libgl1 libgl1-mesa-dri"
            ) from error
        self._options = mujoco.MjvOption()
        self._options.geomgroup[:] = 1
        self._options.geomgroup[HIDDEN] = 0
        shown = model.geom_group != HIDDEN
        centres, radii = data.geom_xpos[shown], model.geom_rbound[shown, None]
        low, high = (centres - radii).min(axis=0), (centres + radii).max(axis=0)
        self._camera = mujoco.MjvCamera()
        self._camera.lookat[:] = (low + high) / 2
        field = np.radians(model.vis.global_.fovy) / 2
        self._camera.distance = MARGIN * (high - low).max() / 2 / np.tan(field)
        self._camera.azimuth, self._camera.elevation = view

    def __enter__(self) -> "RobotPictures":
        return self

    def __exit__(self, *_) -> None:
        self._renderer.close()

    def render(self, positions: Mapping[str, float]) -> np.ndarray:
        """The robot with joints at these positions, radians or metres: (size, size, 3) uint8, BGR."""
        self._robot.place(positions)
        self._renderer.update_scene(self._robot.data, self._camera, self._options)
        return self._renderer.render()[..., ::-1].copy()


def _choose_geometry(model: mujoco.MjModel, link: str, shown: bool) -> None:
    """Sort a link's geometry into the groups `SHOWN` and `HIDDEN`, and brighten it."""
    geoms = np.flatnonzero(model.geom_bodyid == model.body(link).id)
    visual = geoms[model.geom_group[geoms] == VISUAL]
    drawn = visual if len(visual) else geoms
    model.geom_group[geoms] = HIDDEN
    if shown:
        model.geom_group[drawn] = SHOWN
    model.geom_rgba[geoms, :3] = BRIGHTNESS + (1 - BRIGHTNESS) * model.geom_rgba[geoms, :3]
