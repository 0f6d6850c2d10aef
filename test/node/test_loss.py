"""Images that are lost between processes, while their camera infos arrive."""

import itertools

import pytest

pytest.importorskip("rclpy", reason="ROS 2 is not installed")

from bags import depth_frame
from diagnostic_msgs.msg import DiagnosticStatus
from messages import camera_info, image
from observed_node import make_node, wait_for_subscriptions
from sensor_msgs.msg import CameraInfo, Image

from fingerpose_ros.node import loss
from fingerpose_ros.replay.recorder import Recorder
from fingerpose_ros.testing import spinning, wait_until


@pytest.fixture
def drive(ros_context, observer, monkeypatch):
    """`drive(every, shift)` -> a running node and its recorder, fed with 100 camera infos a second.

    Every `every`th one is followed by its image (0: none), whose stamp differs by `shift` seconds.
    """
    monkeypatch.setattr(loss, "WINDOW", 0.6)
    node, recorder = make_node(ros_context), Recorder(observer)
    images = observer.create_publisher(Image, "depth/image_rect_raw", 10)
    infos = observer.create_publisher(CameraInfo, "depth/camera_info", 10)
    node.start()
    count = itertools.count(1)
    with spinning(node, observer):
        wait_for_subscriptions(node, observer)

        def start(every, shift=0.0):
            def send():
                number = next(count)
                infos.publish(camera_info(stamp=number / 10))
                if every and number % every == 0:
                    images.publish(image(depth_frame(0), number / 10 + shift))

            return observer.create_timer(0.01, send)

        yield node, recorder, start


def messages(recorder):
    return [status.message for array in recorder.diagnostics for status in array.status]


@pytest.mark.parametrize("every", [0, 3])
def test_lost_images_are_noticed_and_the_remedy_is_named(drive, observer, every, capfd):
    node, recorder, start = drive
    timer = start(every)
    assert wait_until(lambda: any("images did not arrive" in message for message in messages(recorder)), 8)
    status = next(s for a in recorder.diagnostics for s in a.status if "did not arrive" in s.message)
    assert status.level == DiagnosticStatus.WARN
    assert int({value.key: value.value for value in status.values}["lost"]) >= 5
    warning = next(line for line in capfd.readouterr().err.splitlines() if "did not arrive" in line)
    assert "config/fastdds.xml" in warning and "reliability: reliable" in warning
    observer.destroy_timer(timer)
    start(1)
    assert wait_until(lambda: node.report().loss == "", 5)


@pytest.mark.parametrize(("every", "shift"), [(1, 0.0), (3, 0.05)], ids=("all arrive", "stamped differently"))
def test_other_streams_give_no_warning(drive, every, shift, capfd):
    node, _, start = drive
    start(every, shift)
    assert wait_until(lambda: node.report().received > 40, 8)
    wait_until(lambda: False, 0.7)
    assert node.report().lost == 0 and "did not arrive" not in capfd.readouterr().err


def test_camera_infos_whose_images_nobody_publishes_are_no_loss(ros_context, observer, monkeypatch, capfd):
    monkeypatch.setattr(loss, "WINDOW", 0.3)
    node = make_node(ros_context)
    infos = observer.create_publisher(CameraInfo, "depth/camera_info", 10)
    node.start()
    count = itertools.count(1)
    with spinning(node, observer):
        assert wait_until(infos.get_subscription_count)
        observer.create_timer(0.01, lambda: infos.publish(camera_info(stamp=next(count) / 10)))
        wait_until(lambda: False, 1.5)
        assert next(count) > 20 and node.report().lost == 0
    assert "did not arrive" not in capfd.readouterr().err
