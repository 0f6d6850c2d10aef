"""rclpy from its start to its end, in a process that may be told to stop at any moment, and more than once."""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import rclpy
from rclpy.executors import ExternalShutdownException
from rclpy.impl.implementation_singleton import rclpy_implementation
from rclpy.utilities import remove_ros_args

RCLError = rclpy_implementation.RCLError
UnknownROSArgsError = rclpy_implementation.UnknownROSArgsError


class BadArguments(Exception):
    """ROS arguments, or a file of parameters they name, that cannot be read."""


def own_arguments(args: list[str] | None) -> list[str]:
    """Those of `args` (those of the process if None), without the program's name, that are not for ROS.

    Raises:
        BadArguments: there are some that ROS does not take.
    """
    try:
        return remove_ros_args(sys.argv if args is None else args)[1:]
    except (RCLError, UnknownROSArgsError) as error:
        raise _bad_arguments(error) from error


@contextmanager
def session(args: list[str] | None) -> Iterator[None]:
    """rclpy for as long as the body runs. SIGINT and SIGTERM end the body; they are no error.

    Raises:
        BadArguments: `args` (those of the process if None) are not such as ROS takes.
    """
    try:
        rclpy.init(args=args)
    except (RCLError, UnknownROSArgsError) as error:
        raise _bad_arguments(error) from error
    try:
        yield
    except (KeyboardInterrupt, ExternalShutdownException):
        pass  # the signal handlers of rclpy have shut the context down
    except UnknownROSArgsError as error:  # by the first node
        raise _bad_arguments(error) from error
    except RCLError:
        if rclpy.ok():  # else the same, in the middle of something
            raise
    finally:
        ignore_interrupts()
        with suppress(RCLError):  # the signal handlers may be shutting down this very moment
            rclpy.try_shutdown()
        ignore_interrupts()  # rclpy has put back the handler that was there before


def _bad_arguments(error: Exception) -> BadArguments:
    unknown = isinstance(error, UnknownROSArgsError)
    return BadArguments(f"after --ros-args ROS does not know {error}" if unknown else str(error))


def ignore_interrupts() -> None:
    """To clean up in peace: `ros2 launch` without a terminal sends a second SIGINT, and so do impatient people."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
