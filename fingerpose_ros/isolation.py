"""Keeps ROS traffic on this machine and separate from a robot's."""

import os
from collections.abc import Mapping, MutableMapping

from fingerpose_ros.share import share_folder


def isolate(environment: MutableMapping[str, str] = os.environ) -> None:
    """Set the environment of this process and its children. Call it before `rclpy.init`.

    Discovery is limited to this machine. Fast DDS gets the package's shared-memory profile, unless a profile is set.
    The domain id depends on the process. It is never the id already set, which may be a robot's: its nodes must not
    take a recording for live data.
    """
    environment["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"
    domains = (str(1 + (os.getpid() + shift) % 100) for shift in (0, 50))
    environment["ROS_DOMAIN_ID"] = next(domain for domain in domains if domain != environment.get("ROS_DOMAIN_ID"))
    environment.update(fast_dds_profile(environment))


def fast_dds_profile(environment: Mapping[str, str]) -> dict[str, str]:
    """The variable to set, so that Fast DDS takes the package's profile for images; none if the user has set one.

    Jazzy reads the older name. Later distributions warn of it, so they get the newer one only.
    """
    older, newer = "FASTRTPS_DEFAULT_PROFILES_FILE", "FASTDDS_DEFAULT_PROFILES_FILE"
    if older in environment or newer in environment:
        return {}
    name = older if environment.get("ROS_DISTRO", "jazzy") == "jazzy" else newer
    return {name: str(share_folder() / "config" / "fastdds.xml")}
