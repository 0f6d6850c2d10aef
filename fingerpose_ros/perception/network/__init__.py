"""FingerPoseNet: a crop in, 21 joints with their uncertainty out. Needs PyTorch."""

from .fingerposenet import FingerPoseNet, NetworkConfig, NetworkOutput
from .weights import load_network, save_network

__all__ = ["FingerPoseNet", "NetworkConfig", "NetworkOutput", "load_network", "save_network"]
