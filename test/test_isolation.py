"""Replays and tests run in a ROS domain of their own, limited to this machine."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from fingerpose_ros import isolation
from fingerpose_ros.isolation import fast_dds_profile, isolate

ROOT = Path(__file__).parents[1]

ISOLATED = """
import os
os.getpid = lambda: 7
from fingerpose_ros.isolation import isolate
environment = {}
isolate(environment)
print(environment["ROS_DOMAIN_ID"], flush=True)
input()
"""
"""A program that would take the same domain at each start, if that were free. It prints its domain."""

NODE = """
import os, sys
os.environ["ROS_DOMAIN_ID"] = sys.argv[1]
import rclpy
rclpy.init()
node = rclpy.create_node("robot")
print("running", flush=True)
input()
"""


@contextmanager
def running(code: str, *arguments: str) -> Iterator[str]:
    """A Python program that runs while the body does; yields the line that it prints first."""
    command = [sys.executable, "-c", code, *arguments]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        try:
            yield process.stdout.readline().strip()
        finally:
            process.kill()


def test_processes_that_run_together_have_different_domains():
    with running(ISOLATED) as first:
        with running(ISOLATED) as second, running(ISOLATED) as third:
            assert len({first, second, third} & {str(domain) for domain in isolation.DOMAINS}) == 3
        with running(ISOLATED) as fourth:
            assert fourth == second  # the domain of a process that has ended is free again


def test_a_domain_with_a_node_is_not_taken():
    pytest.importorskip("rclpy", reason="ROS 2 is not installed")
    with running(ISOLATED) as domain:
        pass
    with running(NODE, domain) as line, running(ISOLATED) as other:
        assert line == "running" and other not in (domain, "")


def test_without_a_free_domain_the_message_says_what_to_do(monkeypatch):
    monkeypatch.setattr(isolation, "DOMAINS", range(5, 6))
    monkeypatch.setattr(isolation, "_reserved", {})
    with pytest.raises(OSError, match="all 1 ROS domains of this machine are in use; end other"):
        isolate({"ROS_DOMAIN_ID": "5"})


@pytest.mark.parametrize("robot_domain", [None, *range(102)])
def test_a_replay_uses_another_domain_than_the_robot(robot_domain):
    environment = {} if robot_domain is None else {"ROS_DOMAIN_ID": str(robot_domain)}
    isolate(environment)
    assert environment["ROS_DOMAIN_ID"] not in ("0", str(robot_domain))
    assert environment["ROS_AUTOMATIC_DISCOVERY_RANGE"] == "LOCALHOST"


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ({}, "FASTRTPS_DEFAULT_PROFILES_FILE"),
        ({"ROS_DISTRO": "jazzy"}, "FASTRTPS_DEFAULT_PROFILES_FILE"),
        ({"ROS_DISTRO": "kilted"}, "FASTDDS_DEFAULT_PROFILES_FILE"),
        ({"FASTRTPS_DEFAULT_PROFILES_FILE": "/my/own.xml"}, None),
        ({"FASTDDS_DEFAULT_PROFILES_FILE": "/my/own.xml"}, None),
    ],
)
def test_fast_dds_gets_the_profile_under_the_name_that_it_reads(given, name):
    assert fast_dds_profile(given) == ({name: str(ROOT / "config" / "fastdds.xml")} if name else {})
