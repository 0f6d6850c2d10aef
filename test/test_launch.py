"""Runs the launch files: the node starts in its namespace with the requested parameters."""

import os
import re
import runpy
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

pytest.importorskip("rclpy", reason="ROS 2 is not installed")
pytest.importorskip("launch_ros", reason="launch_ros is not installed (ROS 2 from PyPI has none)")

from ament_index_python.packages import PackageNotFoundError, get_package_prefix
from bags import depth_frame, write_bag
from rcl_interfaces.srv import GetParameters
from rclpy.node import Node

from fingerpose_ros.testing import spinning, wait_until

LAUNCH, CONFIG = (Path(__file__).parents[1] / name for name in ("launch", "config"))

RUN = """
import sys
from launch import LaunchDescription, LaunchService
from launch.actions import IncludeLaunchDescription
from launch.launch_description_sources import PythonLaunchDescriptionSource

arguments = [argument.split(":=", 1) for argument in sys.argv[2:]]
included = IncludeLaunchDescription(PythonLaunchDescriptionSource(sys.argv[1]), launch_arguments=arguments)
service = LaunchService(noninteractive=True)  # so that it forwards SIGINT, like a terminal
service.include_launch_description(LaunchDescription([included]))
sys.exit(service.run())
"""


@pytest.fixture(autouse=True)
def installed():
    try:
        prefix = get_package_prefix("fingerpose_ros")
    except PackageNotFoundError:
        pytest.skip("fingerpose_ros is not installed: build it with colcon")
    if not (Path(prefix) / "lib" / "fingerpose_ros" / "hand_pose_node").exists():
        pytest.skip(f"fingerpose_ros in {prefix} has no executables: build it with colcon")


@pytest.fixture
def launched(ros_context, tmp_path):
    """`launched(file, *arguments)` -> the process, and a file with its output."""
    processes = []

    def launch(file, *arguments):
        output = tmp_path / f"output_{len(processes)}"
        environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
        for name in ("FASTRTPS_DEFAULT_PROFILES_FILE", "FASTDDS_DEFAULT_PROFILES_FILE"):
            environment.pop(name, None)  # as for a user who has not set them
        process = subprocess.Popen(
            [sys.executable, "-c", RUN, str(LAUNCH / file), *arguments],
            stdout=output.open("w"), stderr=subprocess.STDOUT, env=environment, start_new_session=True,
        )  # fmt: skip
        processes.append(process)
        return process, output

    yield launch
    for process in processes:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)


def read_parameters(node, name, *parameters):
    client = node.create_client(GetParameters, f"{name}/get_parameters")
    assert client.wait_for_service(20), f"{name} did not start"
    future = client.call_async(GetParameters.Request(names=list(parameters)))
    assert wait_until(future.done)
    return future.result().values


def test_the_node_starts_with_its_parameters_in_its_namespace(launched, ros_context):
    process, output = launched("hand.launch.py", "namespace:=arm", "backend:=torch", "use_sim_time:=True")
    node = Node("observer", context=ros_context)
    with spinning(node):
        backend, sim_time, sigma = read_parameters(node, "/arm/hand_pose_node", "backend", "use_sim_time", "max_sigma")
        assert (backend.string_value, sim_time.bool_value, sigma.double_value) == ("torch", True, 0.03)
    environ = Path(f"/proc/{pid_of_node(output)}/environ").read_bytes().decode()
    assert re.search(r"FASTRTPS_DEFAULT_PROFILES_FILE=\S*/config/fastdds.xml", environ)
    process.send_signal(signal.SIGINT)
    assert process.wait(15) == 0
    assert "Traceback" not in output.read_text()


def test_use_sim_time_of_the_parameter_file_is_used(launched, ros_context, tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text("/**:\n  ros__parameters:\n    use_sim_time: true\n    threads: 1\n")
    launched("hand.launch.py", f"params_file:={file}")
    node = Node("observer", context=ros_context)
    with spinning(node):
        sim_time, threads = read_parameters(node, "/hand_pose_node", "use_sim_time", "threads")
    assert sim_time.bool_value and threads.integer_value == 1


def test_weights_and_log_level_are_passed_to_the_node(launched, ros_context, tmp_path):
    weights = tmp_path / "mine.safetensors"
    _, output = launched("hand.launch.py", f"model:={weights}", "log_level:=debug")
    node = Node("observer", context=ros_context)
    with spinning(node):
        (model,) = read_parameters(node, "/hand_pose_node", "model")
    assert model.string_value == str(weights)
    assert wait_until(lambda: re.search(r"\[FATAL\].*mine\.safetensors", output.read_text()))  # the file does not exist
    assert "[DEBUG]" in output.read_text()


def pid_of_node(output):
    found = re.search(r"\[hand_pose_node-\d\]: process started with pid \[(\d+)\]", output.read_text())
    assert found, output.read_text()
    return found[1]


@pytest.mark.parametrize(("profile", "kept"), [(None, False), ("/my/own.xml", True)])
def test_a_profile_that_the_user_has_set_is_kept(monkeypatch, profile, kept):
    from launch import LaunchContext
    from launch.actions import SetEnvironmentVariable
    from launch.launch_description_sources import PythonLaunchDescriptionSource

    monkeypatch.delenv("FASTRTPS_DEFAULT_PROFILES_FILE", raising=False)
    monkeypatch.delenv("FASTDDS_DEFAULT_PROFILES_FILE", raising=False)
    if profile:
        monkeypatch.setenv("FASTDDS_DEFAULT_PROFILES_FILE", profile)
    description = PythonLaunchDescriptionSource(str(LAUNCH / "hand.launch.py")).get_launch_description(LaunchContext())
    entities = [inner for entity in description.entities for inner in entity.get_sub_entities()]
    assert entities
    assert kept != any(isinstance(entity, SetEnvironmentVariable) for entity in entities)


INCLUDING = """
from launch import LaunchDescription
from launch.actions import ExecuteProcess, IncludeLaunchDescription
from launch.launch_description_sources import PythonLaunchDescriptionSource

def generate_launch_description():
    included = IncludeLaunchDescription(PythonLaunchDescriptionSource({path!r}))
    return LaunchDescription([included, ExecuteProcess(cmd=["sh", "-c", "env > {seen} && touch {seen}.done"])])
"""


def test_other_actions_of_an_including_launch_file_keep_their_environment(launched, tmp_path):
    parent, seen = tmp_path / "robot.launch.py", tmp_path / "seen"
    parent.write_text(INCLUDING.format(path=str(LAUNCH / "hand.launch.py"), seen=seen))
    _, output = launched(parent)
    assert wait_until((tmp_path / "seen.done").exists, 20), output.read_text()
    assert "PYTHONUNBUFFERED=1" in seen.read_text() and "DEFAULT_PROFILES_FILE" not in seen.read_text()
    assert pid_of_node(output)


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("camera:=kinect", "realsense"),
        ("backend:=tensorflow", "openvino"),
        ("params_file:=/no/such.yaml", "params_file:=/no/such.yaml is not a file"),
        ("bag:=/no/such", "bag:=/no/such cannot be replayed"),
        ("bag:=/a/bag camera:=realsense", "camera:=realsense and bag:=/a/bag would both send images"),
        ("bag:=/a/bag use_sim_time:=false", "use_sim_time:=false, but bag:=/a/bag is replayed in simulated time"),
        ("rate:=fast", "rate:=fast is not a positive number"),
        ("rate:=-1", "rate:=-1 is not a positive number"),
        ("bag_image_topic:=/no/such", "no /no/such; its image topics: /camera/depth/image_rect_raw"),
    ],
)
def test_invalid_arguments_are_rejected_before_anything_starts(launched, tmp_path, argument, message):
    bag = [f"bag:={write_bag(tmp_path / 'bag', [depth_frame(0)])}"] if argument.startswith("bag_") else []
    process, output = launched("hand.launch.py", *argument.split(), *bag)
    assert process.wait(20) != 0
    text = output.read_text()
    assert message in text and argument.split()[0].partition(":=")[2] in text and "process started" not in text


@pytest.mark.parametrize(
    ("argument", "package", "apt_name"),
    [("rviz:=true", "rviz2", "rviz2"), ("camera:=realsense", "realsense2_camera", "realsense2-camera")],
)
def test_a_missing_package_is_named_and_nothing_is_started(launched, argument, package, apt_name):
    with suppress(PackageNotFoundError):
        get_package_prefix(package)
        pytest.skip(f"{package} is installed")
    process, output = launched("hand.launch.py", argument)
    assert process.wait(20) != 0
    text = output.read_text()
    assert "sudo apt install" in text and apt_name in text and "process started" not in text


def test_the_camera_info_is_in_the_namespace_of_the_images(launched, ros_context):
    launched("hand.launch.py", "namespace:=arm", "image_topic:=depth")
    node = Node("observer", context=ros_context)
    with spinning(node):
        assert wait_until(
            lambda: node.count_subscribers("/arm/camera_info") and node.count_subscribers("/arm/depth"), 20
        )


def test_a_bag_is_repeated_in_lock_step(launched, ros_context, tmp_path):
    path = write_bag(tmp_path / "bag", [depth_frame(i, hands=0) for i in range(3)])
    _, output = launched("replay.launch.py", f"bag:={path}", "lock_step:=true", "loop:=true")
    assert wait_until(lambda: re.search(r"active; waiting|cannot configure", output.read_text()), 60)
    if "cannot configure" in output.read_text():
        pytest.skip("there are no weights, or no engine to run them")
    assert wait_until(lambda: output.read_text().count("3 images played, 3 answered") > 1, 60), output.read_text()


def test_a_tilde_in_a_path_is_the_home_folder(monkeypatch, tmp_path):
    from launch import LaunchContext

    from fingerpose_ros.launching import argument, values

    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "mine.yaml").write_bytes((CONFIG / "hand.yaml").read_bytes())
    given = {"params_file": "~/mine.yaml", "model": "", "bag": "~/bags/one", "rate": "~"}
    context = LaunchContext()
    context.launch_configurations.update(given)
    arguments = [argument(name, "", "") for name in given]
    assert values(context, arguments, ("params_file", "model", "bag"), CONFIG / "hand.yaml") == given | {
        "params_file": f"{tmp_path}/mine.yaml",
        "bag": f"{tmp_path}/bags/one",
    }


@pytest.mark.parametrize(
    ("file", "argument", "warning"),
    [
        ("hand.launch.py", "max_distance:=2.0", "max_distance:=... has no effect: it is a parameter of the node"),
        ("hand.launch.py", "imagetopic:=/depth", "imagetopic:=... has no effect: there is no such"),
        ("retarget.launch.py", "rest_pose:=[]", "rest_pose:=... has no effect: it is a parameter of the node"),
        ("retarget.launch.py", "robot:=mine", ""),  # may be an including launch file's
    ],
)
def test_what_is_no_argument_gives_a_warning(launched, file, argument, warning):
    _, output = launched(file, argument)
    assert wait_until(lambda: "process started" in output.read_text(), 20)
    text = output.read_text()
    assert warning in text if warning else "has no effect" not in text


def test_the_retarget_node_starts_with_its_parameters_and_remappings(launched, ros_context, tmp_path):
    arguments = [f"params_file:={CONFIG / 'retarget_gripper.yaml'}", "controller:=/gripper/", "use_sim_time:=true"]
    launched("retarget.launch.py", "namespace:=arm", *arguments)
    node = Node("observer", context=ros_context)
    with spinning(node):
        mapping, sim_time = read_parameters(node, "/arm/retarget_node", "mapping", "use_sim_time")
        assert (mapping.string_value, sim_time.bool_value) == ("gripper", True)
        assert wait_until(lambda: node.count_publishers("/gripper/joint_trajectory"), 20)


@pytest.mark.parametrize("transport", ["raw", "compressedDepth"])
def test_a_bag_is_replayed_into_the_node(launched, ros_context, tmp_path, transport):
    path = write_bag(tmp_path / "bag", [depth_frame(i, hands=0) for i in range(30)], transport=transport)
    _, output = launched("replay.launch.py", f"bag:={path}")
    assert wait_until(lambda: re.search(r"active; waiting|cannot configure", output.read_text()), 60)
    if "cannot configure" in output.read_text():
        pytest.skip("there are no weights, or no engine to run them")
    played = re.compile(r"30 images played, (\d+) answered")  # printed by the player, which waits for the node
    assert wait_until(lambda: played.search(output.read_text()), 60), output.read_text()
    assert int(played.search(output.read_text())[1]) >= 20


@pytest.mark.parametrize(
    ("outer", "namespace", "images"),
    [
        ("", "", "/camera/camera/depth/image_rect_raw"),
        ("", "arm", "/arm/camera/depth/image_rect_raw"),
        ("r1", "", "/r1/camera/camera/depth/image_rect_raw"),
        ("r1/left", "arm", "/r1/left/arm/camera/depth/image_rect_raw"),
    ],
)
def test_the_image_topic_is_that_of_the_started_driver(outer, namespace, images):
    """An including launch file may have pushed a namespace, which also applies to the driver's node."""
    topics = runpy.run_path(str(LAUNCH / "hand.launch.py"))["topics"]
    given = {"camera": "realsense", "image_topic": "", "info_topic": ""}
    assert topics(given, outer, namespace) == (images, images.replace("image_rect_raw", "camera_info"))
