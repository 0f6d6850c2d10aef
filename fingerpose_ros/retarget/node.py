"""`retarget_node`: a lifecycle node that turns an operator's hand poses into commands for a robot hand or a gripper."""

import os
import sys
import time
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before NumPy is imported: its threads slow down small matrices
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from diagnostic_msgs.msg import DiagnosticStatus
from rclpy.clock import Clock, ClockType
from rclpy.lifecycle import LifecycleState, TransitionCallbackReturn
from std_msgs.msg import Bool
from std_srvs.srv import SetBool

from fingerpose_ros.msg import HandPoseArray
from fingerpose_ros.node.image_input import seconds
from fingerpose_ros.node.lifecycle import SUCCESS, ManagedNode, run
from fingerpose_ros.node.usage import Usage
from fingerpose_ros.ros import hand_reading
from fingerpose_ros.ros.transform_tree import TransformUnavailable
from fingerpose_ros.srv import ChooseHand

from . import diagnostics
from .arm import Arm
from .follower import Follower, Image
from .inputs import HandInput, MeasuredJoints, RobotDescription
from .outputs import Outputs
from .parameters import GRIPPER, PARAMETERS
from .plan import make_plan
from .safety import SILENCE, NotReady, State
from .statistics import Statistics

USAGE = Usage(
    PARAMETERS,
    "Commands a robot hand or a gripper by the operator's hand. docs/retarget.md describes its topics.",
    {
        "hand_poses": "topic of the hand poses",
        "joint_trajectory": "topic of the commands; also: commands, joint_commands",
        "joint_states": "topic of the robot's joint states",
    },
    "config/retarget.yaml",
    """retarget_node --ros-args --params-file config/retarget_allegro.yaml \\
    -r joint_trajectory:=/allegro_hand_controller/joint_trajectory""",
)


class RetargetNode(ManagedNode[Statistics]):
    """Commands a robot by the chosen hand, once it is enabled; see `safety`.

    Everything runs in the executor's thread: a hand pose is answered in its callback, and a timer gives the commands
    while none arrives.

    Args:
        options: those of `rclpy.lifecycle.LifecycleNode`.
    """

    def __init__(self, **options):
        super().__init__(PARAMETERS, Statistics, **options)
        self._follower: Follower | None = None
        self._outputs: Outputs | None = None
        self._description: RobotDescription | None = None
        self._measured: MeasuredJoints | None = None
        self._arm: Arm | None = None
        self._hand_input: HandInput | None = None
        self._timer = None
        self._updated_at = 0.0
        self._reported: tuple[State, str] | None = None
        self._frame = ""  # of the newest hand poses
        self.create_service(SetBool, "~/enable", self._on_enable)
        self.create_service(ChooseHand, "~/choose_hand", self._on_choose_hand)

    # Lifecycle callbacks. rclpy hides their exceptions, so they must not raise any.

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        self._event_log.reset()
        try:
            settings = self._settings = PARAMETERS.values(self)
            self._outputs = Outputs(
                self, settings["output"], settings["time_from_start"], settings["frame_prefix"],
                settings["mapping"] == GRIPPER,
            )  # fmt: skip
            if settings["wrist_target"]:
                self._arm = Arm(self, settings)
            if settings["urdf_file"]:
                self._plan(Path(settings["urdf_file"]).expanduser().read_text())
            else:
                self._description = RobotDescription(self, self._on_description)
            if settings["start"] == "measured":
                self._measured = MeasuredJoints(self)
        except Exception as error:  # of any kind: the node survives and can be configured again
            self._release()
            return self._fail_transition("configure", error)
        self._state = "inactive"
        self.get_logger().info(f"configured; commands go to {self._outputs.topic}")
        return super().on_configure(state)

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        try:
            dead_man = self._on_dead_man if self._settings["dead_man"] else None
            self._hand_input = HandInput(self, self._on_hands, dead_man)
        except Exception as error:
            return self._fail_transition("activate", error)
        super().on_activate(state)
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self._timer = self.create_timer(1 / self._settings["rate"], self._on_time, clock=steady)
        self._state = "active"
        self.get_logger().info(f"active, disabled; waiting for {' and '.join(self._hand_input.topics)}")
        return SUCCESS

    def _stop(self) -> None:
        if self._follower:
            self._follower.safety.disable("the node was deactivated")
        if self._timer:
            self.destroy_timer(self._timer)
            self._timer = None
        if self._hand_input:
            self._hand_input.close()
            self._hand_input = None

    def _release(self) -> None:
        for part in (self._outputs, self._description, self._measured, self._arm):
            if part:
                part.close()
        self._outputs = self._description = self._measured = self._arm = self._follower = None

    # The robot.

    def _plan(self, urdf: str) -> None:
        """Prepare for this robot. Raises ValueError or RuntimeError, as `make_plan` does."""
        self._follower = None
        plan = make_plan(self._settings, urdf)
        self._follower = Follower(plan, self._settings)
        self._event_log.statistics.recover()
        self.get_logger().info(
            f"robot: {plan.mapping.description}; {len(plan.joints)} commanded joints: {', '.join(plan.joints)}"
        )
        if plan.rest is None:
            self.get_logger().info("no rest_pose: after a long hold the robot stays where it is")

    def _on_description(self, urdf: str) -> None:
        if self._follower:
            self.get_logger().warning("another robot description has arrived; the robot is disabled")
        try:
            self._plan(urdf)
        except Exception as error:  # of any kind: a wrong description must not end the node
            self._log_failure("the robot cannot be commanded", error)

    def _start(self, follower: Follower) -> np.ndarray:
        """Where the robot is, as positions of the plan's motors.

        Raises:
            NotReady: that is not known.
        """
        if self._measured is None:
            return follower.safety.position
        names = follower.plan.limits.names
        start = self._measured.positions(names)
        missing = [name for name, at in zip(names, start, strict=True) if not np.isfinite(at)]
        if missing:
            raise NotReady(
                f"the robot's position is not known: {self._measured.topic} lacks {', '.join(missing)}. For a robot "
                "without joint states set the parameter start to rest"
            )
        return start

    # Services.

    def _ready(self) -> Follower:
        """Raises NotReady if there is nothing to enable."""
        if self._state != "active":
            raise NotReady(f"the node is not active ({self._state})")
        if self._follower is None:
            raise NotReady(self._event_log.statistics.last_error or "no robot description has arrived")
        return self._follower

    def _on_enable(self, request: SetBool.Request, response: SetBool.Response) -> SetBool.Response:
        if not request.data:
            if self._follower:
                self._follower.safety.disable("by request")
            response.success, response.message = True, "disabled"
        else:
            try:
                follower = self._ready()
                if self._arm:
                    self._arm.check(self.get_clock().now().to_msg())
                follower.enable(time.monotonic(), self._start(follower))
                response.success, response.message = True, f"enabled; follows track {follower.track_id}"
            except (NotReady, TransformUnavailable) as reason:
                response.success, response.message = False, str(reason)
                self.get_logger().warning(f"cannot be enabled: {reason}")
        self._report_changes()
        return response

    def _on_choose_hand(self, request: ChooseHand.Request, response: ChooseHand.Response) -> ChooseHand.Response:
        at, frame = request.point.point, request.point.header.frame_id
        try:
            follower = self._ready()
            if not request.track_id and frame not in ("", self._frame):
                raise NotReady(
                    f"point is in the frame {frame}; give it in that of the hand poses: {self._frame or 'none yet'}"
                )
            response.track_id = follower.choose(time.monotonic(), request.track_id, np.array([at.x, at.y, at.z]))
            response.success, response.message = True, f"track {response.track_id} is chosen; enable to follow it"
            self.get_logger().info(response.message)
        except NotReady as reason:
            response.success, response.message = False, str(reason)
        self._report_changes()
        return response

    # Commands.

    def _on_hands(self, message: HandPoseArray) -> None:
        arrived = time.monotonic()
        self._frame = message.header.frame_id
        self._event_log.statistics.receive()
        if self._follower is None:
            return
        try:
            hands = hand_reading.to_hands(message)
        except ValueError as error:
            self._event_log.statistics.reject("malformed", str(error))
            self._event_log.warning("malformed", f"a HandPoseArray is rejected: {error}")
            return
        clock = self.get_clock().now().nanoseconds * 1e-9
        try:
            if self._arm:
                self._arm.locate(message.header)
        except TransformUnavailable as error:
            self._follower.safety.reject("no_transform", str(error))
            self._event_log.warning("no_transform", f"a hand pose cannot be used: {error}")
        else:
            self._follower.receive(Image(hands, seconds(message.header), clock, arrived))
            if self._arm:
                self._arm.see(self._follower.hand)
        if self._command():
            self._event_log.statistics.answer(time.monotonic() - arrived)
        if self._follower.hand is not None:
            self._outputs.publish_grasp(message.header, self._follower.hand)

    def _on_dead_man(self, message: Bool) -> None:
        if self._follower is None:
            return
        if not message.data:
            self._follower.safety.release()
            return
        try:
            start = self._start(self._follower)
        except NotReady as reason:
            start = np.full(len(self._follower.plan.limits.names), np.nan)
            self._event_log.warning("dead_man", str(reason))
        self._follower.safety.press(time.monotonic(), start)

    def _on_time(self) -> None:
        """Command, unless the answer to a hand pose has just done so."""
        if time.monotonic() - self._updated_at >= 0.5 / self._settings["rate"]:
            self._command()

    def _command(self) -> bool:
        """Publish a command, if there is one. Returns whether there was."""
        if self._follower is None:
            return False
        now, stamp = time.monotonic(), self.get_clock().now().to_msg()
        self._updated_at = now
        command = self._follower.update(now)
        if command is not None:
            self._outputs.publish(self._follower.plan, command, stamp)
            self._event_log.statistics.command()
        if self._arm:
            try:
                self._arm.command(now, self._follower.safety, stamp)
            except TransformUnavailable as error:
                self._event_log.warning("wrist_target", f"there is no target for the arm: {error}")
        self._report_changes()
        return command is not None

    def _report_changes(self) -> None:
        """Log each change of the state, and publish it in /diagnostics at once."""
        if self._follower is None:
            return
        safety = self._follower.safety
        if self._reported == (safety.state, safety.reason):
            return
        self._reported = (safety.state, safety.reason)
        text = f"{safety.state.value}: {safety.reason}"
        if safety.state is State.HOLDING and safety.reason == SILENCE[1] and self._hand_input:
            text += f" on {self._hand_input.describe()}"
        if safety.state in (State.FOLLOWING, State.DISABLED):
            self.get_logger().info(text)
        else:
            self.get_logger().warning(text)
        self._publish_diagnostics()

    def status(self) -> DiagnosticStatus:
        name = self.get_fully_qualified_name()
        return diagnostics.status(name, self._state, self._follower, self._event_log.statistics)


def main(args: list[str] | None = None) -> int:
    """Run the node; see `lifecycle.run`."""
    return run(RetargetNode, USAGE, args)


if __name__ == "__main__":
    sys.exit(main())
