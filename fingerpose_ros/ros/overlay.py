"""Colour image -> message."""

import numpy as np
from sensor_msgs.msg import Image
from std_msgs.msg import Header

from .depth_image import pixel_data


def image_message(header: Header, image: np.ndarray) -> Image:
    """A colour image (height, width, 3) in BGR order as a message."""
    height, width = image.shape[:2]
    return Image(header=header, height=height, width=width, encoding="bgr8", step=3 * width, data=pixel_data(image))
