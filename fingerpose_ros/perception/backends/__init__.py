"""The inference engines: OpenVINO on a CPU, PyTorch on a GPU or a CPU.

Here: the choice of engine, device and precision. Not here: what is predicted (`pose/prediction.py`,
`detection/prediction.py`), and loading a model file (`pose/model_file.py`).
"""

from .creation import BACKENDS, DEVICES, PRECISIONS, create_backend, create_detector

__all__ = ["BACKENDS", "DEVICES", "PRECISIONS", "create_backend", "create_detector"]
