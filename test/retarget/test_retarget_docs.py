"""The documented parameters and the files in config/ match the code and the robots that they are for."""

import pytest

pytest.importorskip("rclpy", reason="ROS 2 is not installed")

from documented import parameter_rows, parameters_in, table_rows, unexplained
from robots import allegro_urdf, gripper_urdf

from fingerpose_ros.retarget.outputs import TOPICS
from fingerpose_ros.retarget.parameters import SETTINGS
from fingerpose_ros.retarget.plan import make_plan
from fingerpose_ros.retarget.safety import State

DEFAULTS = {setting.name: setting.default for setting in SETTINGS}


def test_the_table_of_parameters_matches_the_code():
    assert table_rows("retarget.md", "## Parameters") == parameter_rows(SETTINGS)


def test_the_tables_of_topics_and_states_match_the_code():
    topics = {row.split("`")[1]: row.split("`")[3] for row in table_rows("retarget.md", "## Topics and services")}
    for kind, topic in TOPICS.values():
        assert topics[topic].endswith(f"/{kind.__name__}")
    states = [row.split("|")[1].strip() for row in table_rows("retarget.md", "## What it does, and when")]
    assert set(states) == {state.value for state in State}


def test_the_parameter_file_holds_every_parameter_with_its_default_and_an_explanation():
    assert parameters_in("retarget.yaml") == DEFAULTS
    assert not unexplained("retarget.yaml", SETTINGS)


@pytest.mark.parametrize("file", ["retarget_allegro.yaml", "retarget_gripper.yaml"])
def test_the_files_for_robots_hold_known_parameters(file):
    assert parameters_in(file).keys() <= DEFAULTS.keys()


def test_the_allegros_files_fit_the_allegro():
    pytest.importorskip("dex_retargeting", reason="dex-retargeting is not installed")
    plan = make_plan(DEFAULTS | parameters_in("retarget_allegro.yaml"), allegro_urdf())
    assert plan.joints == tuple(f"joint_{i}.0" for i in range(16)) == plan.limits.names
    assert plan.rest is not None


def test_the_grippers_file_fits_frankas_gripper():
    urdf = gripper_urdf().replace("finger_", "panda_finger_joint").replace('"gripper"', '"panda_hand"')
    plan = make_plan(DEFAULTS | parameters_in("retarget_gripper.yaml"), urdf)
    assert plan.joints == ("panda_finger_joint1", "panda_finger_joint2")
    assert plan.limits.names == ("panda_finger_joint1",)
