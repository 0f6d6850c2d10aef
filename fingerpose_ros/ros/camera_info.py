"""`sensor_msgs/CameraInfo` -> the camera of the depth image that belongs to it.

`k` and `d` describe the camera that took the image, `p` the camera of the rectified image. A depth topic is rectified
(`image_rect...`, REP 118), but many drivers fill `p` with a copy of `k` and leave the distortion in the image. By
default the camera is therefore `p` without distortion where `p` differs from `k`, and `k` with `d` otherwise. Some
drivers of rectified streams leave `k` zero.
"""

from collections.abc import Sequence

import numpy as np
from sensor_msgs.msg import CameraInfo

from fingerpose_ros.perception.camera import DISTORTION_MODELS, NO_DISTORTION, Camera

from .rejection import Rejected

AUTO, IGNORE, APPLY = DISTORTION = ("auto", "ignore", "apply")
"""When `d` is used: unless `p` differs from `k`, never, always."""

NO_DISTORTION_IF_ZERO = (
    "", NO_DISTORTION, "pinhole", "radtan", "brown_conrady", "modified_brown_conrady", "inverse_brown_conrady",
)  # fmt: skip
"""Drivers' own names of models that do not distort if all coefficients are zero. Fisheye models do."""

SAME_MATRIX = 1e-3
"""Pixels by which `p` may differ from `k` and still count as a rounded copy."""


class CameraReader:
    """`to_camera` for a topic of camera infos. It converts again only when the camera info changes.

    Args:
        distortion: see `to_camera`.
    """

    def __init__(self, distortion: str):
        self._distortion = distortion
        self._last: tuple | None = None

    def __call__(self, info: CameraInfo) -> tuple[Camera, bool]:
        """The camera, and whether the camera info differs from the previous one.

        Raises:
            Rejected: see `to_camera`.
        """
        size, roi = (info.width, info.height, info.binning_x, info.binning_y), info.roi
        region = (roi.x_offset, roi.y_offset, roi.width, roi.height)
        current = (size, region, info.distortion_model, tuple(info.d), tuple(info.k), tuple(info.p))
        new = current != self._last
        if new:
            self._camera, self._last = to_camera(info, self._distortion), current
        return self._camera, new


def describe(camera: Camera) -> str:
    """A description of the camera for the log."""
    lens = f"lens {camera.distortion_model} {camera.distortion}" if camera.distortion else "no lens distortion"
    return (
        f"{camera.width}x{camera.height} pixels, focal length {camera.fx:.1f} x {camera.fy:.1f}, "
        f"principal point ({camera.cx:.1f}, {camera.cy:.1f}), {lens}"
    )


def to_camera(info: CameraInfo, distortion: str = AUTO) -> Camera:
    """The camera of the image as published: after `roi` and `binning`, which `k` and `p` do not include.

    The region of interest is cropped first, then binned. The principal point is divided like the focal length, as in
    image_geometry.

    Args:
        distortion: one of `DISTORTION`. Where `d` is not used, the camera is `p`, if it is given.

    Raises:
        Rejected: camera_info_size, camera_info_roi, camera_info_focal_length, camera_info_principal_point,
            camera_info_distortion.
    """
    for name, size in (("width", info.width), ("height", info.height)):
        if not size:
            raise Rejected("camera_info_size", f"camera info {name} is 0 (the size is {info.width}x{info.height})")
    fx, fy, cx, cy, distorted = _intrinsics(info, distortion)
    model, coefficients = _distortion(info) if distorted else (NO_DISTORTION, ())
    x, y, width, height = _region(info)
    bin_x, bin_y = max(info.binning_x, 1), max(info.binning_y, 1)
    if width < bin_x or height < bin_y:
        raise Rejected(
            "camera_info_size",
            f"camera info binning_x, binning_y {bin_x}, {bin_y} leave no pixel of {width}x{height}",
        )
    try:
        return Camera(
            width=width // bin_x, height=height // bin_y,
            fx=fx / bin_x, fy=fy / bin_y, cx=(cx - x) / bin_x, cy=(cy - y) / bin_y,
            distortion_model=model, distortion=coefficients,
        )  # fmt: skip
    except ValueError as error:  # a distortion without an inverse; all else is checked above
        raise Rejected("camera_info_distortion", f"camera info d: {error}") from error


def _intrinsics(info: CameraInfo, distortion: str) -> tuple[float, float, float, float, bool]:
    """fx, fy, cx, cy of the whole sensor, and whether to apply the distortion."""
    rectified = distortion != APPLY and bool(np.any(info.p))
    if not np.any(info.k) and np.any(info.p):
        if rectified:
            return *_checked_p(info), False
        raise Rejected(
            "camera_info_focal_length",
            "camera info k is zero, but with the parameter distortion: apply it is the camera; set auto to use p",
        )
    k = _checked("k", (0, 4, 2, 5), info.k)
    if rectified:
        p = _checked_p(info)
        if not np.allclose(p, k, rtol=0, atol=SAME_MATRIX):
            return *p, False
    return *k, distortion != IGNORE


def _checked_p(info: CameraInfo) -> tuple[float, float, float, float]:
    return _checked("p", (0, 5, 2, 6), info.p)


def _checked(name: str, places: tuple[int, ...], matrix: Sequence[float]) -> tuple[float, float, float, float]:
    """fx, fy, cx, cy at these places of `k` or `p`, if they are valid. Else the whole camera info is rejected."""
    fx, fy, cx, cy = (float(matrix[place]) for place in places)
    for what, place, value in (("fx", places[0], fx), ("fy", places[1], fy)):
        if not (np.isfinite(value) and value > 0):
            hint = " (the camera is not calibrated)" if value == 0 else ""
            raise Rejected("camera_info_focal_length", f"camera info {name}[{place}], {what}, is {value}{hint}")
    for what, place, value in (("cx", places[2], cx), ("cy", places[3], cy)):
        if not np.isfinite(value):
            raise Rejected("camera_info_principal_point", f"camera info {name}[{place}], {what}, is {value}")
    return fx, fy, cx, cy


def _region(info: CameraInfo) -> tuple[int, int, int, int]:
    """x, y, width, height of the part of the sensor that the image shows."""
    roi = info.roi
    if not (roi.x_offset or roi.y_offset or roi.width or roi.height):
        return 0, 0, info.width, info.height
    width, height = roi.width or info.width - roi.x_offset, roi.height or info.height - roi.y_offset
    if not (0 < width <= info.width - roi.x_offset and 0 < height <= info.height - roi.y_offset):
        raise Rejected(
            "camera_info_roi",
            f"camera info roi {roi.width}x{roi.height} at ({roi.x_offset}, {roi.y_offset}) is not "
            f"inside {info.width}x{info.height}",
        )
    return roi.x_offset, roi.y_offset, width, height


def _normalised_name(model: str) -> str:
    return model.lower().replace("-", "_").replace(" ", "_")


def _distortion(info: CameraInfo) -> tuple[str, tuple[float, ...]]:
    """Model and coefficients for `Camera`. Simulators leave `d` empty for a lens without distortion."""
    coefficients = tuple(float(value) for value in info.d)
    if info.distortion_model == "equidistant" and not any(coefficients[4:]):  # drivers pad with zeros
        coefficients = coefficients[:4]
    if _normalised_name(info.distortion_model) in NO_DISTORTION_IF_ZERO and not any(coefficients):
        return NO_DISTORTION, ()
    if info.distortion_model not in DISTORTION_MODELS or info.distortion_model == NO_DISTORTION:
        known = ", ".join(model for model in DISTORTION_MODELS if model != NO_DISTORTION)
        raise Rejected(
            "camera_info_distortion",
            f"camera info distortion_model {info.distortion_model!r} with d = {coefficients} is not one of {known}; if "
            "the images are rectified, set the parameter distortion to ignore",
        )
    if not all(np.isfinite(coefficients)):
        raise Rejected("camera_info_distortion", f"camera info d {coefficients} is not finite")
    if info.distortion_model != "equidistant" and not any(coefficients):  # an equidistant lens distorts even with zeros
        return NO_DISTORTION, ()
    if len(coefficients) not in DISTORTION_MODELS[info.distortion_model]:
        raise Rejected(
            "camera_info_distortion",
            f"camera info d has {len(coefficients)} coefficients for distortion_model {info.distortion_model}, not "
            f"{' or '.join(map(str, DISTORTION_MODELS[info.distortion_model]))}",
        )
    return info.distortion_model, coefficients
