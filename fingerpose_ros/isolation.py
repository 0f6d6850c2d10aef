"""Keeps ROS traffic on this machine, and apart from that of a robot."""

import os
from collections.abc import MutableMapping

from .share import share_folder


def isolate(environment: MutableMapping[str, str] = os.environ) -> None:
    """Set the variables of this process, and of those it starts, before `rclpy.init`.

    Only this machine is spoken to, in a domain of its own unless ROS_DOMAIN_ID says which, and images stay within DDS's
    shared memory unless a profile for DDS is set already.
    """
    environment["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"
    environment.setdefault("ROS_DOMAIN_ID", str(1 + os.getpid() % 100))
    names = ("FASTRTPS_DEFAULT_PROFILES_FILE", "FASTDDS_DEFAULT_PROFILES_FILE")
    if not any(name in environment for name in names):
        for name in names:
            environment[name] = str(share_folder() / "config" / "fastdds.xml")
