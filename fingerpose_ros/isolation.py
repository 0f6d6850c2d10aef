"""Keeps ROS traffic on this machine and separate from a robot's."""

import os
import socket
from collections.abc import Mapping, MutableMapping

from fingerpose_ros.share import share_folder

DOMAINS = range(1, 101)
"""Ids that may be chosen: not 0, which is ROS's default. With higher ones, ports collide with those of the system."""

LOCK, PARTICIPANTS = 2, range(10, 30, 2)
"""UDP ports of a domain, counted from 7400 + 250 x id (RTPS 2.5, 9.6.2): one that RTPS leaves unused, whose binding
reserves the domain; and those that its first ten participants bind."""

_reserved: dict[int, socket.socket] = {}
"""The domains of this process, each with the bound socket that other processes notice. It ends with the process."""


def isolate(environment: MutableMapping[str, str] = os.environ) -> None:
    """Set the environment of this process and its children. Call it before `rclpy.init`.

    Discovery is limited to this machine. Fast DDS gets the package's shared-memory profile, unless a profile is set.
    The domain is one that no other process of this machine has taken in this way, and in which no node was found. It
    stays reserved until this process ends. It is never the one already set, which may be a robot's: its nodes must
    not take a recording for live data.

    Raises:
        OSError: all domains are in use.
    """
    environment["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"
    environment["ROS_DOMAIN_ID"] = str(_reserve(environment.get("ROS_DOMAIN_ID")))
    environment.update(fast_dds_profile(environment))


def _reserve(given: str | None) -> int:
    """A domain of this process other than `given`, which is reserved now unless it already was."""
    start = os.getpid() % len(DOMAINS)  # so that a domain is seldom used twice in a row
    for domain in (*_reserved, *DOMAINS[start:], *DOMAINS[:start]):
        if str(domain) != given and (domain in _reserved or _lock(domain)):
            return domain
    raise OSError(f"all {len(DOMAINS)} ROS domains of this machine are in use; end other replays, tests or nodes")


def _lock(domain: int) -> bool:
    """Reserve a domain, if nobody uses it."""
    first = 7400 + 250 * domain
    lock = _bound("127.0.0.1", first + LOCK)
    if lock is None:
        return False
    for offset in PARTICIPANTS:
        free = _bound("", first + offset)
        if free is None:
            lock.close()
            return False
        free.close()
    _reserved[domain] = lock
    return True


def _bound(address: str, port: int) -> socket.socket | None:
    """A UDP socket bound to the port; None if another is."""
    one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        one.bind((address, port))
    except OSError:
        one.close()
        return None
    return one


def fast_dds_profile(environment: Mapping[str, str]) -> dict[str, str]:
    """The variable to set, so that Fast DDS takes the package's profile for images; none if the user has set one.

    Jazzy reads the older name. Later distributions warn of it, so they get the newer one only.
    """
    older, newer = "FASTRTPS_DEFAULT_PROFILES_FILE", "FASTDDS_DEFAULT_PROFILES_FILE"
    if older in environment or newer in environment:
        return {}
    name = older if environment.get("ROS_DISTRO", "jazzy") == "jazzy" else newer
    return {name: str(share_folder() / "config" / "fastdds.xml")}
