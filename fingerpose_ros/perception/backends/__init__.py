"""The inference engines: OpenVINO on a CPU, PyTorch on a GPU or a CPU.

Here: which engine runs a network, where and in which precision. Not here: what is predicted (`pose`), and how a model
file is checked (`model_file.py`).
"""

from .creation import BACKENDS, DEVICES, PRECISIONS, create_backend

__all__ = ["BACKENDS", "DEVICES", "PRECISIONS", "create_backend"]
