"""FingerPoseNet: a crop in, 21 joints with their uncertainty out.

Here: the network's layers and its weights, in PyTorch. Not here: inference on a robot (`backends`), and training.
"""

from .fingerposenet import FingerPoseNet, NetworkConfig, NetworkOutput
from .weights import load_network, save_network

__all__ = ["FingerPoseNet", "NetworkConfig", "NetworkOutput", "load_network", "save_network"]
