"""Reasons for rejecting an image or a camera info. Each rejection is counted by reason in /diagnostics."""

REASONS = {
    "frame_id": "the image has no frame_id, so its poses would have no frame",
    "stamp": "the image's stamp is before 1970, or has a second or more of nanoseconds",
    "size": "the image has no pixels, or more than the node accepts",
    "encoding": "not 16UC1, mono16 or 32FC1, so the unit and layout of the depth are unknown",
    "step": "`step` is shorter than a row of pixels",
    "data_size": "the length of the data is not `step` times `height` bytes",
    "format": "the compressed image is not compressedDepth with png or rvl",
    "corrupt": "the compressed image cannot be decompressed to one 16-bit channel",
    "no_camera_info": "no valid camera info has arrived yet",
    "size_mismatch": "the image and the camera info have different sizes",
    "camera_info_size": "the camera info has no size",
    "camera_info_roi": "the camera info's region of interest lies outside the image",
    "camera_info_focal_length": "the camera info's focal length is not positive and finite (0: not calibrated)",
    "camera_info_principal_point": "the camera info's principal point is not finite",
    "camera_info_distortion": "the camera info has an unknown distortion model, or invalid coefficients for it",
    "estimation_failed": "the estimator raised an error on this image",
}


class Rejected(ValueError):
    """A message is rejected: it cannot be used.

    Attributes:
        reason: a key of `REASONS`.
    """

    def __init__(self, reason: str, message: str):
        super().__init__(message)
        self.reason = reason
