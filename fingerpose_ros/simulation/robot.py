"""A robot in MuJoCo with a position controller in each joint."""

from collections.abc import Mapping, Sequence

import mujoco
import numpy as np

from fingerpose_ros.retarget.robot import Joint, read_robot

from .description import loadable

TIME_STEP = 0.002
"""Of the simulation, seconds."""

BANDWIDTH = 60.0
"""Of the position controllers, rad/s: they follow with a delay of about 2 / `BANDWIDTH` seconds."""

ROTOR_INERTIA, SLIDER_MASS = 0.001, 0.1
"""Inertia of the drives as seen at a rotating joint, kg m2, and mass of those at a sliding joint, kg. It dominates that
of the links, so that one gain suits each kind."""


class SimulatedRobot:
    """A robot that stands still in the world and moves its joints to commanded positions.

    Gravity is off: a hand hangs in any direction, and its drives compensate for its own weight. Each drive is a
    critically damped position controller with the URDF's effort limit. Joints that mimic others follow these. Nothing
    collides: the simple collision bodies of robot hands overlap in ordinary poses.

    Args:
        urdf: text of the robot's description.

    Attributes:
        model, data: MuJoCo's.
        joints: the moving joints by name, in the order of the URDF.

    Raises:
        ValueError: the description is malformed.
        FileNotFoundError: a mesh is missing.
    """

    def __init__(self, urdf: str):
        self.joints = read_robot(urdf).joints
        spec = mujoco.MjSpec.from_string(loadable(urdf))
        spec.option.timestep = TIME_STEP
        spec.option.integrator = mujoco.mjtIntegrator.mjINT_IMPLICITFAST
        spec.option.gravity = (0, 0, 0)
        for equality in list(spec.equalities):  # mimics: their drives follow instead
            spec.delete(equality)
        for joint in self.joints.values():
            _add_drive(spec, joint)
        for geom in spec.geoms:
            geom.contype = geom.conaffinity = 0
        self.model = spec.compile()
        self.data = mujoco.MjData(self.model)
        self._positions = [self.model.joint(name).qposadr[0] for name in self.joints]
        self._velocities = [self.model.joint(name).dofadr[0] for name in self.joints]
        self._start = self._end = np.zeros(len(self.joints))
        self._since, self._duration = 0.0, 0.0
        self.place({name: float(np.clip(0, joint.lower, joint.upper)) for name, joint in self.joints.items()})

    def place(self, positions: Mapping[str, float]) -> None:
        """Set joints by name to positions (radians, metres) at once, at rest. Others keep theirs."""
        self.data.qpos[self._positions] = self._targets(positions, self.data.qpos[self._positions])
        self.data.qvel[:] = 0
        self._start = self._end = self.data.qpos[self._positions]
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
        self._start, self._end = self.data.ctrl.copy(), self._targets(positions, self._end)
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

    def positions(self) -> np.ndarray:
        """Of `joints`, (n,), radians or metres."""
        return self.data.qpos[self._positions]

    def velocities(self) -> np.ndarray:
        """Of `joints`, (n,), rad/s or m/s."""
        return self.data.qvel[self._velocities]

    def links(self, names: Sequence[str]) -> np.ndarray:
        """Positions (k, 3) of the links' frames in the frame of the root link, metres. KeyError: there is none."""
        return np.array([self.data.body(name).xpos for name in names])

    def axes(self, joints: Sequence[str]) -> np.ndarray:
        """Positions (k, 3) of the joints in the frame of the root link, metres. KeyError: there is none."""
        return np.array([self.data.joint(name).xanchor for name in joints]).reshape(-1, 3)

    def _targets(self, positions: Mapping[str, float], others: np.ndarray) -> np.ndarray:
        """Positions (n,) of all joints: those by name, those that mimic them, and the others as given (n,)."""
        given = dict(positions)
        for name, joint in self.joints.items():
            if joint.mimics in positions:
                given[name] = joint.multiplier * positions[joint.mimics] + joint.offset
        return np.array([given.get(name, other) for name, other in zip(self.joints, others, strict=True)])


def _add_drive(spec: mujoco.MjSpec, joint: Joint) -> None:
    element = spec.joint(joint.name)
    inertia = SLIDER_MASS if joint.prismatic else ROTOR_INERTIA
    element.armature, element.frictionloss, element.damping[:] = inertia, 0.0, 0.0
    drive = spec.add_actuator(name=joint.name, target=joint.name, trntype=mujoco.mjtTrn.mjTRN_JOINT)
    drive.set_to_position(kp=inertia * BANDWIDTH**2, kv=2 * inertia * BANDWIDTH)
    drive.ctrllimited, drive.ctrlrange = True, (joint.lower, joint.upper)
