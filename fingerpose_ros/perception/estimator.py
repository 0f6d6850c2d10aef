"""The estimator: detects, tracks and estimates hands in the depth images of one camera.

In every image: detect, associate the detections with tracks, predict the poses of tracked hands, then those of new
hands, update the tracks. A new hand is accepted in `HandPoseEstimator._confirm`.

A possible new hand takes several predictions, and is mostly none. So while a tracked hand is seen, the image's result
does not wait for it. Every second image is searched then, in one small request, and a second hand is reported in one of
the next images. Images that come slowly leave the time to search them completely.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np

from .camera import Camera
from .detection.confidence import LARGEST_LOGIT, sigmoid
from .detection.detector import Detection, Detector
from .hand import RIGHT, Hand
from .kinematics import known_parts, palm_position
from .pose.crop_predictor import CropPrediction, CropPredictor
from .pose.prediction import Backend
from .settings import EstimatorSettings
from .sphere import Sphere, within_any
from .tracking.association import Seen, associate, one_track_a_hand
from .tracking.poses import Pairs, crops_of, first_in_line, is_promising, predict_poses
from .tracking.rejections import Rejections
from .tracking.tracks import Track

MIN_LOGIT = -2.5
"""Least logit of a detection whose pose is predicted as that of a possible new hand. In recorded images without hands
1.4 detections have it, of the detector's six candidates."""

TENTATIVE, TENTATIVE_IMAGES = 0.5, 4
"""A tentative hand is kept while its confidence is at least this share of `min_detection_confidence`, and at most for
so many images, the first included."""

WORTHWHILE = 0.02
"""Least confidence, after its first prediction, of a new hand that a postponed search predicts again. Of recorded
hands 1 % have less, which are tried again soon, and 58 % of what turned out to be none."""

LONG_INTERVAL = 0.15
"""Seconds between two images beyond which no search is postponed. There is time, and a second hand would be late."""

SEARCH_INTERVAL = 0.06
"""Seconds between two searches that are postponed, so that they leave time: every second image at 30 Hz. When images
come more slowly, also every second one, as the computer may be busy."""

MAX_UNSEEN = 0.3
"""Seconds after which a track ends that is not seen. Until then the hand is absent; seen again, it is the same."""

MAX_GAP = 2.0
"""Seconds without an image after which all tracks are forgotten."""


class HandPoseEstimator:
    """Finds and tracks hands through the depth images of one camera.

    Args:
        backend: the pose network.
        detector: finds the hands.
        settings: thresholds and limits.
    """

    def __init__(self, backend: Backend, detector: Detector, settings: EstimatorSettings):
        self._backend, self._detector, self._settings = backend, detector, settings
        self._threads = ThreadPoolExecutor(1, "poses") if backend.concurrent else None
        self._next_id = 1
        self.reset()

    def reset(self) -> None:
        """Delete all tracks: the next image is unrelated to the last one."""
        self._tracks: list[Track] = []
        self._rejections = Rejections()
        self._rest: Callable[[], None] | None = None
        self._stamp: float | None = None
        self._searched = -np.inf

    @property
    def tracked(self) -> set[int]:
        """The `track_id`s of all tracked hands, including those that were not seen in the last image."""
        return {track.id for track in self._tracks if track.confirmed}

    def estimate(self, depth_m: np.ndarray, camera: Camera, stamp: float, ignored: Sequence[Sphere] = ()) -> list[Hand]:
        """The hands in one depth image, oldest track first.

        Args:
            depth_m: (height, width) float32 metres along z; 0, negative, NaN and infinite are invalid.
            camera: that took it.
            stamp: when, in seconds. Time that goes back or leaps forward deletes all tracks.
            ignored: in the camera's optical frame. A hand whose palm lies within one is not tracked, nor detected.

        Raises:
            ValueError: a depth image of another size than the camera's, or a stamp that is not finite.
            RuntimeError: a network's output is not finite.
        """
        seen = self.observe(depth_m, camera, stamp, ignored)
        return [self._hand(track, prediction, camera) for track, prediction in seen]

    def observe(self, depth_m: np.ndarray, camera: Camera, stamp: float, ignored: Sequence[Sphere] = ()) -> Seen:
        """As `estimate`, but the raw predictions: neither smoothed nor checked for validity."""
        depth_m = np.asarray(depth_m, np.float32)
        if depth_m.shape != (camera.height, camera.width):
            raise ValueError(f"the depth image has shape {depth_m.shape}, the camera {(camera.height, camera.width)}")
        if not np.isfinite(stamp):
            raise ValueError(f"the stamp is {stamp} s; it must be finite")
        if self._stamp is not None and not 0 <= stamp - self._stamp <= MAX_GAP:
            self.reset()
        self.finish()
        elapsed = np.inf if self._stamp is None else stamp - self._stamp
        self._stamp = stamp
        predictor = CropPredictor(self._backend, self._settings.cube_half_size, depth_m, camera)
        detections = [one for one in self._detect(predictor) if not within_any(one.palm, ignored)]
        assigned, unassigned = associate(self._tracks, detections, stamp)
        pairs: Pairs = list(zip(self._tracks, assigned, strict=True))
        likely = [pair for pair in pairs if self._is_likely(pair[0])]
        unsure = [pair for pair in pairs if not self._is_likely(pair[0])]
        unsure += [(self._new_track(detection), detection) for detection in self._possible_hands(unassigned)]
        seen = self._see(predictor, likely, ignored)
        if elapsed > LONG_INTERVAL or not any(track.confirmed for track, _ in seen):
            seen += self._search(predictor, unsure, ignored)
            return self._end_image(seen, likely + unsure, [], ignored)
        hands = self._end_image(seen, likely, unsure, ignored)
        if unsure and stamp - self._searched >= max(SEARCH_INTERVAL, 1.5 * elapsed):
            self._searched = stamp
            self._rest = partial(self._search_in_part, predictor, unsure, seen, ignored)
        return hands

    def finish(self) -> None:
        """Search the last image for new hands, if that was postponed: one request of the pose network at most.

        While a tracked hand is seen, `estimate` returns before that. Then this does it, or else the next `estimate`,
        with the same results. Call it to use the time until the next image.

        Raises:
            RuntimeError: a network's output is not finite.
        """
        rest, self._rest = self._rest, None
        if rest:
            rest()

    def _detect(self, predictor: CropPredictor) -> list[Detection]:
        """Detect hands. Meanwhile, tracks are predicted where they should be; few are detected elsewhere."""
        distances = self._settings.min_distance, self._settings.max_distance
        expected = np.array([track.predict_palm(self._stamp) for track in self._tracks]).reshape(-1, 3)
        image = predictor.depth_m, predictor.camera
        if not self._threads:
            return self._detector.detect(*image, distances, expected)
        likely: Pairs = [(track, None) for track in self._tracks if self._is_likely(track)]
        with predictor.ahead(crops_of(predictor, likely, self._settings, self._stamp), self._threads):
            return self._detector.detect(*image, distances, expected)

    def _is_likely(self, track: Track) -> bool:
        """Whether an image's result waits for it: it is tracked, or probably will be after its second prediction."""
        return track.confirmed or track.confidence >= self._settings.min_detection_confidence

    def _search(self, predictor: CropPredictor, unsure: Pairs, ignored: Sequence[Sphere]) -> Seen:
        """Predict all that may be new hands, and return those that are seen."""
        new = [pair for pair in unsure if not pair[0].centred]
        seen = self._see(predictor, unsure, ignored)
        return seen + self._see(predictor, [pair for pair in new if pair[0].begun], ignored)

    def _search_in_part(self, predictor: CropPredictor, unsure: Pairs, seen: Seen, ignored: Sequence[Sphere]) -> None:
        """Predict the first of what may be new hands, in one request; the others wait for the next images."""
        chosen, waiting = first_in_line(unsure, self._settings)
        seen = [pair for pair in seen if pair[0] in self._tracks] + self._see(predictor, chosen, ignored)
        begun = [pair for pair in chosen if pair[0].begun and pair[0].confidence >= WORTHWHILE]
        self._end_image(seen, chosen, waiting + begun, ignored)

    def _see(self, predictor: CropPredictor, pairs: Pairs, ignored: Sequence[Sphere]) -> Seen:
        """Predict tracks in one request, update them, and return those that are seen. Ignored ones end.

        A new hand whose first prediction is promising has only begun. Its second one decides.
        """
        seen: Seen = []
        predictions = predict_poses(predictor, pairs, self._settings, self._stamp)
        for (track, detection), prediction in zip(pairs, predictions, strict=True):
            detected, evidence = self._evidence(detection, prediction)
            if not track.centred and is_promising(prediction):
                track.begin(prediction.centre, prediction.direction, float(sigmoid(evidence)))
                continue
            track.weigh(detected, evidence, self._stamp)
            if prediction and track.confidence >= self._least(track):
                track.observe(palm_position(prediction.positions), prediction.centre, prediction.direction, self._stamp)
                seen.append((track, prediction))
        return [pair for pair in seen if not within_any(pair[0].predict_palm(self._stamp), ignored)]

    def _end_image(self, seen: Seen, predicted: Pairs, waiting: Pairs, ignored: Sequence[Sphere]) -> Seen:
        """Decide on all tracks, and return the hands.

        Args:
            seen: the tracks seen in this image.
            predicted: what was predicted since the last decision.
            waiting: what the next images decide on. New hands among it are tracked from now on if they have begun.
            ignored: see `estimate`.
        """
        shown = {id(track) for track, _ in seen}
        missed = [
            track
            for track in self._tracks
            if track.confirmed
            and id(track) not in shown
            and self._stamp - track.last_seen <= MAX_UNSEEN
            and not within_any(track.predict_palm(self._stamp), ignored)
        ]
        kept = [track for track, _ in waiting if track.centred and self._stamp - track.last_seen <= MAX_UNSEEN]
        self._tracks = self._confirm([track for track, _ in one_track_a_hand(seen)], missed) + kept
        self._rejections.add([d for track, d in predicted if d and track not in self._tracks], self._stamp)
        hands = [pair for pair in seen if pair[0].confirmed and pair[0] in self._tracks]
        return sorted(hands, key=lambda pair: pair[0].id)

    def _possible_hands(self, detections: list[Detection]) -> list[Detection]:
        """Those detections that may become new hands; while hands are tracked, none that were rejected just before."""
        possible = [detection for detection in detections if detection.logit >= MIN_LOGIT]
        confirmed = [track.confidence for track in self._tracks if track.confirmed]
        if not confirmed:
            return possible
        if len(confirmed) >= self._settings.max_hands and min(confirmed) >= self._settings.min_detection_confidence:
            return []
        possible = [one for one in possible if not self._rejections.hold(one, self._stamp)]
        return sorted(possible, key=self._rejections.last)  # in turn; of new places the likeliest first

    def _new_track(self, detection: Detection) -> Track:
        track = Track(detection.palm, detection.centre, detection.direction, self._stamp)
        if self._settings.handedness != "both":
            track.set_handedness(float(self._settings.handedness == RIGHT))
        track.begin_pose(self._settings)
        return track

    def _evidence(self, detection: Detection | None, prediction: CropPrediction | None) -> tuple[float, float]:
        """The logit of a detection, and the evidence of it and of a prediction together."""
        near, far = self._settings.min_distance, self._settings.max_distance
        within = prediction and near <= prediction.centre[2] <= far
        present, placed = (prediction.present, prediction.placed) if within else (0.0, 0.0)
        detected = detection.logit if detection else -LARGEST_LOGIT
        return detected, self._detector.confidence.evidence(detected, present, placed)

    def _least(self, track: Track) -> float:
        """The least confidence with which a track is seen."""
        if track.confirmed:
            return self._settings.min_tracking_confidence
        return TENTATIVE * self._settings.min_detection_confidence

    def _confirm(self, seen: list[Track], missed: list[Track]) -> list[Track]:
        """Accept tentative hands that are sure as new hands. Returns all tracks that are kept.

        If `max_hands` are tracked, a new hand takes the place of the least sure one, if that would not be accepted now.
        """
        least = self._settings.min_detection_confidence
        confirmed = missed + [track for track in seen if track.confirmed]
        tentative = []
        for track in sorted((t for t in seen if not t.confirmed), key=lambda track: -track.confidence):
            if track.confidence < least:
                tentative += [track] if track.images < TENTATIVE_IMAGES else []
                continue
            if len(confirmed) >= self._settings.max_hands:
                weakest = min(confirmed, key=lambda other: other.confidence)
                if weakest.confidence >= least:
                    continue
                confirmed.remove(weakest)
            track.id, self._next_id = self._next_id, self._next_id + 1
            confirmed.append(track)
        return confirmed + tentative

    def _hand(self, track: Track, prediction: CropPrediction, camera: Camera) -> Hand:
        valid = prediction.valid(camera, self._settings.max_sigma)
        positions, model = prediction.positions, track.model
        if model:
            positions = model(positions, prediction.covariance, valid, track.handedness, self._stamp)
        elif track.filter:
            positions = track.filter(positions, self._stamp, valid)
        return Hand(
            track_id=track.id,
            handedness=track.handedness,
            handedness_score=track.handedness_score if self._settings.handedness == "both" else 1.0,
            confidence=track.confidence,
            sigma=prediction.position_sigma,
            joint_confidence=prediction.joint_confidence,
            length=model.length if model else np.nan,
            length_settled=bool(model and model.settled),
            **known_parts(positions, valid, track.handedness),
        )
