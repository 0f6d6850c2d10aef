"""Loading a detector's file: one safetensors file for both engines, checked against its SHA-256.

The file holds the weights of both networks, their OpenVINO graphs `openvino.proposal` and `openvino.classifier` for
fixed batches, and in its header the parameters of `Confidence`. `./run training export_detector` writes it.
"""

import json
from dataclasses import dataclass
from pathlib import Path

from fingerpose_ros.share import share_folder

from ..pose.model_file import GraphFile, checked_header
from .confidence import Confidence

DEFAULT_NAME = "detector.safetensors"
"""The detector that comes with the package, in its `models` folder."""

PROPOSAL_BATCH, CLASSIFIER_BATCH = 64, 8
"""Batches of the graphs: a part of an image's surface points, and its candidates with two tracked hands."""


@dataclass(frozen=True)
class DetectorFile(GraphFile):
    """A detector's file that has passed its checks.

    Attributes:
        confidence: how detector and pose network together give the probability of a hand.
    """

    confidence: Confidence

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
            return cls(path, Confidence(**json.loads(metadata["confidence"])))
        except (TypeError, ValueError) as error:
            raise ValueError(f"{path}: the header is invalid: {error}") from error
