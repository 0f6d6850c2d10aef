"""Two nodes of the same name on one graph."""

import pytest

pytest.importorskip("rclpy", reason="ROS 2 is not installed")

from observed_node import make_node

from fingerpose_ros.testing import spinning, wait_until


def test_a_second_node_of_the_same_name_warns(ros_context, other_context, capfd):
    first, second = make_node(ros_context), make_node(other_context, cli_args=["--ros-args", "-r", "__ns:=/robot"])
    with spinning(first), spinning(second):
        wait_until(lambda: False, 1.5)  # names in different namespaces differ
    assert "nodes are called" not in capfd.readouterr().err
    first, second = make_node(ros_context, autostart=False), make_node(other_context)
    log = []

    def warned():
        log.append(capfd.readouterr().err)
        return "2 nodes are called /hand_pose_node: " in "".join(log)

    with spinning(second):  # the first one need not even run
        assert wait_until(warned, 8)
        wait_until(lambda: False, 1.2)
        log.append(capfd.readouterr().err)
    assert "".join(log).count("2 nodes are called") == 1 and "-r __ns:=" in "".join(log)
    first.close()
