"""The inference engines: OpenVINO on a CPU, PyTorch on a GPU or a CPU.

Here: the choice of engine, device and precision. Not here: what is predicted (`pose/prediction.py`,
`detection/prediction.py`), and loading a model file (`pose/model_file.py`).
"""

import sys

from .creation import BACKENDS, DEVICES, PRECISIONS, create_backend, create_detector

__all__ = ["BACKENDS", "DEVICES", "PRECISIONS", "create_backend", "create_detector"]

# OpenVINO would report its use over the network, from a process of its own that outlives a Ctrl-C.
# So it is made to look as if it were not installed.
sys.modules.setdefault("openvino_telemetry", None)
