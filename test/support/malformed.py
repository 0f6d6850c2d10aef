"""Malformed depth messages, and an oracle that gives the expected reason for rejection, from the documentation alone.

The oracle shares no code with the node: it reads PNG and RVL byte by byte; the node uses OpenCV and NumPy.
"""

import array
import math
import struct
import zlib

import numpy as np
from hypothesis import strategies as st
from messages import camera_info, compressed, header, image
from sensor_msgs.msg import CameraInfo, CompressedImage, Image, RegionOfInterest

WIDTH, HEIGHT = 8, 6
BYTES_PER_PIXEL = {"16UC1": 2, "mono16": 2, "32FC1": 4}
COEFFICIENTS = dict.fromkeys(("plumb_bob", "rational_polynomial"), (4, 5, 8, 12, 14)) | {"equidistant": (4,)}
NAN, INF = float("nan"), float("inf")


def valid_depth() -> np.ndarray:
    return np.full((HEIGHT, WIDTH), 700, np.uint16)


# The oracle


def expected_reason(message) -> str | None:
    """The expected reason for rejection while the camera is WIDTH x HEIGHT; None if the message is valid."""
    if isinstance(message, Image):
        return _image_reason(message)
    return _compressed_reason(message) if isinstance(message, CompressedImage) else _camera_info_reason(message)


def _header_reason(checked) -> str | None:
    if checked.frame_id == "":
        return "frame_id"
    return "stamp" if checked.stamp.sec < 0 or checked.stamp.nanosec > 999_999_999 else None


def _size_reason(width: int, height: int) -> str | None:
    fits = 1 <= width <= 32767 and 1 <= height <= 32767 and width * height <= 16777216
    return None if fits else "size"


def _mismatch_reason(width: int, height: int) -> str | None:
    return None if (width, height) == (WIDTH, HEIGHT) else "size_mismatch"


def _image_reason(message: Image) -> str | None:
    if _header_reason(message.header):
        return _header_reason(message.header)
    if _size_reason(message.width, message.height):
        return "size"
    if message.encoding not in BYTES_PER_PIXEL:
        return "encoding"
    if message.step < message.width * BYTES_PER_PIXEL[message.encoding]:
        return "step"
    if len(message.data) != message.step * message.height:
        return "data_size"
    return _mismatch_reason(message.width, message.height)


def _compressed_reason(message: CompressedImage) -> str | None:
    if _header_reason(message.header):
        return _header_reason(message.header)
    encoding, semicolon, transport = message.format.partition(";")
    transport = transport.strip()
    if not semicolon or transport not in ("compressedDepth", "compressedDepth png", "compressedDepth rvl"):
        return "format"
    if encoding.strip() not in BYTES_PER_PIXEL:
        return "encoding"
    data = bytes(message.data)
    if len(data) <= 12:
        return "corrupt"
    _, a, b = struct.unpack("<iff", data[:12])
    reason, size = (_rvl_reason if transport.endswith("rvl") else _png_reason)(data[12:])
    if reason:
        return reason
    if encoding.strip() == "32FC1" and not (math.isfinite(a) and math.isfinite(b) and a > 0):
        return "corrupt"
    return _mismatch_reason(*size)


def _png_reason(data: bytes):
    """A PNG is valid if the checksums of its chunks are correct and its header declares 16-bit greyscale."""
    if data[:8] != b"\x89PNG\r\n\x1a\n" or len(data) < 24:
        return "corrupt", None
    size = struct.unpack(">II", data[16:24])
    if _size_reason(*size):
        return "size", None
    at, pixels = 8, b""
    while True:
        if at + 12 > len(data):
            return "corrupt", None
        (length,), kind = struct.unpack(">I", data[at : at + 4]), data[at + 4 : at + 8]
        if (
            at + 12 + length > len(data)
            or zlib.crc32(data[at + 4 : at + 8 + length])
            != struct.unpack(">I", data[at + 8 + length : at + 12 + length])[0]
        ):
            return "corrupt", None
        if kind == b"IHDR" and data[at + 16 : at + 18] != bytes([16, 0]):
            return "corrupt", None
        pixels += data[at + 8 : at + 8 + length] if kind == b"IDAT" else b""
        if kind == b"IEND":
            break
        at += 12 + length
    return (None if len(zlib.decompress(pixels)) == (2 * size[0] + 1) * size[1] else "corrupt"), size


def _rvl_reason(data: bytes):
    """Reads RVL nibble by nibble."""
    if len(data) < 8:
        return "corrupt", None
    width, height = struct.unpack("<II", data[:8])
    if _size_reason(width, height):
        return "size", None
    words = struct.unpack(f"<{(len(data) - 8) // 4}I", data[8 : 8 + (len(data) - 8) // 4 * 4])
    nibbles = iter([word >> shift & 15 for word in words for shift in range(28, -1, -4)])

    def number():
        value, place = 0, 0
        for nibble in nibbles:
            value |= (nibble & 7) << place
            place += 3
            if nibble < 8:
                return value
        raise EOFError

    remaining = width * height
    try:
        while remaining:
            zeros, values = number(), number()
            if zeros + values == 0 or zeros + values > remaining:
                return "corrupt", None
            for _ in range(values):
                number()
            remaining -= zeros + values
    except EOFError:
        return "corrupt", None
    return None, (width, height)


def _camera_info_reason(message: CameraInfo) -> str | None:
    if message.width == 0 or message.height == 0:
        return "camera_info_size"
    k, p = message.k, message.p
    rectified = any(value != 0 for value in p)
    only_p = rectified and all(value == 0 for value in k)
    matrices = [] if only_p else [(k[0], k[4], k[2], k[5])]
    if rectified:
        matrices.append((p[0], p[5], p[2], p[6]))
    for fx, fy, cx, cy in matrices:
        if not (math.isfinite(fx) and math.isfinite(fy) and fx > 0 and fy > 0):
            return "camera_info_focal_length"
        if not (math.isfinite(cx) and math.isfinite(cy)):
            return "camera_info_principal_point"
    if not only_p and matrices[0] == matrices[-1]:  # otherwise p is the camera, without distortion
        d, model = list(message.d), message.distortion_model
        if model == "equidistant" and all(value == 0 for value in d[4:]):
            d = d[:4]
        if not (model in ("", "none") and all(value == 0 for value in d)):
            if model not in COEFFICIENTS or not all(math.isfinite(value) for value in d):
                return "camera_info_distortion"
            undistorted = model != "equidistant" and all(value == 0 for value in d)
            if not undistorted and len(d) not in COEFFICIENTS[model]:
                return "camera_info_distortion"
    roi = message.roi
    width, height = message.width, message.height
    if roi.x_offset or roi.y_offset or roi.width or roi.height:
        width = roi.width or message.width - roi.x_offset
        height = roi.height or message.height - roi.y_offset
        if width < 1 or height < 1 or roi.x_offset + width > message.width or roi.y_offset + height > message.height:
            return "camera_info_roi"
    if width < max(message.binning_x, 1) or height < max(message.binning_y, 1):
        return "camera_info_size"
    return None


# One fault each, of kinds that occur with drivers, bags and network transports


def faulty_message(random: np.random.Generator):
    """A random message with one fault."""
    fault = _FAULTS[random.integers(len(_FAULTS))]
    return fault(random)


def _image(random, **changes):
    depth = valid_depth() if random.random() < 0.5 else valid_depth().astype(np.float32) / 1000
    message = image(depth, padding=int(random.integers(0, 5)), big=bool(random.integers(2)))
    for name, value in changes.items():
        setattr(message, name, value(message) if callable(value) else value)
    return message


def _header_at(sec, nanosec):
    head = header()
    head.stamp.sec, head.stamp.nanosec = sec, nanosec
    return head


def _cut(random, data):
    return array.array("B", bytes(data)[: random.integers(len(data))])


def _flip(random, data):
    """Flips one bit in the pixel data of a PNG."""
    flipped = array.array("B", data)
    flipped[int(random.integers(12 + 8 + 25 + 8, len(data) - 16))] ^= 1 << int(random.integers(8))
    return flipped


def _number(random):
    return float(random.choice([NAN, INF, -INF, 0.0, -1.0]))


def _info(random, **changes):
    return camera_info(**{"width": WIDTH, "height": HEIGHT, **changes})


def _k(random):
    k = list(camera_info(WIDTH, HEIGHT).k)
    k[random.choice([0, 4])] = _number(random)
    return k


_FAULTS = (
    lambda r: _image(r, data=lambda m: _cut(r, m.data)),
    lambda r: _image(r, data=lambda m: m.data + array.array("B", bytes(int(r.integers(1, 9))))),
    lambda r: _image(r, step=lambda m: int(r.integers(0, 2 * WIDTH))),
    lambda r: _image(r, step=lambda m: m.step + int(r.integers(1, 9))),
    lambda r: _image(r, step=2**32 - 1),
    lambda r: _image(
        r, encoding=str(r.choice(["", "rgb8", "bgr8", "mono8", "8UC1", "16SC1", "32FC3", "64FC1", "16uc1"]))
    ),
    lambda r: _image(r, width=0),
    lambda r: _image(r, height=0),
    lambda r: _image(r, width=2**31 + 7, height=2**31 + 5),
    lambda r: _image(r, width=WIDTH + int(r.integers(1, 100))),
    lambda r: _image(r, height=lambda m: m.height - 1),
    lambda r: _image(r, header=header(frame="")),
    lambda r: _image(r, header=_header_at(-int(r.integers(1, 2**31)), 0)),
    lambda r: _image(r, header=_header_at(5, int(r.integers(10**9, 2**32)))),
    lambda r: image(np.full((int(r.integers(7, 20)), int(r.integers(9, 20))), 700, np.uint16)),
    lambda r: image(valid_depth().T.copy()),
    lambda r: compressed(valid_depth(), format=str(r.choice(["", "png", "jpeg", "16UC1", "16UC1; jpeg", "; ;"]))),
    lambda r: compressed(valid_depth(), format="bgr8; compressedDepth png"),
    lambda r: compressed(valid_depth(), data=_cut(r, compressed(valid_depth()).data)),
    lambda r: compressed(valid_depth(), data=_flip(r, compressed(valid_depth()).data)),
    lambda r: compressed(valid_depth(), kind="rvl", data=_cut(r, compressed(valid_depth(), kind="rvl").data)),
    lambda r: compressed(valid_depth().astype(np.uint8)),
    lambda r: compressed(np.dstack([valid_depth()] * 3)),
    lambda r: compressed(valid_depth(), quantisation=(_number(r) or -1.0, 1.0)),
    lambda r: compressed(np.full((HEIGHT + 1, WIDTH), 700, np.uint16), kind=str(r.choice(["png", "rvl"]))),
    lambda r: compressed(valid_depth(), header=header(frame="")),
    lambda r: _info(r, k=_k(r)),
    lambda r: _info(r, k=[0.0] * 9, p=[0.0] * 12),
    lambda r: _info(r, width=0),
    lambda r: _info(r, height=0),
    lambda r: _info(r, d=[0.1] * int(r.choice([1, 2, 3, 6, 7, 9]))),
    lambda r: _info(r, d=[NAN, 0.0, 0.0, 0.0, 0.0]),
    lambda r: _info(r, distortion_model=str(r.choice(["fisheye", "fov", "thin_prism_fisheye", "???"]))),
    lambda r: _info(r, roi=RegionOfInterest(x_offset=int(r.integers(WIDTH, 100)))),
    lambda r: _info(r, roi=RegionOfInterest(width=WIDTH + 1, height=HEIGHT)),
    lambda r: _info(r, binning_x=WIDTH + 1),
)


# By hypothesis: any mixture of valid and invalid values

_UINT = st.one_of(st.integers(0, 20), st.sampled_from([2**16, 2**31, 2**32 - 1]))
_NUMBER = st.one_of(st.sampled_from([0.0, 1.0, 140.0, NAN, INF, -INF, -1.0]), st.floats())
_FRAME = st.sampled_from(["camera", "camera", "camera", ""])
_ENCODING = st.one_of(st.sampled_from([*BYTES_PER_PIXEL, "rgb8", ""]), st.text(max_size=6))


@st.composite
def _images(draw):
    encoding, width, height = draw(_ENCODING), draw(_UINT), draw(_UINT)
    step = draw(st.one_of(_UINT, st.just(min(width * BYTES_PER_PIXEL.get(encoding, 2), 2**32 - 1))))
    size = draw(st.one_of(st.just(step * height), st.integers(0, 300)))
    message = Image(header=header(frame=draw(_FRAME)), encoding=encoding, width=width, height=height, step=step)
    message.header.stamp.sec = draw(st.sampled_from([1, 1, 1, 0, -1, -(2**31), 2**31 - 1]))
    message.is_bigendian = draw(st.integers(0, 255))
    message.data = array.array("B", bytes(size if size < 10_000 else 300))
    return message


@st.composite
def _compressed_images(draw):
    form = draw(st.one_of(
        st.sampled_from([f"{e}; compressedDepth{c}" for e in BYTES_PER_PIXEL for c in ("", " png", " rvl", " jpg")]),
        st.text(max_size=8),
    ))  # fmt: skip
    valid = bytes(compressed(valid_depth(), kind=draw(st.sampled_from(["png", "rvl"]))).data)
    head = draw(st.one_of(st.just(valid[:12]), st.binary(min_size=12, max_size=12)))
    small = struct.pack("<II", draw(st.integers(0, 20)), draw(st.integers(0, 20)))
    body = draw(st.one_of(st.just(valid[12:]), st.binary(max_size=80), st.binary(max_size=80).map(lambda b: small + b)))
    return CompressedImage(header=header(frame=draw(_FRAME)), format=form, data=array.array("B", head + body))


@st.composite
def _camera_infos(draw):
    message = camera_info(draw(st.sampled_from([WIDTH, 0, 9])), draw(st.sampled_from([HEIGHT, 0])))
    if draw(st.booleans()):
        message.k = draw(st.lists(_NUMBER, min_size=9, max_size=9))
    if draw(st.booleans()):
        message.p = draw(st.lists(_NUMBER, min_size=12, max_size=12))
    message.distortion_model = draw(st.sampled_from([*COEFFICIENTS, "", "none", "lens"]))
    message.d = draw(st.lists(_NUMBER, max_size=14))
    message.roi = RegionOfInterest(
        x_offset=draw(_UINT), y_offset=draw(_UINT), width=draw(_UINT), height=draw(_UINT)
    ) if draw(st.booleans()) else RegionOfInterest()  # fmt: skip
    message.binning_x, message.binning_y = draw(st.integers(0, 9)), draw(st.integers(0, 9))
    return message


arbitrary_messages = st.one_of(_images(), _compressed_images(), _camera_infos())
"""Messages of all three types, most of them invalid."""
