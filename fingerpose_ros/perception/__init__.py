"""The hand pose estimator: a depth image and its camera in, hands out.

Here: everything between a depth array in metres and `Hand` objects. Not here: ROS. Nothing in this folder imports it.
"""

from .backends import create_backend, create_detector
from .camera import Camera
from .estimator import HandPoseEstimator
from .settings import EstimatorSettings

__all__ = ["Camera", "EstimatorSettings", "HandPoseEstimator", "create_backend", "create_detector"]
