"""The ROS graph: who publishes a topic and with which QoS, and which other topics the node could use instead."""

from collections import defaultdict
from collections.abc import Mapping, Set
from contextlib import suppress
from typing import Any

from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSCompatibility, QoSProfile, ReliabilityPolicy, qos_check_compatible
from rclpy.subscription import Subscription
from rclpy.topic_endpoint_info import TopicEndpointInfo
from sensor_msgs.msg import CameraInfo, CompressedImage, Image

from fingerpose_ros.session import RCLError


def type_name(kind: Any) -> str:
    """The ROS name of a message's class, such as sensor_msgs/msg/Image."""
    return f"{kind.__module__.partition('.')[0]}/msg/{kind.__name__}"


IMAGE, COMPRESSED, CAMERA_INFO = map(type_name, (Image, CompressedImage, CameraInfo))

TRANSPORT_SUFFIX = "/compressedDepth"
"""Of image_transport's topics with compressed depth images."""

MOST_REMEDIES = 4
"""Remedies that are named at most: a robot with many cameras has many topics."""


def describe(node: Node, subscription: Subscription) -> str:
    """Why nothing may arrive on a topic: its publishers, their QoS, and what could be used instead.

    Args:
        subscription: one of the node's.
    """
    topic, kind = subscription.topic_name, type_name(subscription.msg_type)
    ends = node.get_publishers_info_by_topic(topic)
    text = f"{topic} ({kind}): {len(ends) or 'no'} publisher{'s' * (len(ends) > 1)}"
    if ends:
        text += ", " + " and ".join(_publisher(end, kind, subscription.qos_profile) for end in ends)
    published = _published_by_others(node)
    if kind in (IMAGE, COMPRESSED):
        remedies = _image_remedies(topic, kind, published)
    else:
        name = "depth/camera_info" if kind == CAMERA_INFO else topic.rpartition("/")[2]
        remedies = _remedies(topic, kind, name, published)
    return f"{text}. To use what is published: {', or '.join(remedies[:MOST_REMEDIES])}" if remedies else text


def has_compatible_publisher(node: Node, subscription: Subscription) -> bool:
    """Whether anyone publishes the topic in a way that the subscription can receive."""
    kind = type_name(subscription.msg_type)
    return any(
        end.topic_type == kind and _compatible(end, subscription.qos_profile)
        for end in node.get_publishers_info_by_topic(subscription.topic_name)
    )


def _compatible(end: TopicEndpointInfo, wanted: QoSProfile) -> bool:
    return qos_check_compatible(end.qos_profile, wanted)[0] != QoSCompatibility.ERROR


def _publisher(end: TopicEndpointInfo, kind: str, wanted: QoSProfile) -> str:
    name = f"{end.node_namespace.rstrip('/')}/{end.node_name} ({_qos(end.qos_profile)})"
    if end.topic_type != kind:
        return f"{name} with another type, {end.topic_type}"
    if _compatible(end, wanted):
        return name
    return f"{name}, incompatible with the node's ({_qos(wanted)}): set the parameter reliability to best_effort"


def _qos(profile: QoSProfile) -> str:
    reliability = "reliable" if profile.reliability == ReliabilityPolicy.RELIABLE else "best effort"
    durability = "transient local" if profile.durability == DurabilityPolicy.TRANSIENT_LOCAL else "volatile"
    return f"{reliability}, {durability}"


def _published_by_others(node: Node) -> Mapping[str, Set[str]]:
    """Topic -> the types with which other nodes publish it."""
    published: dict[str, set[str]] = defaultdict(set)
    for name, namespace in node.get_node_names_and_namespaces():
        if (name, namespace) == (node.get_name(), node.get_namespace()):
            continue
        with suppress(RCLError):  # that node has just ended
            for topic, kinds in node.get_publisher_names_and_types_by_node(name, namespace):
                published[topic] |= set(kinds)
    return published


def _image_remedies(subscribed: str, kind: str, published: Mapping[str, Set[str]]) -> list[str]:
    """What to set for each depth image topic that is published. `compressedDepth` topics go by their image topic."""
    offers = {(topic, "raw") for topic, kinds in published.items() if IMAGE in kinds and _is_depth(topic)}
    offers |= {
        (topic.removesuffix(TRANSPORT_SUFFIX), "compressedDepth")
        for topic, kinds in published.items()
        if COMPRESSED in kinds and topic.endswith(TRANSPORT_SUFFIX)
    }
    transport = "compressedDepth" if kind == COMPRESSED else "raw"
    own = subscribed.removesuffix(TRANSPORT_SUFFIX)
    remedies = []
    for topic, offered in sorted(offers, key=lambda offer: (offer[0] != own, "depth" not in offer[0].lower(), offer)):
        changes = [] if topic == own else [f"remap depth/image_rect_raw to {topic}"]
        if offered != transport:
            if (topic, transport) in offers:
                continue
            changes.append(f"set the parameter image_transport to {offered}")
        if changes:
            remedies.append(" and ".join(changes))
    return remedies


def _is_depth(topic: str) -> bool:
    """Whether a topic's name is that of depth images. Drivers give their infrared images the second name too."""
    return "depth" in topic.lower() or topic.endswith("/image_rect_raw")


def _remedies(subscribed: str, kind: str, name: str, published: Mapping[str, Set[str]]) -> list[str]:
    """What to remap, `name`, to each topic of the same type that is published."""
    topics = {topic for topic, kinds in published.items() if kind in kinds} - {subscribed}
    return [
        f"remap {name} to {topic}" for topic in sorted(topics, key=lambda topic: ("depth" not in topic.lower(), topic))
    ]
