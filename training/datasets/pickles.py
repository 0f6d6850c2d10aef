"""Safe reader for pickled metadata: only plain Python values and numeric NumPy arrays, without executing code.

A pickle is a program. Here it runs with placeholders for the few names that NumPy arrays need. They only record their
arguments; any other name is rejected. NumPy itself does not see the file's bytes before they are checked.
"""

import io
import pickle
from pathlib import Path

import numpy as np

from .reading import read_bytes
from .sample import DatasetError

MAX_BYTES = 4_000_000
"""Maximum size of a file. A frame's metadata takes some tens of kilobytes."""
NUMBER_TYPES = ("f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "b1")


class _Recorded:
    """A NumPy object as the pickle describes it: its constructor arguments and its state."""

    __slots__ = ("arguments", "kind", "state")

    def __init__(self, kind: str, arguments: tuple):
        self.kind, self.arguments, self.state = kind, arguments, None

    def __setstate__(self, state: object):
        self.state = state


class _Placeholder:
    """Replaces a name in a pickle. It has no attributes, so that a pickle cannot store anything in it."""

    __slots__ = ("_kind",)

    def __init__(self, kind: str):
        object.__setattr__(self, "_kind", kind)

    def __setattr__(self, name: str, value: object):
        raise pickle.UnpicklingError("sets an attribute, which plain metadata does not")

    def __call__(self, *arguments: object) -> object:
        if self._kind == "encode":
            text, encoding = arguments
            if encoding != "latin1":
                raise pickle.UnpicklingError(f"encodes as {encoding!r:.40}, which NumPy does not")
            return text.encode("latin1")
        return _Recorded(self._kind, arguments)


_NAMES = {
    **{(f"numpy.{core}.multiarray", name): name for core in ("core", "_core") for name in ("_reconstruct", "scalar")},
    ("numpy", "ndarray"): "ndarray",
    ("numpy", "dtype"): "dtype",
    ("_codecs", "encode"): "encode",
}


class _Unpickler(pickle._Unpickler):
    """The standard library's unpickler in Python. In the one in C, a single opcode can fill the memory."""

    def find_class(self, module: str, name: str) -> _Placeholder:
        if (module, name) not in _NAMES:
            raise pickle.UnpicklingError(f"requests {module[:40]}.{name[:40]}, which plain metadata does not need")
        return _Placeholder(_NAMES[module, name])


def read_metadata(path: Path) -> dict:
    """A pickled dictionary. Get its arrays through `array`.

    Raises:
        DatasetError: missing, too large, truncated, corrupt, not a dictionary, or code would have to be executed.
    """
    raw = read_bytes(path)
    if len(raw) > MAX_BYTES:
        raise DatasetError(path, f"{len(raw)} bytes are too many for a frame's metadata")
    stream = io.BytesIO(raw)
    try:
        value = _Unpickler(stream, encoding="latin1").load()
    except Exception as error:  # an unpickler raises many kinds of errors on corrupt bytes
        problem = f"is not a readable pickle ({type(error).__name__}: {error})"
        raise DatasetError(path, problem, offset=stream.tell()) from error
    if not isinstance(value, dict):
        raise DatasetError(path, f"contains a {type(value).__name__:.40}, not a dictionary")
    return value


def array(metadata: dict, key: str, shape: tuple[int, ...], path: Path) -> np.ndarray:
    """The numeric array under `key`, float64, of exactly this shape; a list of numbers is accepted as a flat array.

    Raises:
        DatasetError: it is missing, of another shape, not numeric, or not all finite.
    """
    if metadata.get(key) is None:
        raise DatasetError(path, f"has no {key}")
    try:
        values = _numbers(metadata[key])
    except (TypeError, ValueError, AttributeError, OverflowError) as error:
        raise DatasetError(path, f"{key} is not an array of numbers ({error})") from error
    if values.shape != shape:
        raise DatasetError(path, f"{key} has the shape {values.shape}, not {shape}")
    if not np.isfinite(values).all():
        raise DatasetError(path, f"{key} is not finite")
    return values


def _numbers(value: object) -> np.ndarray:
    if isinstance(value, list | tuple):
        return np.array([float(_scalar(element)) for element in value])
    if not (isinstance(value, _Recorded) and value.kind == "_reconstruct"):
        raise TypeError(f"a {type(value).__name__}")
    _version, shape, kind, fortran, raw = value.state
    raw = raw.encode("latin1") if isinstance(raw, str) else raw
    flat = np.frombuffer(raw, _number_type(kind)).astype(np.float64)
    if not all(isinstance(side, int) and side >= 0 for side in shape):
        raise ValueError(f"shape {shape!r:.40}")
    return flat.reshape(shape, order="F" if fortran else "C")


def _scalar(value: object) -> float | int:
    if isinstance(value, _Recorded) and value.kind == "scalar":
        kind, raw = value.arguments
        return np.frombuffer(raw.encode("latin1") if isinstance(raw, str) else raw, _number_type(kind))[0]
    if isinstance(value, bool | int | float):
        return value
    raise TypeError(f"a {type(value).__name__} among the numbers")


def _number_type(kind: object) -> np.dtype:
    if not (isinstance(kind, _Recorded) and kind.kind == "dtype" and kind.arguments[0] in NUMBER_TYPES):
        raise TypeError("not a numeric type")
    order = kind.state[1] if kind.state else "="
    return np.dtype(kind.arguments[0]).newbyteorder(order if order in ("<", ">") else "=")
