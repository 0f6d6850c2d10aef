"""int8 for OpenVINO: post-training quantisation of the network's middle part with NNCF.

The first layers and the readout stay in float32, as in bf16. So does the second stage of the backbone: quantising it
costs a part of the correct handedness. docs/performance.md has the measurement by layers.

Source: https://github.com/openvinotoolkit/nncf, "Post-Training Quantization".
"""

import logging

import nncf
import numpy as np
import openvino as ov

from fingerpose_ros.perception.backends.openvino_backend import compile_options, shared_core, start
from training.progress import progress
from training.rendering.rendered_batches import RenderedBatches

SEED = 20_250_508
"""Of the crops that choose the ranges. Different from all seeds of training, calibration and tests."""

CROPS, BATCH = 300, 60
"""Crops that choose the ranges: rendered for all sensors, with and without hands, upright and turned."""

IN_FLOAT32 = (r".*backbone\.layer2\..*",)
"""Patterns of the names of operations in the middle part that stay in float32."""


def quantised(graphs: dict[str, ov.Model], size: int) -> dict[str, ov.Model]:
    """The graphs of a pose network with the middle part in int8.

    Args:
        graphs: of `openvino_graph.pose_graphs`, with the weights that are stored.
        size: of the input images, pixels.
    """
    logging.getLogger("nncf").setLevel(logging.WARNING)
    shallow = start(shared_core(), graphs["shallow"], compile_options(1))
    batches = RenderedBatches(size=size, batch=BATCH, seed=SEED)
    inputs = []
    for index in progress(range(CROPS // BATCH), "int8", "batches"):
        inputs += [_run(shallow, image) for image in batches[index]["image"]]
    deep = nncf.quantize(
        graphs["deep"].clone(),
        nncf.Dataset(inputs),
        preset=nncf.QuantizationPreset.MIXED,
        subset_size=CROPS,
        ignored_scope=nncf.IgnoredScope(patterns=list(IN_FLOAT32), validate=False),
    )
    return {**graphs, "deep": deep}


def _run(shallow: ov.InferRequest, image: np.ndarray) -> np.ndarray:
    """The first layers' output (1, channels, size / 4, size / 4) for an image (1, size, size)."""
    shallow.get_tensor("image").data[0] = image
    shallow.infer()
    return shallow.get_tensor("stride4").data.copy()
