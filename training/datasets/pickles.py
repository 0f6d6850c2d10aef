"""Reading pickled metadata without executing code: plain Python values and NumPy arrays of numbers, nothing else.

A pickle is a program. Here it runs with stand-ins for the few names that NumPy arrays need, which only remember what
they were given; any other name is rejected. Nothing of NumPy itself sees the file's bytes before they are checked.
"""

import io
import pickle
from pathlib import Path

import numpy as np

from .reading import read_bytes
from .sample import DatasetError

LARGEST_BYTES = 4_000_000
"""A frame's metadata is some tens of kilobytes; a file beyond this is none."""
NUMBER_TYPES = ("f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "b1")


class _Remember:
    """A thing of NumPy's as the pickle describes it: the arguments it was made of and the state it was given."""

    __slots__ = ("arguments", "kind", "state")

    def __init__(self, kind: str, arguments: tuple):
        self.kind, self.arguments, self.state = kind, arguments, None

    def __setstate__(self, state: object):
        self.state = state


class _StandIn:
    """What a name in a pickle stands for. Without attributes, so that a pickle cannot leave anything behind in it."""

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
        return _Remember(self._kind, arguments)


_NAMES = {
    **{(f"numpy.{core}.multiarray", name): name for core in ("core", "_core") for name in ("_reconstruct", "scalar")},
    ("numpy", "ndarray"): "ndarray",
    ("numpy", "dtype"): "dtype",
    ("_codecs", "encode"): "encode",
}


class _Unpickler(pickle._Unpickler):
    """The standard library's unpickler in Python: the one in C can be made to fill the memory by a single opcode."""

    def find_class(self, module: str, name: str) -> _StandIn:
        if (module, name) not in _NAMES:
            raise pickle.UnpicklingError(f"asks for {module[:40]}.{name[:40]}, which plain metadata does not need")
        return _StandIn(_NAMES[module, name])


def read_metadata(path: Path) -> dict:
    """A pickled dictionary. Its arrays are to be asked for through `array`.

    Raises:
        DatasetError: missing, too large, truncated, corrupt, no dictionary, or in need of any code.
    """
    raw = read_bytes(path)
    if len(raw) > LARGEST_BYTES:
        raise DatasetError(path, f"{len(raw)} bytes are too many for a frame's metadata")
    stream = io.BytesIO(raw)
    try:
        value = _Unpickler(stream, encoding="latin1").load()
    except Exception as error:  # an unpickler raises whatever corrupt bytes make it trip over
        problem = f"is no readable pickle ({type(error).__name__}: {error})"
        raise DatasetError(path, problem, offset=stream.tell()) from error
    if not isinstance(value, dict):
        raise DatasetError(path, f"holds a {type(value).__name__:.40}, not a dictionary")
    return value


def array(metadata: dict, key: str, shape: tuple[int, ...], path: Path) -> np.ndarray:
    """The array of numbers under `key`, float64, of exactly this shape; a list of numbers passes for a flat one.

    Raises:
        DatasetError: it is not there, of another shape, of anything but numbers, or not all finite.
    """
    if metadata.get(key) is None:
        raise DatasetError(path, f"has no {key}")
    try:
        values = _numbers(metadata[key])
    except (TypeError, ValueError, AttributeError, OverflowError) as error:
        raise DatasetError(path, f"{key} is no array of numbers ({error})") from error
    if values.shape != shape:
        raise DatasetError(path, f"{key} is of shape {values.shape}, not {shape}")
    if not np.isfinite(values).all():
        raise DatasetError(path, f"{key} is not finite")
    return values


def _numbers(value: object) -> np.ndarray:
    if isinstance(value, list | tuple):
        return np.array([float(_scalar(element)) for element in value])
    if not (isinstance(value, _Remember) and value.kind == "_reconstruct"):
        raise TypeError(f"a {type(value).__name__}")
    _version, shape, kind, fortran, raw = value.state
    raw = raw.encode("latin1") if isinstance(raw, str) else raw
    flat = np.frombuffer(raw, _number_type(kind)).astype(np.float64)
    if not all(isinstance(side, int) and side >= 0 for side in shape):
        raise ValueError(f"shape {shape!r:.40}")
    return flat.reshape(shape, order="F" if fortran else "C")


def _scalar(value: object) -> float | int:
    if isinstance(value, _Remember) and value.kind == "scalar":
        kind, raw = value.arguments
        return np.frombuffer(raw.encode("latin1") if isinstance(raw, str) else raw, _number_type(kind))[0]
    if isinstance(value, bool | int | float):
        return value
    raise TypeError(f"a {type(value).__name__} among them")


def _number_type(kind: object) -> np.dtype:
    if not (isinstance(kind, _Remember) and kind.kind == "dtype" and kind.arguments[0] in NUMBER_TYPES):
        raise TypeError("not of a number type")
    order = kind.state[1] if kind.state else "="
    return np.dtype(kind.arguments[0]).newbyteorder(order if order in ("<", ">") else "=")
