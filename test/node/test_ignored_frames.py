"""`ignored_frames`: the parameter, and the node over DDS with a static transform; an oracle replaces the networks."""

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="ROS 2 is not installed")

from geometry_msgs.msg import Quaternion, Transform, TransformStamped, Vector3
from messages import FRAME, camera_info, header, image
from observed_node import make_node, wait_for_subscriptions
from oracle import left_at, picture, right_at
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile
from rendered_scene import CAMERA
from sensor_msgs.msg import CameraInfo, Image
from tf2_msgs.msg import TFMessage

from fingerpose_ros.node import ignored_frames
from fingerpose_ros.node.ignored_frames import parse_ignored_frames
from fingerpose_ros.node.parameters import estimator_settings
from fingerpose_ros.perception.estimator import HandPoseEstimator
from fingerpose_ros.perception.kinematics import palm_position
from fingerpose_ros.replay.recorder import Recorder
from fingerpose_ros.testing import spinning, wait_until

SCENES = [right_at(0.16), left_at(-0.16)]


def test_the_entries_give_a_radius_for_each_frame():
    assert parse_ignored_frames([""]) == parse_ignored_frames([]) == {}
    assert parse_ignored_frames(["tool0: 0.15", " arm/elbow:1 ", ""]) == {"tool0": 0.15, "arm/elbow": 1.0}


@pytest.mark.parametrize(
    ("entries", "problem"),
    [
        (["tool0"], "'tool0'; an entry must be a TF frame and a radius in metres"),
        (["elbow: 0.1", ": 0.15"], "': 0.15'; an entry must be"),
        (["tool0: wide"], "'tool0: wide'; an entry must be"),
        (["tool0: nan"], "'tool0: nan'; an entry must be"),
        (["two words: 0.1"], "'two words: 0.1'; an entry must be"),
        (["tool0: 0"], "'tool0: 0'; the radius must be greater than 0 m and at most 2 m"),
        (["tool0: 150"], "'tool0: 150'; the radius must be"),
        (["tool0: inf"], "'tool0: inf'; the radius must be"),
        (["tool0: 0.1", "tool0: 0.2"], "'tool0: 0.2', but names the frame tool0 twice"),
    ],
)
def test_a_bad_entry_is_named_when_the_node_is_configured(ros_context, entries, problem):
    node = make_node(ros_context, ignored_frames=entries)
    node.start()
    assert problem in node.report().last_error
    node.close()


class Setup:
    """The node, which ignores 0.15 m around `tool0`, a camera that sees two hands, and a robot that publishes TF."""

    def __init__(self, node: Node, robot: Node):
        self.node, self._robot, self._stamp = node, robot, 100.0
        self.recorder = Recorder(robot)
        self._images = robot.create_publisher(Image, "depth/image_rect_raw", 10)
        self._infos = robot.create_publisher(CameraInfo, "depth/camera_info", 10)
        k = [CAMERA.fx, 0.0, CAMERA.cx, 0.0, CAMERA.fy, CAMERA.cy, 0.0, 0.0, 1.0]
        self._k, self._p = k, [*k[:3], 0.0, *k[3:6], 0.0, *k[6:], 0.0]

    def take_image(self):
        """Send an image. Returns the handednesses in the answer."""
        self._stamp += 1 / 30
        before = len(self.recorder.hand_poses)
        self._infos.publish(camera_info(CAMERA.width, CAMERA.height, self._stamp, k=self._k, p=self._p))
        depth = picture(tuple(joints.tobytes() for joints, _ in SCENES), ())
        self._images.publish(image(depth.astype(np.float32), self._stamp))
        assert wait_until(lambda: len(self.recorder.hand_poses) > before)
        return [hand.handedness for hand in self.recorder.hand_poses[-1].hands]

    def place_tool(self, position):
        """Publish the static transform of `tool0`, below a base that is turned against the camera."""
        turned = np.array([-position[1], position[0], position[2]])  # in a base turned by -90 degrees about z
        latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        half = 0.5**0.5
        transforms = [
            transform(FRAME, "base", (0.0, 0.0, 0.0), Quaternion(z=-half, w=half)),
            transform("base", "tool0", turned, Quaternion(w=1.0)),
        ]
        publisher = self._robot.create_publisher(TFMessage, "/tf_static", latched)
        publisher.publish(TFMessage(transforms=transforms))

    def status(self):
        """The next message of /diagnostics."""
        before = len(self.recorder.diagnostics)
        assert wait_until(lambda: len(self.recorder.diagnostics) > before)
        return self.recorder.diagnostics[-1].status[0]


def transform(parent, child, position, rotation) -> TransformStamped:
    x, y, z = map(float, position)
    moved = Transform(translation=Vector3(x=x, y=y, z=z), rotation=rotation)
    return TransformStamped(header=header(0.0, parent), child_frame_id=child, transform=moved)


@pytest.fixture
def setup(ros_context, observer, oracle, monkeypatch):
    monkeypatch.setattr(ignored_frames, "STARTING", 0.0)
    oracle.hands = SCENES
    node = make_node(
        ros_context,
        lambda settings: (HandPoseEstimator(oracle, oracle, estimator_settings(settings)), "oracle"),
        ignored_frames=["tool0: 0.15"],
        reliability="reliable",
    )
    setup = Setup(node, observer)
    node.start()
    with spinning(node, observer):
        wait_for_subscriptions(node, observer)
        yield setup


def test_a_hand_at_an_ignored_frame_is_none_once_its_transform_has_arrived(setup, capfd):
    assert setup.take_image() == [1, 2]
    missing = f"tool0 cannot be ignored in the images of {FRAME}: no transform of a frame"
    assert missing in setup.status().message
    setup.take_image()
    assert capfd.readouterr().err.count(missing) == 1
    setup.place_tool(palm_position(SCENES[0][0]) + (0.0, 0.0, 0.1))
    assert wait_until(lambda: setup.take_image() == [2])
    status = setup.status()
    assert "tool0" not in status.message
    assert {value.key: value.value for value in status.values}["missing ignored frames"] == "none"


def test_a_frame_farther_away_than_its_radius_changes_nothing(setup):
    setup.place_tool(palm_position(SCENES[0][0]) + (0.0, 0.0, 0.2))
    assert wait_until(lambda: setup.take_image() and not setup.node.report().missing_frames)
    assert setup.take_image() == [1, 2]


def test_without_ignored_frames_the_node_does_not_subscribe_to_tf(ros_context):
    node = make_node(ros_context)
    node.start()
    assert "/tf" not in [subscription.topic_name for subscription in node.subscriptions]
    node.close()
