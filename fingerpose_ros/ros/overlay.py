"""A picture as a message."""

import array

import numpy as np
from sensor_msgs.msg import Image
from std_msgs.msg import Header


def image_message(header: Header, picture: np.ndarray) -> Image:
    """A picture (height, width, 3) in blue, green, red as a message."""
    height, width = picture.shape[:2]
    data = array.array("B")  # the one type that rclpy takes over without looking at every byte
    data.frombytes(np.ascontiguousarray(picture).data)
    return Image(header=header, height=height, width=width, encoding="bgr8", step=3 * width, data=data)
