"""Parameters as users give them: integers for doubles, misspelt names; and the node's command line."""

import subprocess
import sys

import pytest

pytest.importorskip("rclpy", reason="ROS 2 is not installed")

from observed_node import make_node
from rcl_interfaces.srv import SetParameters
from rclpy.exceptions import InvalidParameterTypeException
from rclpy.parameter import Parameter

from fingerpose_ros.node.node import main
from fingerpose_ros.node.parameters import SETTINGS
from fingerpose_ros.testing import spinning, wait_until


def test_an_integer_is_taken_for_a_double_in_a_file_and_on_the_command_line(ros_context, tmp_path):
    file = tmp_path / "my_hand.yaml"
    file.write_text("/**:\n  ros__parameters:\n    max_distance: 2\n    smoothing_beta: 30\n    max_hands: 1\n")
    arguments = ["--ros-args", "--params-file", str(file), "-p", "smoothing_min_cutoff:=3"]
    node = make_node(ros_context, cli_args=arguments, autostart=False)
    names = ("max_distance", "smoothing_beta", "smoothing_min_cutoff", "max_hands")
    values = [node.get_parameter(name).value for name in names]
    assert values == [2.0, 30.0, 3.0, 1] and [type(value) for value in values] == [float, float, float, int]
    node.close()


def test_an_integer_is_taken_for_a_double_when_set_by_the_service(ros_context, observer):
    node = make_node(ros_context, autostart=False)
    client = observer.create_client(SetParameters, "/hand_pose_node/set_parameters")
    with spinning(node, observer):
        assert client.wait_for_service(10)
        request = SetParameters.Request(parameters=[Parameter("max_distance", value=2).to_parameter_msg()])
        response = client.call_async(request)
        assert wait_until(response.done) and response.result().results[0].successful
        assert node.get_parameter("max_distance").value == 2.0


def test_an_empty_list_is_taken_in_a_file_on_the_command_line_and_from_ros2_param(ros_context, observer, tmp_path):
    file = tmp_path / "my_hand.yaml"
    file.write_text("/**:\n  ros__parameters:\n    ignored_frames: []\n")
    for given in (["--params-file", str(file)], ["-p", "ignored_frames:=[]"]):
        node = make_node(ros_context, cli_args=["--ros-args", *given], autostart=False)
        assert node.get_parameter("ignored_frames").value == [""]
        node.close()
    node = make_node(ros_context, autostart=False, ignored_frames=["tool0: 0.15"])
    client = observer.create_client(SetParameters, "/hand_pose_node/set_parameters")
    empty = Parameter("ignored_frames", Parameter.Type.BOOL_ARRAY, [])  # of this type with `ros2 param set`
    with spinning(node, observer):
        assert client.wait_for_service(10)
        response = client.call_async(SetParameters.Request(parameters=[empty.to_parameter_msg()]))
        assert wait_until(response.done) and response.result().results[0].successful
        assert node.get_parameter("ignored_frames").value == [""]


def test_an_empty_list_for_a_number_is_named(ros_context):
    with pytest.raises(InvalidParameterTypeException, match="max_hands"):
        make_node(ros_context, cli_args=["--ros-args", "-p", "max_hands:=[]"])


@pytest.mark.parametrize(("name", "value"), [("max_distance", True), ("max_distance", "2"), ("max_hands", 2.0)])
def test_other_types_are_still_rejected(ros_context, name, value):
    with pytest.raises(InvalidParameterTypeException, match=name):
        make_node(ros_context, **{name: value})


def test_unknown_parameters_are_named_with_the_nearest_known_one(ros_context, capfd):
    make_node(ros_context, autostart=False, max_distanse=1.0, wheels=4, use_sim_time=False, max_hands=1).close()
    warnings = [line for line in capfd.readouterr().err.splitlines() if "unknown" in line]
    assert [line.partition("]: ")[2] for line in warnings] == [
        "the parameter max_distanse is unknown and ignored; do you mean max_distance?",
        "the parameter wheels is unknown and ignored; hand_pose_node --help lists the known ones",
    ]


def test_the_node_prints_its_usage():
    command = [sys.executable, "-m", "fingerpose_ros.node", "--help"]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert result.returncode == 0 and not result.stderr
    assert "-r depth/image_rect_raw:=TOPIC" in result.stdout and "--params-file FILE" in result.stdout
    assert all(f"\n  {setting.name} (" in result.stdout for setting in SETTINGS)


def test_an_argument_without_ros_args_is_rejected_with_the_usage(capsys):
    with pytest.raises(SystemExit) as caught:
        main(["hand_pose_node", "--params-file", "my_hand.yaml"])
    assert caught.value.code == 2
    error = capsys.readouterr().err
    assert "unrecognized arguments: --params-file my_hand.yaml" in error and "[--ros-args ...]" in error
