"""Why an image or a camera info was not used. Every rejection has one of these reasons, counted in /diagnostics."""

REASONS = {
    "frame_id": "the image names no frame, so a pose in it would mean nothing",
    "stamp": "the image's stamp is before 1970, or has a second or more of nanoseconds",
    "size": "image without pixels, or with more than the node is willing to hold",
    "encoding": "not 16UC1, mono16 or 32FC1, so neither unit nor layout of the depth is known",
    "step": "a row is shorter than its pixels",
    "data_size": "the data are not `step` times `height` bytes",
    "format": "a compressed image that is not compressedDepth, or compressed with neither png nor rvl",
    "corrupt": "a compressed image that cannot be decompressed to one 16-bit channel",
    "no_camera_info": "no usable camera info has arrived yet",
    "size_mismatch": "the image's size is not that of the camera info",
    "camera_info_size": "camera info without a size",
    "camera_info_roi": "camera info whose region of interest lies outside the image",
    "camera_info_focal_length": "camera info whose focal length is not a positive number (0: an uncalibrated camera)",
    "camera_info_principal_point": "camera info whose principal point is not a number",
    "camera_info_distortion": "camera info with an unknown distortion model, or coefficients that do not fit it",
    "estimation_failed": "the estimator raised an error on this image",
}


class Rejected(ValueError):
    """A message that is not used.

    Attributes:
        reason: a key of `REASONS`.
    """

    def __init__(self, reason: str, message: str):
        super().__init__(message)
        self.reason = reason
