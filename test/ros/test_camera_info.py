"""Camera info -> camera: choice of intrinsics, binning, regions of interest, rejected messages."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("rclpy", reason="ROS 2 is not installed")

from messages import camera_info
from sensor_msgs.msg import RegionOfInterest

from fingerpose_ros.ros.camera_info import CameraReader, to_camera
from fingerpose_ros.ros.rejection import Rejected

K = [500.0, 0, 320, 0, 510, 240, 0, 0, 1]
COPY_OF_K = [500.0, 0, 320, 0, 0, 510, 240, 0, 0, 0, 1, 0]
RECTIFIED = [480.0, 0, 310, 0, 0, 480, 235, 0, 0, 0, 1, 0]
D = [0.1, -0.2, 0.001, 0.002, 0.05]


def info(**changes):
    return camera_info(**{"width": 640, "height": 480, "k": K, "p": COPY_OF_K, "d": D, **changes})


def test_a_p_that_is_a_copy_of_k_keeps_the_distortion():
    camera = to_camera(info())
    assert (camera.fx, camera.fy, camera.cx, camera.cy) == (500, 510, 320, 240)
    assert camera.distortion_model == "plumb_bob" and camera.distortion == tuple(D)


def test_a_rectified_image_has_the_camera_p_without_distortion():
    camera = to_camera(info(p=RECTIFIED, distortion_model="some_lens"))
    assert (camera.fx, camera.fy, camera.cx, camera.cy) == (480, 480, 310, 235)
    assert camera.distortion == ()


def test_a_p_that_is_a_rounded_k_keeps_the_distortion():
    assert to_camera(info(p=[np.float32(value) * (1 + 1e-7) for value in COPY_OF_K])).distortion == tuple(D)


def test_a_repeated_camera_info_is_not_converted_again():
    read = CameraReader("auto")
    first, new = read(info())
    assert new
    again, new = read(info(stamp=101.0))
    assert again is first and not new
    for changes in (
        {"k": [501.0, *K[1:]]},
        {"d": [0.2, *D[1:]]},
        {"binning_x": 2},
        {"roi": RegionOfInterest(width=320)},
    ):
        with pytest.raises(Rejected):
            read(info(k=[np.nan, *K[1:]]))
        assert read(info(**changes)) == (to_camera(info(**changes)), True)
        assert read(info()) == (first, True)


def test_with_apply_the_camera_is_k_even_if_p_differs():
    camera = to_camera(info(p=RECTIFIED), distortion="apply")
    assert camera.fx == 500 and camera.distortion == tuple(D)


@pytest.mark.parametrize(("p", "fx"), [(RECTIFIED, 480), (COPY_OF_K, 500), ([0.0] * 12, 500)])
def test_with_ignore_the_camera_has_no_distortion(p, fx):
    camera = to_camera(info(p=p), distortion="ignore")
    assert camera.fx == fx and camera.distortion == ()


def test_without_p_the_camera_is_k():
    assert to_camera(info(p=[0.0] * 12)).fx == 500


@pytest.mark.parametrize("distortion", ["auto", "ignore"])
def test_with_k_zero_the_camera_is_p_without_distortion(distortion):
    camera = to_camera(info(k=[0.0] * 9, p=RECTIFIED), distortion)
    assert (camera.fx, camera.fy, camera.cx, camera.cy) == (480, 480, 310, 235)
    assert camera.distortion == ()


@pytest.mark.parametrize(
    ("model", "d", "expected"),
    [
        ("plumb_bob", [], ()),
        ("plumb_bob", [0.0] * 5, ()),
        ("", [], ()),
        ("", [0.0] * 5, ()),
        ("pinhole", [], ()),
        ("Inverse Brown-Conrady", [0.0] * 5, ()),
        ("rational_polynomial", [0.1] * 8, (0.1,) * 8),
        ("plumb_bob", [0.1] * 8, (0.1,) * 8),  # Orbbec's driver
        ("equidistant", [0.0] * 4, (0.0,) * 4),
        ("equidistant", [0.1] * 4 + [0.0] * 4, (0.1,) * 4),
    ],
)
def test_distortion_models(model, d, expected):
    assert to_camera(info(distortion_model=model, d=d)).distortion == expected


@given(st.integers(1, 4), st.integers(1, 4), st.integers(0, 100), st.integers(0, 100))
def test_binning_and_region_move_a_projected_point_with_the_image(bin_x, bin_y, x, y):
    """A point projects to its pixel in the cropped and binned image."""
    width, height = 640 - x, 480 - y
    roi = RegionOfInterest(x_offset=x, y_offset=y, width=width, height=height)
    camera = to_camera(info(roi=roi, binning_x=bin_x, binning_y=bin_y))
    assert (camera.width, camera.height) == (width // bin_x, height // bin_y)
    point = np.array([0.05, -0.02, 0.6])
    whole = to_camera(info()).project(point)
    np.testing.assert_allclose(camera.project(point), (whole - (x, y)) / (bin_x, bin_y), atol=1e-9)


def test_a_region_without_a_size_extends_to_the_edge():
    camera = to_camera(info(roi=RegionOfInterest(x_offset=40)))
    assert (camera.width, camera.height) == (600, 480)


NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize(
    ("changes", "reason", "field"),
    [
        ({"width": 0}, "size", "width is 0"),
        ({"height": 0}, "size", "height is 0"),
        ({"binning_x": 641}, "size", "binning_x, binning_y 641, 1 "),
        ({"k": [NAN, *K[1:]]}, "focal_length", "k[0], fx, is nan"),
        ({"k": [-500.0, *K[1:]]}, "focal_length", "k[0], fx, is -500.0"),
        ({"k": [0.0] * 9, "p": [0.0] * 12}, "focal_length", "k[0], fx, is 0.0"),
        ({"k": [0.0] * 9, "p": [*COPY_OF_K[:5], NAN, *COPY_OF_K[6:]]}, "focal_length", "p[5], fy, is nan"),
        ({"k": [*K[:4], INF, *K[5:]]}, "focal_length", "k[4], fy, is inf"),
        ({"p": [NAN, *COPY_OF_K[1:]]}, "focal_length", "p[0], fx, is nan"),
        ({"k": [*K[:2], NAN, *K[3:]]}, "principal_point", "k[2], cx, is nan"),
        ({"p": [*COPY_OF_K[:6], INF, *COPY_OF_K[7:]]}, "principal_point", "p[6], cy, is inf"),
        ({"d": [0.1, NAN, 0, 0, 0]}, "distortion", "d (0.1, nan, 0.0, 0.0, 0.0) is not finite"),
        ({"d": [0.1]}, "distortion", "d has 1 coefficients"),
        ({"d": [-3.0, 0, 0, 0, 0]}, "distortion", "d: plumb_bob (-3.0, 0.0, 0.0, 0.0, 0.0) has no inverse"),
        ({"distortion_model": "kannala_brandt4"}, "distortion", "distortion_model 'kannala_brandt4'"),
        ({"distortion_model": ""}, "distortion", "distortion_model ''"),
        ({"distortion_model": "equidistant", "d": []}, "distortion", "d has 0 coefficients"),
        ({"roi": RegionOfInterest(x_offset=600, width=100, height=100)}, "roi", "roi 100x100 at (600, 0)"),
        ({"roi": RegionOfInterest(y_offset=480)}, "roi", "roi 0x0 at (0, 480)"),
    ],
)
def test_an_invalid_camera_info_is_rejected_with_its_reason_and_field(changes, reason, field):
    with pytest.raises(Rejected) as caught:
        to_camera(info(**changes))
    assert caught.value.reason == f"camera_info_{reason}"
    assert str(caught.value).startswith(f"camera info {field}")


def test_with_apply_a_k_of_zero_is_rejected_with_the_remedy():
    with pytest.raises(Rejected, match="k is zero.* set auto to use p"):
        to_camera(info(k=[0.0] * 9), distortion="apply")


def test_an_uncalibrated_camera_is_named_in_the_message():
    with pytest.raises(Rejected, match="not calibrated"):
        to_camera(info(k=[0.0] * 9, p=[0.0] * 12))
