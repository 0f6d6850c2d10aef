"""Loading a detector's file: one safetensors file for both engines, checked against its SHA-256.

The file holds the weights of both networks, their OpenVINO graphs `openvino.proposal` and `openvino.classifier` for
fixed batches, and in its header the parameters of `Confidence`. Beside a pose network in int8 the detector runs in
int8, too. For that, the file holds the graphs `openvino.proposal_int8` and `openvino.classifier_int8`, and a confidence
of their own. `./run training export_detector` writes it.
"""

import json
from dataclasses import dataclass
from pathlib import Path

from safetensors import SafetensorError

from fingerpose_ros.share import share_folder

from ..pose.model_file import GraphFile, checked_header
from .confidence import Confidence

DEFAULT_NAME = "detector.safetensors"
"""The detector that comes with the package, in its `models` folder."""

CONFIDENCE_INT8 = "confidence_int8"
"""Key in the file's header of the confidence in int8."""

INT8_SUFFIX = "_int8"
"""At the end of the name of a graph in int8."""

NOT_IN_INT8 = (
    "cannot run in int8. Export it again, with a pose network that has a file for int8: ./run training "
    "export_detector; or use precision f32 or bf16"
)

PROPOSAL_BATCH, CLASSIFIER_BATCH = 64, 8
"""Batches of the graphs: a part of an image's surface points, and its candidates with two tracked hands."""


@dataclass(frozen=True)
class DetectorFile(GraphFile):
    """A detector's file that has passed its checks.

    Attributes:
        confidence: how detector and pose network together give the probability of a hand.
        confidence_int8: the same in int8; None in a file that was exported without a pose network in int8.
    """

    confidence: Confidence
    confidence_int8: Confidence | None = None

    def confidence_in(self, precision: str) -> Confidence:
        """The confidence for a pose network in this precision. bf16 is so near to float32 that both have the same.

        Raises:
            ValueError: the file has none for it.
        """
        if precision != "int8":
            return self.confidence
        if self.confidence_int8 is None:
            raise ValueError(f"{self.path} {NOT_IN_INT8}")
        return self.confidence_int8

    def graph_in(self, name: str, precision: str) -> str:
        """OpenVINO's graph `name`, as XML, to be used beside a pose network in this precision.

        Raises:
            ValueError: the file has none for it.
        """
        if precision != "int8":
            return self.graph(name)
        try:
            return self.graph(name + INT8_SUFFIX)
        except SafetensorError as error:
            raise ValueError(f"{self.path} {NOT_IN_INT8}") from error

    @classmethod
    def open(cls, path: Path | str = "") -> "DetectorFile":
        """Check the file at `path`; "" is the detector that comes with the package.

        Raises:
            FileNotFoundError: there is no such file, or no checksum beside it.
            ValueError: its checksum differs, or `./run training export_detector` did not write it.
        """
        path = Path(path) if str(path) else share_folder() / "models" / DEFAULT_NAME
        metadata = checked_header(path, {"detector", "confidence"}, "export_detector")
        try:
            known = [
                Confidence(**json.loads(metadata[key])) for key in ("confidence", CONFIDENCE_INT8) if key in metadata
            ]
            return cls(path, *known)
        except (TypeError, ValueError) as error:
            raise ValueError(
                f"{path}: the header is invalid: {error}. Export it again: ./run training export_detector"
            ) from error
