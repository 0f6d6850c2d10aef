"""What the package's lifecycle nodes share: transitions, parameters, diagnostics, and the process around them."""

import logging
import sys
import traceback
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Generic

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rclpy.clock import Clock, ClockType
from rclpy.executors import SingleThreadedExecutor
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn

from fingerpose_ros.ros.logs import RosHandler
from fingerpose_ros.session import BadArguments, RCLError, ignore_interrupts, own_arguments, session

from .event_log import EventLog, Statistics
from .names import NameMonitor
from .settings import Parameters
from .usage import Usage

SUCCESS, FAILURE = TransitionCallbackReturn.SUCCESS, TransitionCallbackReturn.FAILURE


class ManagedNode(LifecycleNode, ABC, Generic[Statistics]):
    """A lifecycle node that survives every error in its transitions, and reports its status each second.

    Subclasses define what is set up and released. They set `self._state` in `on_configure` and `on_activate`.

    Args:
        parameters: its parameters, `autostart` among them.
        statistics: creates its statistics.
        options: those of `rclpy.lifecycle.LifecycleNode`.
    """

    def __init__(self, parameters: Parameters, statistics: type[Statistics], **options):
        super().__init__(parameters.program, **options)
        parameters.declare(self)
        self._state = "unconfigured"
        self._event_log = EventLog(self.get_logger(), statistics)
        self.add_on_set_parameters_callback(lambda changes: parameters.check_changes(self, changes, self._state))
        self._handle_invalid_transitions()
        self._diagnostics = self.create_publisher(DiagnosticArray, "/diagnostics", 10)
        self._name_monitor = NameMonitor(self)
        self.create_timer(1.0, self._on_second, clock=Clock(clock_type=ClockType.STEADY_TIME))

    @abstractmethod
    def status(self) -> DiagnosticStatus:
        """The node's status for /diagnostics. It starts a new period of the rates in it."""

    @abstractmethod
    def _stop(self) -> None:
        """Undo `on_activate`, from any state."""

    @abstractmethod
    def _release(self) -> None:
        """Undo `on_configure`, from any state."""

    def start(self) -> None:
        """Configure and activate, if `autostart` is set. On failure the node stays unconfigured and logs the reason."""
        if self.get_parameter("autostart").value and self.trigger_configure() == SUCCESS:
            self.trigger_activate()

    def close(self) -> None:
        """Stop the node's work and destroy it, in any state. It cannot be used afterwards."""
        self._stop()
        self.destroy_node()
        # Otherwise rclpy keeps the transition services, and so the node, visible until garbage collection.
        self._state_machine.destroy_when_not_in_use()

    def _handle_invalid_transitions(self) -> None:
        """Reject requests such as activating an active node; rclpy would end the process instead."""
        change_state = self._service_change_state.callback

        def answer(request, response):
            try:
                return change_state(request, response)
            except RCLError as error:
                self.get_logger().warning(f"transition rejected in state {self._state}: {error}")
                response.success = False
                return response

        self._service_change_state.callback = answer

    # Lifecycle callbacks. rclpy hides their exceptions, so they must not raise any.

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        self._stop()
        self._state = "inactive"
        return super().on_deactivate(state)

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        self._return_to_unconfigured()
        self._event_log.reset()  # earlier errors are not why the node is unconfigured
        return super().on_cleanup(state)

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        self._stop()
        self._release()
        self._state = "finalized"
        return super().on_shutdown(state)

    def on_error(self, state: LifecycleState) -> TransitionCallbackReturn:
        self.get_logger().fatal("unexpected error in a transition; the node is unconfigured now")
        self._stop()
        self._return_to_unconfigured()
        return super().on_error(state)

    def _return_to_unconfigured(self) -> None:
        self._release()
        self._state = "unconfigured"

    def _fail_transition(self, transition: str, error: Exception) -> TransitionCallbackReturn:
        if not self.context.ok():  # the process is shutting down
            return FAILURE
        self._event_log.statistics.fail(f"cannot {transition}: {error}")
        self.get_logger().fatal(f"cannot {transition}: {error}")
        self.get_logger().debug(traceback.format_exc())
        return FAILURE

    def _log_failure(self, what: str, error: Exception) -> None:
        """Count and log the exception being handled, unless the process is shutting down."""
        if self.context.ok():
            self._event_log.statistics.fail(f"{what}: {error}")
            self._event_log.error(what, traceback.format_exc())

    def _on_second(self) -> None:
        self._name_monitor.check()
        self._publish_diagnostics()

    def _publish_diagnostics(self) -> None:
        message = DiagnosticArray(status=[self.status()])
        message.header.stamp = self.get_clock().now().to_msg()
        self._diagnostics.publish(message)


def run(create_node: Callable[[], ManagedNode], usage: Usage, args: list[str] | None) -> int:
    """Run the node until SIGINT or SIGTERM. Returns the exit code, 2 if its parameters are invalid.

    Raises:
        SystemExit: see `Usage.parse`.
    """
    try:
        usage.parse(own_arguments(args))
        with session(args):
            node = create_node()
            logging.basicConfig(format="%(message)s", handlers=[RosHandler(node.get_logger())], force=True)
            logging.getLogger("fingerpose_ros").setLevel(logging.DEBUG)  # the node's log level filters
            try:
                executor = SingleThreadedExecutor()
                executor.add_node(node)
                node.start()
                executor.spin()
            finally:
                ignore_interrupts()
                node.close()
    except BadArguments as error:
        print(f"{usage.parameters.program}: {error}", file=sys.stderr)
        return 2
    return 0
