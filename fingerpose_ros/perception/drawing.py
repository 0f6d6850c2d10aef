"""Drawing hands on a depth image. The RViz markers use the same colours."""

import cv2
import numpy as np

from .camera import Camera
from .hand import Hand
from .skeleton import FINGERS, PARENTS

WHITE = (255, 255, 255)

FINGER_COLOURS = {
    "thumb": (230, 75, 60),
    "index": (245, 180, 40),
    "middle": (80, 190, 90),
    "ring": (60, 150, 230),
    "little": (175, 95, 215),
}
"""Red, green, blue, 0 to 255."""


def draw(depth: np.ndarray, camera: Camera, labels: list[str], hands: list[Hand], max_depth: float) -> np.ndarray:
    """Depth (height, width) in metres -> image (height, width, 3) in blue, green, red.

    Args:
        depth: (height, width) in metres; invalid pixels become black.
        camera: the image's camera.
        labels: text for each hand.
        hands: in the camera's optical frame.
        max_depth: depth in metres from which on grey gets no darker.
    """
    valid = np.isfinite(depth) & (depth > 0)
    grey = np.where(valid, 255 - 205 * np.clip(np.where(valid, depth, 0) / max_depth, 0, 1), 0).astype(np.uint8)
    image = cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR)
    thickness = max(1, round(camera.width / 320))
    for label, hand in zip(labels, hands, strict=True):
        shown = hand.valid & (hand.positions[:, 2] > 0)
        pixels = np.zeros((21, 2), int)
        pixels[shown] = np.clip(np.round(camera.project(hand.positions[shown])), -(2**14), 2**14)
        for joint in np.flatnonzero(shown).tolist():
            colour = (FINGER_COLOURS[FINGERS[(joint - 1) // 4]] if joint else WHITE)[::-1]
            parent = PARENTS[joint]
            if parent >= 0 and shown[parent]:
                cv2.line(image, pixels[parent].tolist(), pixels[joint].tolist(), colour, thickness, cv2.LINE_AA)
            cv2.circle(image, pixels[joint].tolist(), 2 * thickness, colour, -1, cv2.LINE_AA)
        if shown.any():
            corner = pixels[shown].min(0) - (0, 4 * thickness)
            text = f"{label.replace('_', ' ')} {hand.confidence:.0%}"
            font, size = cv2.FONT_HERSHEY_SIMPLEX, 0.3 * thickness
            cv2.putText(image, text, corner.tolist(), font, size, WHITE[::-1], thickness)
    return image
