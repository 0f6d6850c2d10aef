"""What MuJoCo cannot load is left out or named."""

import pytest

pytest.importorskip("ament_index_python", reason="ROS 2 is not installed")

from robots import fixed

from fingerpose_ros.simulation.description import loadable, located

LINK = '<robot name="r"><link name="a">{}</link>' + fixed("a", "b") + "</robot>"
MESH = '<{kind}><geometry><mesh filename="{file}"/></geometry></{kind}>'


def test_a_visual_mesh_of_another_format_is_left_out_and_the_others_stay(tmp_path):
    for name in ("hand.dae", "hand.stl"):
        (tmp_path / name).touch()
    dae, stl = (MESH.format(kind="visual", file=f"file://{tmp_path}/{name}") for name in ("hand.dae", "hand.stl"))
    assert "hand.dae" not in loadable(LINK.format(dae)) and f"{tmp_path}/hand.stl" in loadable(LINK.format(stl))


def test_a_collision_mesh_of_another_format_is_named(tmp_path):
    (tmp_path / "hand.dae").touch()
    with pytest.raises(ValueError, match=r"link a: .*hand\.dae"):
        loadable(LINK.format(MESH.format(kind="collision", file=f"{tmp_path}/hand.dae")))


def test_a_missing_mesh_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"link a: .*gone\.stl"):
        loadable(LINK.format(MESH.format(kind="visual", file=f"{tmp_path}/gone.stl")))


def test_a_missing_package_is_named_with_what_to_do(monkeypatch):
    with pytest.raises(FileNotFoundError, match="no_such_package.*source"):
        located("package://no_such_package/hand.urdf")
    monkeypatch.setattr("sys.path", [])
    with pytest.raises(FileNotFoundError, match=r"pip install .*teleop\.txt"):
        located("package://example-robot-data/robots/hand.urdf")


def test_what_is_no_xml_is_rejected():
    with pytest.raises(ValueError, match="not XML"):
        loadable("xacro")
