"""int8 for OpenVINO: post-training quantisation with NNCF, of the pose network's middle part and of the detector.

The pose network's first layers and the readout stay in float32, as in bf16. So does the second stage of the backbone:
quantising it costs a part of the correct handedness. docs/performance.md has the measurement by layers. The detector is
quantised completely.

Source: https://github.com/openvinotoolkit/nncf, "Post-Training Quantization".
"""

import logging
from pathlib import Path

import nncf
import numpy as np
import openvino as ov

from fingerpose_ros.perception.backends.openvino_backend import compile_options, shared_core, start
from fingerpose_ros.perception.detection.confidence import DETECTOR_ALONE
from fingerpose_ros.perception.detection.detector import HandDetector
from fingerpose_ros.perception.detection.model_file import CLASSIFIER_BATCH, PROPOSAL_BATCH
from fingerpose_ros.perception.detection.prediction import Classification, DetectionNetworks
from fingerpose_ros.perception.settings import EstimatorSettings
from training.progress import progress
from training.rendering.composed_images import ComposedImages
from training.rendering.rendered_batches import RenderedBatches

SEED = 20_250_508
"""Of the crops that choose the ranges. Different from all seeds of training, calibration and tests."""

CROPS, BATCH = 300, 60
"""Crops that choose the ranges: rendered for all sensors, with and without hands, upright and turned."""

IMAGES = 120
"""Composed images, each with its hand-free copy, whose crops choose the detector's ranges."""

IN_FLOAT32 = (r".*backbone\.layer2\..*",)
"""Patterns of the names of operations in the middle part that stay in float32."""


def quantised(graphs: dict[str, ov.Model], size: int) -> dict[str, ov.Model]:
    """The graphs of a pose network with the middle part in int8.

    Args:
        graphs: of `openvino_graph.pose_graphs`, with the weights that are stored.
        size: of the input images, pixels.
    """
    shallow = start(shared_core(), graphs["shallow"], compile_options(1))
    batches = RenderedBatches(size=size, batch=BATCH, seed=SEED)
    inputs = []
    for index in progress(range(CROPS // BATCH), "int8", "batches"):
        inputs += [_run(shallow, image) for image in batches[index]["image"]]
    return {**graphs, "deep": _quantised(graphs["deep"], inputs, IN_FLOAT32)}


def quantised_detection(
    graphs: dict[str, ov.Model], networks: DetectionNetworks, backgrounds: tuple[Path, ...]
) -> dict[str, ov.Model]:
    """The graphs of a detector in int8.

    Args:
        graphs: of `openvino_graph.detection_graphs`, with the weights that are stored.
        networks: the same detector in float32, to choose the crops.
        backgrounds: folders of recordings without hands; those for training are used.
    """
    crops = _Crops(networks)
    detector = HandDetector(crops, DETECTOR_ALONE)
    distances = EstimatorSettings().min_distance, EstimatorSettings().max_distance
    images = ComposedImages(SEED, backgrounds)
    for index in progress(range(IMAGES), "int8"):
        image = images[index]
        for depth in (image.depth, image.without):
            detector.detect(np.asarray(depth, np.float32), image.camera, distances)
    return {
        "proposal": _quantised(graphs["proposal"], _batches(PROPOSAL_BATCH, crops=crops.proposed)),
        "classifier": _quantised(
            graphs["classifier"], _batches(CLASSIFIER_BATCH, context=crops.context, detail=crops.detail)
        ),
    }


class _Crops:
    """A detector's networks that keep the crops they get: the classifier's, and every eighth of the other's."""

    def __init__(self, networks: DetectionNetworks):
        self._networks = networks
        self.proposed: list[np.ndarray] = []
        self.context: list[np.ndarray] = []
        self.detail: list[np.ndarray] = []

    def propose(self, crops: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """See `DetectionNetworks`."""
        self.proposed.append(crops[::8].copy())
        return self._networks.propose(crops)

    def classify(self, context: np.ndarray, detail: np.ndarray) -> Classification:
        """See `DetectionNetworks`."""
        self.context.append(context.copy())
        self.detail.append(detail.copy())
        return self._networks.classify(context, detail)


def _batches(size: int, **inputs: list[np.ndarray]) -> list[dict[str, np.ndarray]]:
    """A graph's inputs, each from parts (n, side, side), in complete batches (size, 1, side, side)."""
    whole = {name: np.concatenate(parts)[:, None] for name, parts in inputs.items()}
    count = len(next(iter(whole.values())))
    return [{name: values[at : at + size] for name, values in whole.items()} for at in range(0, count - size + 1, size)]


def _quantised(graph: ov.Model, inputs: list, in_float32: tuple[str, ...] = ()) -> ov.Model:
    """A graph in int8, its ranges chosen by these inputs.

    Args:
        in_float32: patterns of the names of operations that stay in float32.
    """
    logging.getLogger("nncf").setLevel(logging.WARNING)
    return nncf.quantize(
        graph.clone(),
        nncf.Dataset(inputs),
        preset=nncf.QuantizationPreset.MIXED,
        subset_size=len(inputs),
        ignored_scope=nncf.IgnoredScope(patterns=list(in_float32), validate=False),
    )


def _run(shallow: ov.InferRequest, image: np.ndarray) -> np.ndarray:
    """The first layers' output (1, channels, size / 4, size / 4) for an image (1, size, size)."""
    shallow.get_tensor("image").data[0] = image
    shallow.infer()
    return shallow.get_tensor("stride4").data.copy()
