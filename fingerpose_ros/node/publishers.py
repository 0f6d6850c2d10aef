"""The topics that the node publishes for each image."""

from collections.abc import Set

import numpy as np
from geometry_msgs.msg import PoseArray, PoseStamped
from rclpy.lifecycle import LifecycleNode, LifecyclePublisher
from sensor_msgs.msg import Image, JointState
from std_msgs.msg import Header
from tf2_msgs.msg import TFMessage
from visualization_msgs.msg import MarkerArray

from fingerpose_ros.msg import HandPoseArray
from fingerpose_ros.perception import drawing
from fingerpose_ros.perception.camera import Camera
from fingerpose_ros.perception.hand import LEFT, RIGHT, Hand
from fingerpose_ros.ros import hand_messages, overlay
from fingerpose_ros.ros.hand_labels import HandLabels
from fingerpose_ros.ros.markers import markers
from fingerpose_ros.ros.transforms import transforms


class Publishers:
    """Publishers of hand poses and of all other topics derived from them.

    Args:
        frame_prefix: prefix of every joint's frame name.
        overlay: whether to offer the overlay; it is drawn only while it has subscribers.
        max_distance: depth in metres that the overlay draws darkest.

    Raises:
        RCLError: two topics of different types are remapped to one name.
    """

    def __init__(self, node: LifecycleNode, frame_prefix: str, overlay: bool, max_distance: float):
        self._node = node
        self._frame_prefix = frame_prefix
        self._max_distance = max_distance
        self._labels = HandLabels()
        self._drawn: set[str] = set()
        self._publishers: list[LifecyclePublisher] = []
        try:
            self._poses = self._publisher(HandPoseArray, "hand_poses", 10)
            self._tf = self._publisher(TFMessage, "/tf", 100)
            self._markers = self._publisher(MarkerArray, "hand_markers", 10)
            self._joint_states = self._publisher(JointState, "hand_joint_states", 10)
            self._joint_poses = {
                label: self._publisher(PoseArray, f"{label}_hand_joints", 10) for label in (RIGHT, LEFT)
            }
            self._wrists = {label: self._publisher(PoseStamped, f"{label}_hand_wrist", 10) for label in (RIGHT, LEFT)}
            self._overlay = self._publisher(Image, "overlay", 2) if overlay else None
        except Exception:
            self.close()
            raise

    def _publisher(self, kind: type, topic: str, depth: int) -> LifecyclePublisher:
        publisher = self._node.create_lifecycle_publisher(kind, topic, depth)
        self._publishers.append(publisher)
        return publisher

    def publish_poses(self, header: Header, hands: list[Hand]) -> None:
        """Publish the answer to one image. Call this first, as robots wait for it."""
        self._poses.publish(hand_messages.hand_pose_array(header, hands))

    def publish_views(
        self, header: Header, depth: np.ndarray, camera: Camera, hands: list[Hand], tracked: Set[int]
    ) -> None:
        """Publish the same hands as TF frames, joint states, markers and, for subscribers, standard poses and overlay.

        Args:
            depth: (height, width) in metres.
            tracked: see `Estimator.tracked`.
        """
        labels = self._labels.assign(hands, tracked)
        frames = transforms(header, self._frame_prefix, labels, hands)
        if frames.transforms:
            self._tf.publish(frames)
        angles = hand_messages.joint_state(header, labels, hands)
        if angles.name:
            self._joint_states.publish(angles)
        self._publish_standard_poses(header, dict(zip(labels, hands, strict=True)))
        drawn = {label for label, hand in zip(labels, hands, strict=True) if hand.valid.any()}
        deleted = self._drawn - drawn
        if drawn or deleted:
            self._markers.publish(markers(header, labels, hands, sorted(deleted)))
        self._drawn = drawn
        if self._overlay and self._overlay.get_subscription_count():
            image = drawing.draw(depth, camera, labels, hands, self._max_distance)
            self._overlay.publish(overlay.image_message(header, image))

    def _publish_standard_poses(self, header: Header, hands: dict[str, Hand]) -> None:
        """The joints and wrist of the hands labelled "right" and "left", for those topics that have subscribers.

        So each topic shows one hand as long as it is tracked, and never jumps to a second hand of that handedness.
        """
        for label, publisher in self._joint_poses.items():
            if label in hands and publisher.get_subscription_count():
                publisher.publish(hand_messages.joint_poses(header, hands[label]))
        for label, publisher in self._wrists.items():
            if label in hands and publisher.get_subscription_count():
                if wrist := hand_messages.wrist_pose(header, hands[label]):
                    publisher.publish(wrist)

    def close(self) -> None:
        for publisher in self._publishers:
            self._node.destroy_lifecycle_publisher(publisher)
