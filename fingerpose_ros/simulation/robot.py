"""A robot in MuJoCo with a position controller in each joint."""

from collections.abc import Callable, Mapping
from pathlib import Path

import mujoco
import numpy as np

from fingerpose_ros.retarget.robot import Joint, read_robot

from .description import loadable, package_folder

TIME_STEP = 0.002
"""Of the simulation, seconds."""

BANDWIDTH = 60.0
"""Of the position controllers, rad/s: they follow with a delay of about 2 / `BANDWIDTH` seconds."""

ROTOR_INERTIA, SLIDER_MASS = 0.001, 0.1
"""Inertia of the drives as seen at a rotating joint, kg m2, and mass of those at a sliding joint, kg. It dominates that
of the links, so that one gain suits each kind."""

VISUAL_GROUP, HIDDEN_GROUP = 1, 3
"""MuJoCo's groups of the visual geometry (set by its URDF reader), and of what is not drawn."""


class SimulatedRobot:
    """A robot that stands still in the world and moves its joints to commanded positions.

    Gravity is off: a hand hangs in any direction, and its drives compensate for its own weight. Each drive is a
    critically damped position controller with the URDF's effort limit. Joints that mimic others follow these. Nothing
    collides: the simple collision bodies of robot hands overlap in ordinary poses.

    Args:
        urdf: text of the robot's description.
        folder_of: the share folder of a package by its name, for meshes.

    Attributes:
        model, data: MuJoCo's.
        joints: the moving joints by name, in the order of the URDF.

    Raises:
        ValueError: the description is malformed.
        FileNotFoundError: a mesh is missing.
    """

    def __init__(self, urdf: str, folder_of: Callable[[str], Path] = package_folder):
        robot = read_robot(urdf)
        self.joints = robot.joints
        spec = mujoco.MjSpec.from_string(loadable(urdf, folder_of))
        spec.option.timestep = TIME_STEP
        spec.option.integrator = mujoco.mjtIntegrator.mjINT_IMPLICITFAST
        spec.option.gravity = (0, 0, 0)
        for equality in list(spec.equalities):  # mimics: their drives follow instead
            spec.delete(equality)
        for joint in self.joints.values():
            self._add_drive(spec, joint)
        for geom in spec.geoms:
            geom.contype = geom.conaffinity = 0
        for body in spec.bodies:
            if any(geom.group == VISUAL_GROUP for geom in body.geoms):
                for geom in body.geoms:
                    if geom.group != VISUAL_GROUP:
                        geom.group = HIDDEN_GROUP
        self.model = spec.compile()
        self.data = mujoco.MjData(self.model)
        self._addresses = {name: self.model.joint(name).qposadr[0] for name in self.joints}
        self._velocities = {name: self.model.joint(name).dofadr[0] for name in self.joints}
        self._start = self._end = np.zeros(len(self.joints))
        self._since, self._duration = 0.0, 0.0
        self.place({name: float(np.clip(0, joint.lower, joint.upper)) for name, joint in self.joints.items()})

    @staticmethod
    def _add_drive(spec: mujoco.MjSpec, joint: Joint) -> None:
        element = spec.joint(joint.name)
        inertia = SLIDER_MASS if joint.prismatic else ROTOR_INERTIA
        element.armature, element.frictionloss, element.damping[:] = inertia, 0.0, 0.0
        drive = spec.add_actuator(name=joint.name, target=joint.name, trntype=mujoco.mjtTrn.mjTRN_JOINT)
        drive.set_to_position(kp=inertia * BANDWIDTH**2, kv=2 * inertia * BANDWIDTH)
        drive.ctrllimited, drive.ctrlrange = True, (joint.lower, joint.upper)

    def place(self, positions: Mapping[str, float]) -> None:
        """Set joints by name to positions (radians, metres) at once, at rest. Others keep theirs."""
        for name, position in self._complete(positions).items():
            self.data.qpos[self._addresses[name]] = position
        self.data.qvel[:] = 0
        self._start = self._end = self.data.qpos[list(self._addresses.values())].copy()
        self._duration = 0.0
        self.data.ctrl[:] = self._end
        mujoco.mj_forward(self.model, self.data)

    def command(self, positions: Mapping[str, float], duration: float) -> None:
        """Move the set points of joints by name to these positions within `duration` seconds, linearly.

        As a joint trajectory controller does with a trajectory of one point: a later command replaces this one.

        Raises:
            ValueError: a joint does not exist, or a position is no number.
        """
        for name, position in positions.items():
            if name not in self.joints:
                raise ValueError(f"the robot has no moving joint {name!r}; it has {', '.join(self.joints)}")
            if not np.isfinite(position):
                raise ValueError(f"joint {name} is commanded to {position}")
        self._start = self.data.ctrl.copy()
        ends = dict(zip(self.joints, self._end.tolist(), strict=True)) | self._complete(positions)
        self._end = np.array([ends[name] for name in self.joints])
        self._since, self._duration = self.data.time, duration

    def step(self, seconds: float) -> float:
        """Simulate so much time, in whole steps. Returns the time simulated, seconds."""
        count = int(seconds / TIME_STEP + 1e-9)
        for _ in range(count):
            passed = self.data.time - self._since
            share = 1.0 if self._duration <= 0 else min(passed / self._duration, 1.0)
            self.data.ctrl[:] = self._start + share * (self._end - self._start)
            mujoco.mj_step(self.model, self.data)
        return count * TIME_STEP

    def positions(self) -> dict[str, float]:
        """Of the joints by name, radians or metres."""
        return {name: float(self.data.qpos[address]) for name, address in self._addresses.items()}

    def velocities(self) -> dict[str, float]:
        """Of the joints by name, rad/s or m/s."""
        return {name: float(self.data.qvel[address]) for name, address in self._velocities.items()}

    def link(self, name: str) -> np.ndarray:
        """Position (3,) of a link's frame in the frame of the robot's root link, metres. KeyError: there is none."""
        return self.data.body(name).xpos.copy()

    def chain(self, tip: str) -> list[str]:
        """The links from the first moving one of a finger to its tip. KeyError: there is no such link."""
        links, body = [], self.model.body(tip)
        while self.model.body_weldid[body.id]:
            links.append(body.name)
            body = self.model.body(body.parentid[0])
        return links[::-1]

    def _complete(self, positions: Mapping[str, float]) -> dict[str, float]:
        """With the joints that mimic these."""
        complete = dict(positions)
        for name, joint in self.joints.items():
            if joint.mimics in positions:
                complete[name] = joint.multiplier * positions[joint.mimics] + joint.offset
        return complete
