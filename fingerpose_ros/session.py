"""Start and shutdown of rclpy in a process that may receive signals at any time, and more than once."""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType

import rclpy
from rclpy.exceptions import InvalidParameterTypeException, InvalidParameterValueException
from rclpy.executors import ExternalShutdownException
from rclpy.impl.implementation_singleton import rclpy_implementation
from rclpy.utilities import remove_ros_args

RCLError = rclpy_implementation.RCLError
UnknownROSArgsError = rclpy_implementation.UnknownROSArgsError


class BadArguments(Exception):
    """The ROS arguments, a parameter file among them, or the value of a parameter are invalid."""


def own_arguments(args: list[str] | None) -> list[str]:
    """The arguments that are not for ROS, without the program's name. `args` None: the process's arguments.

    Raises:
        BadArguments: a ROS argument is unknown.
    """
    try:
        return remove_ros_args(sys.argv if args is None else args)[1:]
    except (RCLError, UnknownROSArgsError) as error:
        raise _bad_arguments(error) from error


@contextmanager
def session(args: list[str] | None) -> Iterator[None]:
    """Initialises rclpy for the body. SIGINT and SIGTERM end the body without an error.

    Raises:
        BadArguments: `args` (None: the process's arguments) contain an invalid ROS argument, or a node of the body
            declares a parameter whose given value has the wrong type or is out of range.
    """
    interrupts = _noted_interrupts()
    try:
        rclpy.init(args=args)
    except (RCLError, UnknownROSArgsError) as error:
        raise _bad_arguments(error) from error
    try:
        yield
    except (KeyboardInterrupt, ExternalShutdownException):
        pass  # rclpy's signal handlers have shut the context down
    except UnknownROSArgsError as error:  # raised by the first node
        raise _bad_arguments(error) from error
    except (InvalidParameterTypeException, InvalidParameterValueException) as error:
        raise BadArguments(str(error)) from error
    except RuntimeError:  # RCLError, or pybind11's error for a KeyboardInterrupt while it converts a message
        if rclpy.ok() and not interrupts:  # otherwise a signal has shut the context down, or is about to
            raise
    finally:
        ignore_interrupts()
        with suppress(RCLError):  # the signal handlers may be shutting down at the same time
            rclpy.try_shutdown()
        ignore_interrupts()  # rclpy has restored the previous handler


def _noted_interrupts() -> list[int]:
    """A list that grows with each SIGINT. Call it before `rclpy.init`, whose handlers call the previous one."""
    interrupts: list[int] = []

    def interrupt(number: int, frame: FrameType | None) -> None:
        interrupts.append(number)
        signal.default_int_handler(number, frame)

    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # else it is ignored, or handled by the caller
        signal.signal(signal.SIGINT, interrupt)
    return interrupts


def _bad_arguments(error: Exception) -> BadArguments:
    unknown = isinstance(error, UnknownROSArgsError)
    return BadArguments(f"unknown ROS arguments after --ros-args: {error}" if unknown else str(error))


def ignore_interrupts() -> None:
    """Ignore SIGINT during cleanup: `ros2 launch` without a terminal sends a second one, and so do users."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
