"""Places that were detected but are no hands, so that they do not take time in each image."""

from dataclasses import dataclass

import numpy as np

from ..detection.detector import APART, Detection

FIRST_WAIT, LONGEST_WAIT = 0.1, 0.8
"""Seconds until a place is predicted again. The time doubles each time that it is rejected again."""

MEMORY = 1.0
"""Seconds for which a place is remembered at least, so that its time doubles although others are predicted first."""

SURER = 2.0
"""A place is predicted again at once if the detector's logit has risen by so much."""


@dataclass(frozen=True)
class Rejection:
    """A detection that turned out to be no hand.

    Attributes:
        stamp: of the image, seconds.
        wait: seconds until it is predicted again.
    """

    detection: Detection
    stamp: float
    wait: float

    def at(self, detection: Detection) -> bool:
        """Whether both are one place."""
        return bool(np.linalg.norm(detection.palm - self.detection.palm) < APART)


class Rejections:
    """The places that were rejected lately. A scene has one or two that the detector takes for hands."""

    def __init__(self):
        self._rejections: list[Rejection] = []

    def add(self, detections: list[Detection], stamp: float) -> None:
        """Note the rejected places of an image, and forget those that were not rejected again for twice their time."""
        new = []
        for detection in detections:
            waits = [before.wait for before in self._rejections if before.at(detection)]
            new.append(Rejection(detection, stamp, min(2 * max(waits), LONGEST_WAIT) if waits else FIRST_WAIT))
        self._rejections = new + [
            before
            for before in self._rejections
            if stamp - before.stamp < max(2 * before.wait, MEMORY)
            and not any(before.at(detection) for detection in detections)
        ]

    def hold(self, detection: Detection, stamp: float) -> bool:
        """Whether it is too early to predict this place again."""
        return any(
            before.at(detection)
            and stamp - before.stamp < before.wait
            and detection.logit < before.detection.logit + SURER
            for before in self._rejections
        )

    def last(self, detection: Detection) -> float:
        """When this place was rejected last, seconds; minus infinity if it was not, as far as is remembered."""
        return max((before.stamp for before in self._rejections if before.at(detection)), default=-np.inf)
