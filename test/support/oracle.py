"""An oracle: a stand-in for the networks that predicts the ground truth, for tests of the estimator, and its scenes."""

from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
import pytest
from articulated_hand import ArticulatedHand
from rendered_scene import CAMERA, hand_balls, placed, render

from fingerpose_ros.perception.detection.confidence import Confidence
from fingerpose_ros.perception.detection.detector import Detection
from fingerpose_ros.perception.estimator import HandPoseEstimator
from fingerpose_ros.perception.kinematics import hand_centre, hand_direction, palm_position
from fingerpose_ros.perception.pose.crop import Crop
from fingerpose_ros.perception.pose.prediction import Prediction
from fingerpose_ros.perception.settings import EstimatorSettings

RIGHT, LEFT = ArticulatedHand("right"), ArticulatedHand("left")
TABLE = ((0.0, 0.6, 0.8), 0.75)


@dataclass
class Oracle:
    """Detects the scene's hands, and predicts their true joints and handedness. Confidence is presence.

    Attributes:
        hands: the scene: (joints, handedness) of each hand.
        sigma: (21, 3) predicted standard deviations.
        right: predicted probability of a right hand in the scene; None for one that fits the true handedness.
        bias: added to the probability that the crop, mirrored or not, shows a right hand.
        present: handedness -> predicted presence probability, where it is not the default.
        undetected: palms (3,) near which nothing is detected.
        false: palms (3,) that are detected besides, with this `logit`.
        batches: sizes of the batches so far.
        concurrent: whether tracked hands are predicted while the detector runs.
        crops: the bytes of a crop's image -> the crop.
    """

    hands: list = field(default_factory=list)
    sigma: np.ndarray = field(default_factory=lambda: np.full((21, 3), 0.03))
    right: float | None = None
    bias: float = 0.0
    present: dict = field(default_factory=dict)
    undetected: list = field(default_factory=list)
    false: list = field(default_factory=list)
    confidence: Confidence = Confidence(0.0, 1.0, 0.0, 0.0)
    logit: float = 7.0
    input_size: int = 32
    concurrent: bool = False
    description: str = "oracle"
    batches: list = field(default_factory=list)
    crops: dict = field(default_factory=dict)

    def detect(self, depth_m, camera, distances, expected=None):
        """Detections of all hands and of `false`."""
        up = np.array([0.0, -1, 0])
        found = [Detection(np.asarray(palm), up, self.logit) for palm in self.false]
        for joints, _ in self.hands:
            palm, along = palm_position(joints), hand_direction(joints)
            if all(np.linalg.norm(palm - hidden) > 0.05 for hidden in self.undetected):
                found.append(Detection(palm, along / np.linalg.norm(along), 6.0))
        return [one for one in found if distances[0] <= one.palm[2] <= distances[1]]

    def infer(self, images):
        assert images.dtype == np.float32 and images.shape[1:] == (1, self.input_size, self.input_size)
        self.batches.append(len(images))
        outputs = [self.predict(self.crops[image.tobytes()]) for image in images]
        return Prediction(*(np.array(values) for values in zip(*outputs, strict=True)))

    def predict(self, crop):
        """Of one crop: uvd, sigma, right, present."""
        distances = [np.linalg.norm(hand_centre(joints) - crop.centre) for joints, _ in self.hands]
        if not distances or min(distances) > 0.1:
            return np.zeros((21, 3)), np.ones((21, 3)), 0.5, 0.03
        joints, handedness = self.hands[int(np.argmin(distances))]
        right = 0.95 if handedness == "right" else 0.05
        right = right if self.right is None else self.right
        in_crop = (1 - right if crop.mirrored else right) + self.bias
        return crop.to_uvd(joints), self.sigma, in_crop, self.present.get(handedness, 0.97)


@pytest.fixture(name="oracle")
def oracle_with_crops(monkeypatch):
    """An oracle that knows the crop of each image: `Crop.image` is patched to tell it."""
    oracle, image_of = Oracle(), Crop.image

    def image(crop, *arguments):
        picture = image_of(crop, *arguments)
        oracle.crops[picture.tobytes()] = crop
        return picture

    monkeypatch.setattr(Crop, "image", image)
    return oracle


def estimator(oracle, **changes):
    """An estimator whose hands have the predicted joints, unless `changes` of the settings say otherwise."""
    return HandPoseEstimator(oracle, oracle, EstimatorSettings(**{"smoothing": False, **changes}))


def see(estimator, oracle, hands, stamp, planes=(TABLE,)):
    """The estimator's result for one image of these hands, (joints, handedness) each."""
    oracle.hands = hands
    return estimator.estimate(picture(tuple(joints.tobytes() for joints, _ in hands), planes), CAMERA, stamp)


@lru_cache(maxsize=32)
def picture(hands, planes):
    """The depth image of hands, given as the bytes of their joints so that it can be cached."""
    joints = [np.frombuffer(hand).reshape(21, 3) for hand in hands]
    return render(CAMERA, [ball for hand in joints for ball in hand_balls(hand, forearm=0.6)], planes)


def right_at(x=0.0, y=0.0, z=0.6, turn=-1.6):
    return placed(RIGHT, (x, y, z), (0, 0, turn)), "right"


def left_at(x=0.0, y=0.0, z=0.6, turn=-1.6):
    return placed(LEFT, (x, y, z), (0, 0, turn)), "left"
