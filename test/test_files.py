"""Files: names of any bytes, and results that are complete or not there."""

import os
from pathlib import Path

import cv2
import numpy as np
import pytest
from disk import NOT_UTF8, full_disk

from fingerpose_ros import files

IMAGE = (np.arange(48 * 64).reshape(48, 64) % 900).astype(np.uint16)


def test_an_image_with_a_name_that_is_not_utf8_is_written_and_read(tmp_path):
    path = tmp_path / f"{NOT_UTF8}.png"
    files.write_image(path, IMAGE)
    np.testing.assert_array_equal(files.read_image(path), IMAGE)


@pytest.mark.parametrize("content", [b"", b"not an image", cv2.imencode(".png", IMAGE)[1].tobytes()[:60], None])
def test_a_file_that_is_no_image_is_named(tmp_path, content):
    path = tmp_path / "image.png"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ValueError, match=r"image\.png cannot be read"):
        files.read_image(path)


@pytest.mark.parametrize("name", ["image", "image.xyz", f"image.{NOT_UTF8}"])
def test_a_name_without_an_image_format_is_rejected(tmp_path, name):
    with pytest.raises(ValueError, match="such as .png"):
        files.write_image(tmp_path / name, IMAGE)


@pytest.mark.parametrize(
    "write",
    [
        lambda path: files.write_text(path, "new" * 1000),
        lambda path: files.write_image(path, IMAGE),
        lambda path: files.write_arrays(path, image=np.random.default_rng(0).random(1000)),
    ],
)
def test_a_full_disk_leaves_the_earlier_file_and_no_other(tmp_path, write):
    path = tmp_path / "result.png"
    path.write_text("earlier")
    with full_disk(), pytest.raises(OSError, match=r"result\.png cannot be written: File too large"):
        write(path)
    assert path.read_text() == "earlier" and os.listdir(tmp_path) == ["result.png"]


def test_an_interrupted_write_leaves_nothing(tmp_path):
    with pytest.raises(KeyboardInterrupt), files.whole_file(tmp_path / "result") as part:
        part.write_text("half")
        raise KeyboardInterrupt
    assert not os.listdir(tmp_path)


def test_a_link_stays_a_link_and_a_device_stays_a_device(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "folder" / "target")
    files.write_text(tmp_path / "link", "text")
    assert (tmp_path / "link").is_symlink() and (tmp_path / "folder" / "target").read_text() == "text"
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    files.write_text(tmp_path / "pipe", "text")
    assert os.read(reader, 10) == b"text" and Path(tmp_path / "pipe").is_fifo()
    os.close(reader)


def test_network_weights_on_a_full_disk_leave_the_earlier_file(tmp_path):
    torch = pytest.importorskip("torch")
    from fingerpose_ros.perception.pose.network.weights import load_tensors, save_tensors

    path = tmp_path / "weights.safetensors"
    save_tensors(path, {"a": torch.ones(3)}, {})
    with full_disk(), pytest.raises(OSError, match=r"weights\.safetensors cannot be written: .*File too large"):
        save_tensors(path, {"a": torch.zeros(1000)}, {})
    assert load_tensors(path)[0]["a"].tolist() == [1, 1, 1] and os.listdir(tmp_path) == [path.name]
