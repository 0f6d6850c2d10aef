"""Matches depth images with camera infos, which arrive on two topics in any order."""

from collections.abc import Callable
from dataclasses import dataclass

from fingerpose_ros.perception.camera import Camera
from fingerpose_ros.ros.depth_image import DepthImage
from fingerpose_ros.ros.rejection import Rejected


@dataclass(frozen=True)
class Frame:
    """A depth image with its camera, ready for the estimator.

    Attributes:
        arrived: when the image reached the node, `time.monotonic()` seconds.
    """

    image: DepthImage
    camera: Camera
    arrived: float


class CameraMatcher:
    """Matches each image with the newest camera, if both have the same size.

    Stamps are not compared: a camera rarely changes, and drivers stamp image and camera info differently.

    Otherwise the image waits for one more camera info: when a topic starts or changes its resolution, the image may
    arrive first. The image is rejected if that camera info has another size too, or if the next image arrives before.

    Args:
        reject: called for each rejected image.
    """

    def __init__(self, reject: Callable[[Rejected], None]):
        self._reject = reject
        self._camera: Camera | None = None
        self._camera_rejection: Rejected | None = None
        self._waiting: tuple[DepthImage, float] | None = None

    def add_camera(self, camera: Camera) -> Frame | None:
        """Use this camera from now on; returns the waiting image if it matches."""
        self._camera, self._camera_rejection = camera, None
        if self._waiting is None or not self._matches(self._waiting[0]):
            self.reject_waiting()
            return None
        (image, arrived), self._waiting = self._waiting, None
        return Frame(image, camera, arrived)

    def reject_camera(self, rejection: Rejected) -> None:
        """Reject a camera info. The previous camera stays in use; images without one are rejected with this cause."""
        self._camera_rejection = rejection
        self._reject(rejection)

    def add_image(self, image: DepthImage, arrived: float) -> Frame | None:
        """Returns the image with its camera, or None if it must wait for one."""
        self.reject_waiting()
        if self._matches(image):
            return Frame(image, self._camera, arrived)
        self._waiting = (image, arrived)
        return None

    def reject_waiting(self) -> None:
        """Reject the waiting image, if there is one."""
        if self._waiting is None:
            return
        (image, _), self._waiting = self._waiting, None
        cause = f"; the last one was rejected: {self._camera_rejection}" if self._camera_rejection else ""
        if self._camera is None:
            self._reject(Rejected("no_camera_info", f"an image arrived before any valid camera info{cause}"))
        else:
            self._reject(
                Rejected(
                    "size_mismatch",
                    f"the image is {image.width}x{image.height}, but the camera info is "
                    f"{self._camera.width}x{self._camera.height} (after binning and roi){cause}",
                )
            )

    def _matches(self, image: DepthImage) -> bool:
        return self._camera is not None and (image.width, image.height) == (self._camera.width, self._camera.height)
