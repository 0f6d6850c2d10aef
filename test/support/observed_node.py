"""Fixtures and helpers: a node with a stand-in estimator that is fed directly, and an observer of its topics."""

import pytest
import rclpy
from messages import camera_info, image
from rclpy.context import Context
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.time import Time
from stand_in import stand_in

from fingerpose_ros.node.node import HandPoseNode
from fingerpose_ros.replay.recorder import Recorder
from fingerpose_ros.testing import spinning, wait_until


def make_node(context, estimator_factory=stand_in, cli_args=(), **settings):
    overrides = [Parameter(name, value=value) for name, value in settings.items()]
    return HandPoseNode(estimator_factory, context=context, parameter_overrides=overrides, cli_args=list(cli_args))


@pytest.fixture
def other_context(ros_context):
    """A second context in the same domain, like another process."""
    context = Context()
    rclpy.init(context=context)
    yield context
    rclpy.try_shutdown(context=context)


@pytest.fixture
def observer(ros_context):
    return Node("observer", context=ros_context)


@pytest.fixture
def running(ros_context, observer):
    """A running node and a recorder of its topics."""
    node, recorder = make_node(ros_context), Recorder(observer)
    node.start()
    with spinning(node, observer):
        wait_for_subscriptions(node, observer)
        yield node, recorder


def wait_for_subscriptions(node, observer):
    """Wait until a node and an observer, both spinning, are connected."""
    topics = [subscription.topic_name for subscription in observer.subscriptions]
    assert wait_until(lambda: all(node.count_subscribers(topic) for topic in topics))
    wait_until(lambda: False, 0.2)  # the two ends of a connection are matched at slightly different times


def run_transitions(node, *triggers):
    """Run a spinning node's transitions in its executor's thread, like its services. Returns their results."""
    task = node.executor.create_task(lambda: [trigger() for trigger in triggers])
    assert wait_until(task.done)
    return task.result()


def feed(node, depth, stamp=100.0):
    node.image_input.receive_camera_info(camera_info(depth.shape[1], depth.shape[0], stamp))
    node.image_input.receive_image(image(depth, stamp))


def feed_and_wait(node, depth, stamp=100.0):
    """Give the node an image and wait until it is processed."""
    before = node.report()
    feed(node, depth, stamp)
    assert wait_until(lambda: processed(node.report()) > processed(before))
    return node.report()


def processed(report):
    return report.answered + report.dropped + sum(report.rejected.values())


def stamps(messages):
    return [Time.from_msg(message.header.stamp).nanoseconds * 1e-9 for message in messages]
