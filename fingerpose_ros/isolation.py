"""Keeps ROS traffic on this machine, and apart from that of a robot."""

import os
from collections.abc import MutableMapping

from fingerpose_ros.share import share_folder


def isolate(environment: MutableMapping[str, str] = os.environ) -> None:
    """Set the variables of this process, and of those it starts, before `rclpy.init`.

    Only this machine is spoken to, and images stay within DDS's shared memory unless a profile for DDS is set already.
    The domain is one of this process's own. It is never the one that is set, the robot's: who listens there must not
    take a recording for the present.
    """
    environment["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"
    domains = (str(1 + (os.getpid() + shift) % 100) for shift in (0, 50))
    environment["ROS_DOMAIN_ID"] = next(domain for domain in domains if domain != environment.get("ROS_DOMAIN_ID"))
    names = ("FASTRTPS_DEFAULT_PROFILES_FILE", "FASTDDS_DEFAULT_PROFILES_FILE")
    if not any(name in environment for name in names):
        for name in names:
            environment[name] = str(share_folder() / "config" / "fastdds.xml")
