"""Fixtures for all tests, and tests to leave out on this machine. Tests of ROS are skipped without ROS."""

import importlib.util
import re
import signal
from pathlib import Path

from hypothesis import settings

# The duration of an example depends more on the machine than on the code.
settings.register_profile("any machine", deadline=None)
settings.load_profile("any machine")

# A shell without job control starts jobs with Ctrl-C ignored, and their children inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)

pytest_plugins = ["oracle"]
if importlib.util.find_spec("rclpy"):
    pytest_plugins += ["fingerpose_ros.testing", "observed_node"]

# A robot does not have the training requirements, and need not run the tests of training.
collect_ignore = []
if not all(importlib.util.find_spec(module) for module in ("torch", "tqdm", "warp")):
    needs_training = re.compile(r"^(import|from) (torch|training)\b", re.MULTILINE)
    tests = sorted(Path(__file__).parent.rglob("test_*.py"))
    collect_ignore = [
        str(path.relative_to(Path(__file__).parent)) for path in tests if needs_training.search(path.read_text())
    ]
else:
    pytest_plugins += ["opened_datasets"]


def pytest_report_header() -> str | None:
    if collect_ignore:
        return f"left out, as requirements/training.txt is not installed: {', '.join(collect_ignore)}"
    return None
