"""Which camera took which image: depth images and camera infos arrive as two topics, in any order."""

from collections.abc import Callable
from dataclasses import dataclass

from fingerpose_ros.perception.camera import Camera
from fingerpose_ros.ros.depth_image import DepthImage
from fingerpose_ros.ros.rejection import Rejected


@dataclass(frozen=True)
class Frame:
    """A depth image that can be estimated.

    Attributes:
        arrived: when its message reached the node, `time.monotonic()` seconds.
    """

    image: DepthImage
    camera: Camera
    arrived: float


class CameraMatcher:
    """Pairs each image with the newest camera, if that one has the image's size.

    Otherwise the image waits for one more camera info, as when a stream begins or changes its resolution and the image
    is first to arrive; if that does not fit either, or the next image comes before it, the image is rejected.
    """

    def __init__(self, reject: Callable[[Rejected], None]):
        self._refuse = reject
        self._camera: Camera | None = None
        self._waiting: tuple[DepthImage, float] | None = None

    def camera(self, camera: Camera) -> Frame | None:
        """Take note of the camera; the image that waited for it, if there was one."""
        self._camera = camera
        if self._waiting is None or not self._fits(self._waiting[0]):
            self.give_up()
            return None
        (image, arrived), self._waiting = self._waiting, None
        return Frame(image, camera, arrived)

    def image(self, image: DepthImage, arrived: float) -> Frame | None:
        """The image with its camera, or None if it has to wait."""
        self.give_up()
        if self._fits(image):
            return Frame(image, self._camera, arrived)
        self._waiting = (image, arrived)
        return None

    def give_up(self) -> None:
        """Reject the image that waits, if there is one."""
        if self._waiting is None:
            return
        (image, _), self._waiting = self._waiting, None
        if self._camera is None:
            self._refuse(Rejected("no_camera_info", "an image arrived, but no usable camera info so far"))
        else:
            self._refuse(
                Rejected(
                    "size_mismatch",
                    f"the image is {image.width}x{image.height}, but its camera info says "
                    f"{self._camera.width}x{self._camera.height} (after binning and roi)",
                )
            )

    def _fits(self, image: DepthImage) -> bool:
        return self._camera is not None and (image.width, image.height) == (self._camera.width, self._camera.height)
