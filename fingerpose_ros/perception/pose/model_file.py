"""Loading a model file for inference: one safetensors file for both engines, checked against its SHA-256.

The file holds the weights under the network's own names, in float16 (small tensors in float32). Under names that begin
with `openvino.` it holds the graphs of the network's three parts for OpenVINO. The graphs contain no weights: their
constants are offsets into this same file.

Beside it lies the file for int8, with the same three graphs, the middle one quantised, and with its own calibration. It
is complete: who runs the network in int8 reads no other weights. `./run training export` writes both.
"""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open

from fingerpose_ros.share import share_folder

from .calibration import Calibration

DEFAULT_NAME = "fingerposenet.safetensors"
"""The model that comes with the package, in its `models` folder."""

WEIGHTS_KEY = "weights_sha256"
"""Key in the header of a file for int8: the checksum of the model whose weights were quantised."""

GRAPH_PREFIX = "openvino."
"""Prefix of tensors that are not weights: the graphs (IR as XML, UTF-8), of a pose network `openvino.shallow`,
`openvino.deep` and `openvino.readout`; and `openvino.constants`, the graphs' constants that are not weights."""


@dataclass(frozen=True)
class GraphFile:
    """A safetensors file with weights, and with OpenVINO graphs whose constants are offsets into it.

    Attributes:
        path: of the file.
    """

    path: Path

    def graph(self, name: str) -> str:
        """OpenVINO's graph `name`, as XML."""
        with safe_open(self.path, "np") as file:
            return file.get_tensor(GRAPH_PREFIX + name).tobytes().decode()

    def graph_weights(self) -> np.ndarray:
        """The file's tensor data, memory-mapped: the graphs' constants are offsets into it."""
        # Copy on write, because OpenVINO takes no read-only memory. Nothing is written, so nothing is copied.
        return np.memmap(self.path, np.uint8, "c", offset=data_start(self.path))


@dataclass(frozen=True)
class ModelFile(GraphFile):
    """A pose network's file that has passed its checks.

    Attributes:
        input_size: the side of its graphs' input images, pixels.
        calibration: of its probabilities and standard deviations.
    """

    input_size: int
    calibration: Calibration

    @classmethod
    def open(cls, path: Path | str = "", precision: str = "f32") -> "ModelFile":
        """Check the file at `path`; "" is the model that comes with the package.

        Args:
            path: of the model; its file for int8 lies beside it.
            precision: "int8" opens the file for int8.

        Raises:
            FileNotFoundError: there is no such file, or no checksum beside it.
            ValueError: its checksum differs, or `./run training export` did not write it, or the file for int8 was made
                from other weights than those at `path`.
        """
        path = model_path(path)
        _require(path, "export")  # also for int8, so that the message names the path given
        keys = {"fingerposenet", "input_size", "calibration"}
        if precision == "int8":
            path, weights = int8_path(path), path
            metadata = checked_header(path, keys | {WEIGHTS_KEY}, "export")
            if metadata[WEIGHTS_KEY] != expected_checksum(weights):
                raise ValueError(
                    f"{path} was made from other weights than those in {weights.name}. Take both files from the same "
                    "export or release"
                )
        else:
            metadata = checked_header(path, keys, "export")
        try:
            calibration = Calibration(**json.loads(metadata["calibration"]))
            return cls(path, int(metadata["input_size"]), calibration)
        except (TypeError, ValueError) as error:
            raise ValueError(f"{path}: the header is invalid: {error}") from error


def model_path(path: Path | str = "") -> Path:
    """`path`, or that of the model that comes with the package if it is ""."""
    return Path(path) if str(path) else share_folder() / "models" / DEFAULT_NAME


def int8_path(path: Path) -> Path:
    """Path of the file for int8 of the model at `path`."""
    return path.with_name(f"{path.stem}_int8{path.suffix}")


def _require(path: Path, tool: str) -> None:
    if not path.is_file():
        raise FileNotFoundError(
            f"there is no model at {path}; give the path of a file that ./run training {tool} wrote"
        )


def checked_header(path: Path, keys: set[str], tool: str) -> dict[str, str]:
    """The header's metadata of an exported file whose checksum is right and which has all `keys`.

    Args:
        tool: the training tool that writes such files.

    Raises:
        FileNotFoundError: there is no such file, or no checksum beside it.
        ValueError: its checksum differs, or `tool` did not write it.
    """
    _require(path, tool)
    verify(path)
    try:
        with safe_open(path, "np") as file:
            metadata = file.metadata() or {}
    except SafetensorError as error:
        raise ValueError(f"{path} is not a safetensors file: {error}") from error
    if missing := keys - metadata.keys():
        raise ValueError(
            f"{path} is not an exported model: its header lacks {', '.join(sorted(missing))}. Export the weights of a "
            f"training run with: ./run training {tool} --weights WEIGHTS --out FOLDER"
        )
    return metadata


def data_start(path: Path) -> int:
    """Offset of a safetensors file's tensor data: after eight bytes with the header's length, and the header.

    Source: https://huggingface.co/docs/safetensors, "Format".
    """
    with path.open("rb") as file:
        return 8 + int.from_bytes(file.read(8), "little")


def checksum_file(path: Path) -> Path:
    """Path of a model's checksum file, in the format of `sha256sum`."""
    return path.with_suffix(".sha256")


def checksum(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def expected_checksum(path: Path) -> str:
    """The SHA-256 in the checksum file of the model at `path`; "" if that file is empty.

    Raises:
        FileNotFoundError: there is no checksum file.
    """
    beside = checksum_file(path)
    if not beside.is_file():
        raise FileNotFoundError(f"{path} has no checksum beside it; {beside} is missing")
    return (beside.read_text().split() or [""])[0]


def verify(path: Path) -> None:
    """Compare a model with its checksum.

    Raises:
        FileNotFoundError: there is no checksum beside it.
        ValueError: the checksum differs.
    """
    expected, actual = expected_checksum(path), checksum(path)
    if actual != expected:
        raise ValueError(
            f"{path} is damaged or does not belong to {checksum_file(path).name}: its SHA-256 is {actual}, not "
            f"{expected or '(empty)'}. Download both files again from the same release"
        )
