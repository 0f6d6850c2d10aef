"""Start of Warp, which renders on the CPU or on CUDA, without messages that concern nobody."""

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager

import warp as wp


def start_warp() -> None:
    """Initialise Warp. Without a CUDA driver it would warn of that, although rendering on the CPU needs none."""
    wp.config.log_level = wp.LOG_WARNING
    if _has_cuda_driver():
        wp.init()
        return
    with _silent():  # the warning is printed in C, whatever the log level
        wp.init()


def _has_cuda_driver() -> bool:
    try:
        ctypes.CDLL("libcuda.so.1")
    except OSError:
        return False
    return True


@contextmanager
def _silent() -> Iterator[None]:
    """Drops the standard error output within the body, also that of C. Errors of Python are raised as ever."""
    kept, nothing = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nothing)
