"""A model on disk: one safetensors file that every engine runs from, and its checksum beside it.

The file holds the weights under the network's own names, in 16 bits (small ones in 32), and for OpenVINO, under names
that begin with `openvino.`, the graphs of its three parts. The graphs have no weights of their own: their
constants are places in this same file. `./run training export` writes it.
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

GRAPH_PREFIX = "openvino."
"""Begins the names of tensors that are no weights: `openvino.shallow`, `openvino.deep`, `openvino.readout` (IR as XML,
UTF-8) and `openvino.constants` (what the graphs need besides the weights)."""


@dataclass(frozen=True)
class ModelFile:
    """A model file that has passed its checks.

    Attributes:
        path: where it is.
        input_size: the side of the images its graphs take, pixels.
        calibration: how to read its uncertainty.
    """

    path: Path
    input_size: int
    calibration: Calibration

    @classmethod
    def open(cls, path: Path | str = "") -> "ModelFile":
        """Check the file at `path`; "" is the model that comes with the package.

        Raises:
            FileNotFoundError: there is no such file, or no checksum beside it.
            ValueError: it is not the file that the checksum was made of, or not a model that `./run training export` wrote.
        """
        path = Path(path) if str(path) else share_folder() / "models" / DEFAULT_NAME
        if not path.is_file():
            raise FileNotFoundError(
                f"there is no model at {path}; give the path of one that ./run training export wrote"
            )
        verify(path)
        try:
            with safe_open(path, "np") as file:
                metadata = file.metadata() or {}
        except SafetensorError as error:
            raise ValueError(f"{path} is not a safetensors file: {error}") from error
        missing = {"fingerposenet", "input_size", "calibration"} - metadata.keys()
        if missing:
            raise ValueError(
                f"{path} is not a model to run: its header lacks {', '.join(sorted(missing))}. Weights as training "
                "leaves them become one through: ./run training export --weights WEIGHTS --size PIXELS --out FOLDER"
            )
        try:
            calibration = Calibration(**json.loads(metadata["calibration"]))
            return cls(path, int(metadata["input_size"]), calibration)
        except (TypeError, ValueError) as error:
            raise ValueError(f"{path}: the header cannot be read: {error}") from error

    def graph(self, name: str) -> str:
        """OpenVINO's graph `shallow`, `deep` or `readout`, as XML."""
        with safe_open(self.path, "np") as file:
            return file.get_tensor(GRAPH_PREFIX + name).tobytes().decode()

    def graph_weights(self) -> np.ndarray:
        """The bytes that the graphs' constants lie in, mapped into memory."""
        # Copy on write, as OpenVINO takes no read-only memory; nothing is written, so nothing is copied.
        return np.memmap(self.path, np.uint8, "c", offset=data_start(self.path))


def data_start(path: Path) -> int:
    """Where a safetensors file's tensors begin: after eight bytes with the header's length, and the header.

    Source: https://huggingface.co/docs/safetensors, "Format".
    """
    with path.open("rb") as file:
        return 8 + int.from_bytes(file.read(8), "little")


def checksum_file(path: Path) -> Path:
    """Where a model's checksum stands, in the format of `sha256sum`."""
    return path.with_suffix(".sha256")


def checksum(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def verify(path: Path) -> None:
    """Hold a model against its checksum.

    Raises:
        FileNotFoundError: there is no checksum beside it.
        ValueError: it is another file than the checksum was made of.
    """
    beside = checksum_file(path)
    if not beside.is_file():
        raise FileNotFoundError(f"{path} has no checksum beside it; {beside} is missing")
    expected, actual = (beside.read_text().split() or [""])[0], checksum(path)
    if actual != expected:
        raise ValueError(
            f"{path} is damaged or not the file that {beside.name} is for: its SHA-256 is {actual}, not "
            f"{expected or '(empty)'}. Get both files anew from the same release"
        )
