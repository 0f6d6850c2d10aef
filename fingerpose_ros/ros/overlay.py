"""A picture as a message."""

import numpy as np
from sensor_msgs.msg import Image
from std_msgs.msg import Header

from .depth_image import pixel_data


def image_message(header: Header, picture: np.ndarray) -> Image:
    """A picture (height, width, 3) in blue, green, red as a message."""
    height, width = picture.shape[:2]
    return Image(header=header, height=height, width=width, encoding="bgr8", step=3 * width, data=pixel_data(picture))
