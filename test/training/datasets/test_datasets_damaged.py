"""Damaged files of the five datasets: an error with the file and the position; never a crash, NaN or executed code."""

import io
import os
import pickle
import shutil
import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from opened_datasets import open_split
from scipy.io import loadmat, savemat

from training.datasets import DATASETS, DatasetError
from training.datasets.fixtures import CAMERAS, WRITERS
from training.datasets.matlab import read_array
from training.datasets.pickles import MAX_BYTES, array, read_metadata

FILES = {
    "icvl": ["Training/labels.txt", "Training/Depth/201403121135/image_0000.png"],
    "nyu": ["train/joint_data.mat", "train/depth_1_0000001.png"],
    "msra": ["P1/1/joint.txt", "P1/1/000000_depth.bin"],
    "hands2019": ["training_joint_annotation.txt", "training_bbs.txt", "training_images/image_D00000001.png"],
    "ho3d": ["train.txt", "train/ABF10/meta/0000.pkl", "train/ABF10/depth/0000.png"],
}
"""Every kind of file that a loader reads for the first sample of the training split."""
ALL_FILES = [(name, file) for name, files in FILES.items() for file in files]


def read(name: str, root: Path):
    """Open the training split and read its first sample, which must be valid."""
    sample = open_split(name, root, "train")[0]
    assert np.isfinite(sample.depth_m).all() and (sample.depth_m >= 0).all() and (sample.depth_m < 20).all()
    assert np.isfinite(sample.joints_m[sample.valid]).all() and sample.valid.all()
    assert np.isfinite(sample.centre_m).all() or name == "hands2019"
    return sample


class damaged:
    """Replaces the content of a file within the context."""

    def __init__(self, path: Path, content: bytes):
        self.path, self.content = path, content

    def __enter__(self):
        self.whole = self.path.read_bytes()
        self.path.write_bytes(self.content)

    def __exit__(self, *_):
        self.path.write_bytes(self.whole)


@pytest.mark.parametrize(("name", "file"), ALL_FILES)
def test_a_missing_file_is_named(copies, name, file, tmp_path):
    root = tmp_path / "copy"
    shutil.copytree(copies[name], root)
    (root / file).unlink()
    with pytest.raises(DatasetError) as rejection:
        read(name, root)
    assert Path(file).name in str(rejection.value)


@pytest.mark.parametrize(("name", "file"), ALL_FILES)
def test_a_truncated_file_is_rejected_with_its_name(copies, name, file):
    path = copies[name] / file
    whole = path.read_bytes()
    last = len(whole.rstrip()) if path.suffix == ".txt" else len(whole)
    if (name, file) == ("ho3d", "train.txt"):
        last -= 5  # without its last line or line break, a list is still valid
    cuts = sorted({0, 1, 3, 7, 23, 24, 25, *np.linspace(0, last - 1, 16).astype(int), last - 1} - {last})
    for cut in cuts:
        if (name, file) == ("ho3d", "train.txt") and whole[:cut].endswith((b"\n", b"0000")):
            continue
        with damaged(path, whole[:cut]):
            with pytest.raises(DatasetError) as rejection:
                read(name, copies[name])
            message = str(rejection.value)
            assert path.name in message, (cut, message)


CORRUPTIONS = [
    ("icvl", 0, lambda raw: raw.replace(b" ", b" nan ", 1), "49 numbers, expected 48"),
    ("icvl", 0, lambda raw: raw.replace(raw.split()[3], b"nan"), r"line 1: nan is not a finite"),
    ("icvl", 0, lambda raw: raw.replace(raw.split()[3], b"99999999"), r"line 1: a joint lies 99999\.999 m"),
    ("icvl", 0, lambda raw: raw.replace(raw.split()[1], b"-9000.5"), r"line 1: .*outside the image"),
    ("icvl", 0, lambda raw: raw.replace(raw.split()[1], b"12e"), "line 1"),
    ("icvl", 0, lambda raw: raw[:20] + b"\xff" + raw[21:], "byte 20"),
    ("icvl", 0, lambda raw: b"\n \n", "is empty"),
    ("icvl", 1, lambda raw: cv2.imencode(".png", np.zeros((240, 321), np.uint16))[1].tobytes(), "not of width 320"),
    ("icvl", 1, lambda raw: cv2.imencode(".png", np.zeros((240, 320), np.uint8))[1].tobytes(), "bits 16"),
    ("icvl", 1, lambda raw: b"GIF89a" + raw, "not a PNG"),
    ("nyu", 0, lambda raw: _mat(joint_xyz=np.zeros((3, 2, 35, 3))), r"joint_xyz is \(3, 2, 35, 3\)"),
    ("nyu", 0, lambda raw: _mat(joint_xyz=np.full((3, 2, 36, 3), np.nan)), "frame 1.*not finite"),
    ("nyu", 0, lambda raw: _mat(joint_xyz=np.full((3, 2, 36, 3), 5.0)), "frame 1.*a joint lies 0.005 m"),
    ("nyu", 0, lambda raw: _mat(joint_xyz=_joints_at_a_point(3)), r"labels 3 frames, but .*0000003.png is missing"),
    ("nyu", 0, lambda raw: _mat(joint_xyz=_joints_at_a_point(1)), r"labels 1 frames, but .*0000002.png exists"),
    ("nyu", 0, lambda raw: _mat(joint_xyz=np.array([["text"]])), "byte 128: .*not an array of numbers"),
    ("nyu", 0, lambda raw: _mat(joint_xyz=np.ones(3) * 1j), "byte 128: .*not an array of numbers"),
    ("nyu", 0, lambda raw: b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM" + bytes(9), "byte 124.*save it with -v7"),
    ("nyu", 0, lambda raw: _mat(other=np.zeros(3)), "no variable joint_xyz"),
    (
        "nyu",
        1,
        lambda raw: cv2.imencode(".png", np.full((480, 640, 3), 70, np.uint8))[1].tobytes(),
        "beyond the range of a Kinect",
    ),
    ("nyu", 1, lambda raw: cv2.imencode(".png", np.zeros((480, 640), np.uint8))[1].tobytes(), "colour type 2"),
    ("msra", 0, lambda raw: raw.replace(b"1", b"2", 1), "announces '2' frames and has 1"),
    ("msra", 0, lambda raw: raw.replace(b"1", b"x", 1), "announces 'x'"),
    ("msra", 0, lambda raw: raw + raw.split(b"\n")[1] + b"\n", "announces '1' frames and has 2"),
    ("msra", 0, lambda raw: raw.replace(raw.split()[3], b"+400.0"), r"line 2: a joint lies -0\.400 m"),
    ("msra", 0, lambda raw: raw.replace(raw.split()[1], b"inf"), "line 2: inf is not a finite"),
    ("msra", 1, lambda raw: struct.pack("<I", 640) + raw[4:], "byte 0: the image is 640x240"),
    ("msra", 1, lambda raw: raw[:16] + struct.pack("<I", 2**32 - 1) + raw[20:], "byte 8: the box .* not in the image"),
    ("msra", 1, lambda raw: raw[:8] + raw[16:20] + raw[12:], "byte 8: the box"),
    ("msra", 1, lambda raw: raw + b"\0\0\0\0", "where the box needs"),
    ("msra", 1, lambda raw: raw[:28] + struct.pack("<f", float("nan")) + raw[32:], "byte 28: a depth of nan"),
    ("msra", 1, lambda raw: raw[:24] + struct.pack("<f", -1.0) + raw[28:], "byte 24: a depth of -1"),
    ("msra", 1, lambda raw: raw[:24] + struct.pack("<f", 1e30) + raw[28:], "byte 24: a depth of 1"),
    ("hands2019", 0, lambda raw: raw.replace(b"D00000001", b"D00000007"), "line 1: has 'image_D00000007.png'"),
    ("hands2019", 0, lambda raw: b"".join(raw.splitlines(True)[:1]), "1 frames, but"),
    ("hands2019", 0, lambda raw: raw.replace(raw.split()[1], b"NaN", 1), "line 1: NaN"),
    ("hands2019", 1, lambda raw: raw.replace(b" ", b" 7 ", 1), "line 1: 5 numbers, expected 4"),
    ("hands2019", 2, lambda raw: cv2.imencode(".png", np.full((480, 640), 65535, np.uint16))[1].tobytes(), "65535 mm"),
    ("ho3d", 0, lambda raw: b"../../etc/passwd\n", "line 1: .* is not SEQUENCE/NNNN"),
    ("ho3d", 1, lambda raw: pickle.dumps([1, 2], 2), "contains a list"),
    ("ho3d", 1, lambda raw: pickle.dumps({"camMat": np.eye(3)}, 2), "has no handJoints3D"),
    ("ho3d", 1, lambda raw: _meta(handJoints3D=np.zeros((20, 3))), r"the shape \(20, 3\), not \(21, 3\)"),
    ("ho3d", 1, lambda raw: _meta(handJoints3D=np.full((21, 3), np.nan)), "handJoints3D is not finite"),
    ("ho3d", 1, lambda raw: _meta(handJoints3D=np.full((21, 3), 0.4)), r"a joint lies -0\.400 m"),
    ("ho3d", 1, lambda raw: _meta(handJoints3D=None), "has no handJoints3D"),
    ("ho3d", 1, lambda raw: _meta(handJoints3D=np.array([["a"] * 3] * 21)), "not an array of numbers"),
    ("ho3d", 1, lambda raw: _meta(camMat=np.zeros((3, 3))), "camMat: camera fx is 0"),
    ("ho3d", 2, lambda raw: cv2.imencode(".png", np.zeros((480, 640), np.uint16))[1].tobytes(), "not of width 640"),
]


def _joints_at_a_point(frames: int) -> np.ndarray:
    """NYU labels with all joints at one point, half a metre in front of the camera."""
    return np.full((3, frames, 36, 3), (0, 0, 500.0))


def _mat(**variables) -> bytes:
    stream = io.BytesIO()
    savemat(stream, variables)
    return stream.getvalue()


def _meta(**values) -> bytes:
    return pickle.dumps({"camMat": CAMERAS["ho3d"].matrix, "handJoints3D": np.zeros((21, 3)), **values}, 2)


@pytest.mark.parametrize(("name", "which", "change", "message"), CORRUPTIONS)
def test_each_corruption_is_reported_with_file_and_position(copies, name, which, change, message):
    path = copies[name] / FILES[name][which]
    content = change(path.read_bytes())
    assert content != path.read_bytes()
    with damaged(path, content), pytest.raises(DatasetError, match=message) as rejection:
        read(name, copies[name])
    assert path.name in str(rejection.value)


def test_a_png_with_missing_pixels_is_rejected_despite_valid_checksums(copies):
    path = copies["nyu"] / FILES["nyu"][1]
    raw = path.read_bytes()
    pixels = zlib.compress(bytes(1000))
    chunk = b"IDAT" + pixels
    short = raw[:33] + struct.pack(">I", len(pixels)) + chunk + struct.pack(">I", zlib.crc32(chunk)) + raw[-12:]
    with damaged(path, short), pytest.raises(DatasetError, match="cannot be decoded"):
        read("nyu", copies["nyu"])


class _Malicious:
    def __reduce__(self):
        return os.system, (f"touch {os.environ['FINGERPOSE_MARK']}",)


@pytest.mark.parametrize("protocol", range(6))
def test_a_pickle_cannot_execute_code(tmp_path, monkeypatch, protocol):
    mark, path = tmp_path / "mark", tmp_path / "bad.pkl"
    monkeypatch.setenv("FINGERPOSE_MARK", str(mark))
    path.write_bytes(pickle.dumps({"camMat": _Malicious()}, protocol))
    with pytest.raises(DatasetError, match=r"bad\.pkl, byte .*(posix|nt)\.system"):
        read_metadata(path)
    assert not mark.exists()


@pytest.mark.parametrize(
    "program",
    [
        b"\x80\x02r\xff\xff\xff\x7f.",  # a memo entry that makes the unpickler in C fill the memory
        b"\x80\x02}(X\x01\x00\x00\x00a" + b"cnumpy\ndtype\n}X\x05\x00\x00\x00_kindX\x01\x00\x00\x00xsbu.",
        b"\x80\x02cnumpy\nndarray\n(K\x01K\x02K\x03tR}b.",
        b"\x80\x04\x8e\xff\xff\xff\xff\xff\xff\xff\x00.",
        b"\x80\x02" + b"(" * 100_000 + b".",
        b"\x80\x02cbuiltins\neval\n(X\x01\x00\x00\x001tR.",
        b"",
        b"." * 10,
    ],
)
def test_a_malicious_pickle_is_rejected_without_side_effects(tmp_path, program):
    path = tmp_path / "malicious.pkl"
    path.write_bytes(program)
    with pytest.raises(DatasetError, match=r"malicious\.pkl"):
        array(read_metadata(path), "camMat", (3, 3), path)
    path.write_bytes(_meta())
    assert array(read_metadata(path), "camMat", (3, 3), path)[2, 2] == 1


def test_a_pickle_of_deeply_nested_lists_is_rejected_quickly(tmp_path):
    nested: list = []
    for _ in range(60):
        nested = [nested, nested]
    path = tmp_path / "nested.pkl"
    path.write_bytes(pickle.dumps({"camMat": nested}, 2))
    with pytest.raises(DatasetError, match="not an array of numbers"):
        array(read_metadata(path), "camMat", (3, 3), path)


def test_a_too_large_pickle_is_not_read(tmp_path):
    path = tmp_path / "large.pkl"
    path.write_bytes(b"\0" * (MAX_BYTES + 1))
    with pytest.raises(DatasetError, match="too many"):
        read_metadata(path)


@pytest.mark.parametrize("kind", ["f4", "f8", "i8", "u1", ">f8"])
@pytest.mark.parametrize("protocol", [0, 1, 2, 3, 4])
def test_numeric_arrays_of_every_protocol_are_read(tmp_path, kind, protocol):
    values = np.arange(9).reshape(3, 3).astype(kind)
    path = tmp_path / "meta.pkl"
    content = {"c": values, "fortran": np.asfortranarray(values), "l": [1, np.float32(2.5)]}
    path.write_bytes(pickle.dumps(content, protocol))
    metadata = read_metadata(path)
    assert np.array_equal(array(metadata, "c", (3, 3), path), values)
    assert np.array_equal(array(metadata, "fortran", (3, 3), path), values)
    assert np.array_equal(array(metadata, "l", (2,), path), (1, 2.5))


FUZZ = settings(max_examples=60, deadline=2000, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.mark.parametrize(("name", "file"), ALL_FILES)
@FUZZ
@given(data=st.data())
def test_changed_bytes_give_valid_values_or_an_error_naming_a_file(copies, name, file, data):
    path = copies[name] / file
    content = bytearray(path.read_bytes())
    spot = st.tuples(st.integers(0, len(content) - 1), st.binary(min_size=1, max_size=8))
    for place, change in data.draw(st.lists(spot, max_size=4)):
        content[place : place + len(change)] = change
    _is_valid_or_rejected(copies[name], name, path, bytes(content))


@pytest.mark.parametrize(("name", "file"), ALL_FILES)
@FUZZ
@given(head=st.integers(0, 200), tail=st.binary(max_size=200))
def test_arbitrary_bytes_give_valid_values_or_an_error_naming_a_file(copies, name, file, head, tail):
    path = copies[name] / file
    _is_valid_or_rejected(copies[name], name, path, path.read_bytes()[:head] + tail)


def _is_valid_or_rejected(root: Path, name: str, path: Path, content: bytes) -> None:
    with damaged(path, content):
        try:
            read(name, root)
        except DatasetError as rejection:
            assert str(root) in str(rejection)


def test_every_loader_is_tested_here():
    assert set(FILES) == set(DATASETS) == set(WRITERS)


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("kind", ["f8", "f4", "i2", "u1", "i4", "u8"])
def test_arrays_in_matlab_files_are_read_like_scipy_does(tmp_path, compressed, kind):
    path = tmp_path / "labels.mat"
    wanted = np.random.default_rng(0).uniform(0, 200, (3, 5, 36, 3)).astype(kind)
    names = np.array([["a name", "another"]], object)
    savemat(path, {"names": names, "b": 1.5, "joint_xyz": wanted, "after": wanted[0]}, do_compression=compressed)
    assert np.array_equal(read_array(path, "joint_xyz"), loadmat(path)["joint_xyz"])
    assert np.array_equal(read_array(path, "b"), [[1.5]])
    assert np.array_equal(read_array(path, "after"), wanted[0])
    with pytest.raises(DatasetError, match="no variable c"):
        read_array(path, "c")
