"""Folders of depth images: their order, and mistakes in `meta.json`."""

import json

import pytest
from recorded_scene import table, write_recording

from fingerpose_ros.recording.frame_folder import FrameFolder, read_camera


@pytest.fixture
def folder(tmp_path):
    return write_recording(tmp_path / "frames", [table()] * 3)


def test_images_are_in_natural_order(folder):
    for image, name in zip(sorted((folder / "depth").iterdir()), ("10.png", "9.png", "1.png"), strict=True):
        image.rename(image.with_name(name))
    assert [path.name for path in FrameFolder.open(folder).images] == ["1.png", "9.png", "10.png"]


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("width", "320", 'width is "320"; it must be a positive whole number'),
        ("height", 0, "height is 0; it must be a positive whole number"),
        ("height", True, "height is true; it must be"),
        ("fx", -1.5, "fx is -1.5; it must be a positive number of pixels"),
        ("fy", float("inf"), "fy is Infinity; it must be a positive number of pixels"),
        ("cx", None, "cx is null; it must be a number of pixels"),
        ("cy", [1], r"cy is \[1\]; it must be a number of pixels"),
        ("depth_unit_m", 1000, "depth_unit_m is 1000; it must be metres per step, usually 0.001"),
    ],
)
def test_a_mistake_in_the_camera_names_its_key(folder, key, value, message):
    path = folder / "meta.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), key: value}))
    with pytest.raises(ValueError, match=f"meta.json: {message}"):
        read_camera(path)


def test_a_missing_camera_shows_what_to_write(folder):
    path = folder / "meta.json"
    path.unlink()
    with pytest.raises(FileNotFoundError, match=r"meta.json does not exist; it must describe the camera") as raised:
        read_camera(path)
    path.write_text(str(raised.value)[str(raised.value).index("{") :])  # the example, which can be used as it is
    camera, unit = read_camera(path)
    assert (camera.width, camera.height, unit) == (640, 480, 0.001)


@pytest.mark.parametrize(
    ("text", "message"),
    [("{", "is not JSON"), ("[1]", "is not a JSON object with the keys width"), ("{}", "has no width; it must be")],
)
def test_a_file_without_the_keys_says_what_is_missing(folder, text, message):
    (folder / "meta.json").write_text(text)
    with pytest.raises(ValueError, match=message):
        read_camera(folder / "meta.json")
