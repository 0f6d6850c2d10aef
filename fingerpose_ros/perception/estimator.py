"""The estimator: detects, tracks and estimates hands in the depth images of one camera.

A new hand is accepted in `HandPoseEstimator._acquire`, by the thresholds of `_is_new_hand`. `_new_track` starts its
track; beside tracked hands `_admit` decides whether it replaces one.
"""

from collections.abc import Callable
from itertools import islice

import numpy as np

from .camera import Camera
from .detection.search import Search, TentativeHand
from .hand import LEFT, RIGHT, Hand
from .kinematics import known_parts
from .pose.crop_predictor import CropPrediction, CropPredictor
from .pose.prediction import Backend
from .settings import EstimatorSettings
from .skeleton import WRIST
from .tracking.smoothing import PoseFilter
from .tracking.tracks import Track

SEARCH_EVERY = 5
"""Beside tracked hands the finder is asked for others in one image of so many: most then cost one look a hand."""

PUT_OFF = 9
"""Images in a row in which not to look for others, if each time the next image waits already."""

LOOKS = 2
"""A new hand is looked at so often: where the finder says and turned as its forearm points, then centred on what that
look saw and turned as that points."""

HURRY, NEAR_THE_MIDDLE = 0.1, 0.03
"""Where an image comes less than `HURRY` seconds after the one before, there is one look in it: the next one waits. A
first look will do if it leaves no doubt and the hand is so near to the middle, in metres: the next image will be
centred and turned like any tracked hand's."""

ELSEWHERE = 0.01
"""A tracked hand that is not where it should be is looked for where it was, if that is so far from there, in metres."""

MAX_MISSED = 2
"""Images in a row that a hand may go unseen. It is absent from each of them; seen again, it is still the same hand."""

MAX_GAP = 2.0
"""Seconds without an image after which whatever was tracked is forgotten. Longer than it takes a slow machine to find a
hand: the images of that time are overtaken."""

SURER = 0.2
"""By so much a new hand's probability must exceed that of the one whose place it takes, and be `SURE`."""

SURE = 1 - SURER
"""While all hands that may be tracked are, and each is one with this probability, no other is looked for."""

SAME_HAND = 0.05
"""Centres closer than this, in metres, belong to one hand."""

SAME_WRIST, BACKWARDS = 0.15, -0.7
"""Of two hands with wrists closer than this, in metres, that point away from each other, the cosine between them being
less than this, one is the other's forearm."""


class HandPoseEstimator:
    """Finds and follows hands through the depth images of one camera."""

    def __init__(self, backend: Backend, settings: EstimatorSettings):
        self._backend, self._settings = backend, settings
        self._next_id = 1
        self.reset()

    def reset(self) -> None:
        """Forget all hands: what comes next has nothing to do with what was before."""
        self._forget()
        self._search = Search(self._settings)

    def _forget(self) -> None:
        """All hands, but not which of the finder's places are to be looked at next: a machine so slow that its images
        are that far apart would not become faster by looking at all of them each time."""
        self._tracks: list[Track] = []
        self._tentative: list[TentativeHand] = []
        self._stamp: float | None = None
        self._hurried = False
        self._not_looked_around: CropPredictor | None = None
        self._since_search = self._put_off = 0

    @property
    def tracked(self) -> set[int]:
        """The `track_id`s of the hands that are followed, those among them that the last image did not show."""
        return {track.id for track in self._tracks}

    def estimate(self, depth_m: np.ndarray, camera: Camera, stamp: float) -> list[Hand]:
        """The hands in one depth image, oldest track first.

        Args:
            depth_m: (height, width) float32 metres along z; 0, negative, NaN and infinite are invalid. `look_around`
                reads it again, so it must not change until the next call has returned.
            camera: that took it.
            stamp: when, in seconds. Time that goes back or leaps forward forgets all hands.

        Raises:
            ValueError: a depth image of another size than the camera's, or a stamp that is not finite.
            RuntimeError: the network's output is not finite, for this image or, in `look_around`, the last.
        """
        return [self._hand(track, look, camera) for track, look in self.observe(depth_m, camera, stamp)]

    def observe(self, depth_m: np.ndarray, camera: Camera, stamp: float) -> list[tuple[Track, CropPrediction]]:
        """As `estimate`, but the raw predictions: neither smoothed nor checked for validity."""
        depth_m = np.asarray(depth_m, np.float32)
        if depth_m.shape != (camera.height, camera.width):
            raise ValueError(f"the depth image has shape {depth_m.shape}, the camera {(camera.height, camera.width)}")
        if not np.isfinite(stamp):
            raise ValueError(f"the stamp is {stamp} s; it must be finite")
        if self._stamp is not None and stamp < self._stamp:
            self.reset()
        elif self._stamp is not None and stamp > self._stamp + MAX_GAP:
            self._forget()
        self.look_around()
        self._hurried = self._stamp is not None and stamp - self._stamp < HURRY
        self._stamp = stamp
        see = CropPredictor(self._backend, self._settings.cube_half_size, depth_m, camera)

        following = bool(self._tracks)
        if following:
            seen = self._follow(see)
        else:
            self._tentative = self._tentative or self._look_for_more(see)
            seen = self._acquire(see)
        seen = sorted(_without_forearms(_one_track_a_hand(seen)), key=lambda pair: pair[0].id)
        unseen = [track for track in self._tracks if 0 < track.missed <= MAX_MISSED]
        self._tracks = sorted([track for track, _ in seen] + unseen, key=lambda track: track.id)
        if following and not self._tracks:
            self._tentative = []  # they are what was beside the hand, not where it may be now
        self._since_search += 1
        self._not_looked_around = see
        return seen

    def look_around(self, late: bool = False) -> None:
        """Look for hands beside the tracked ones, in the image last estimated; what is new is seen from the next on.

        If there are as many as may be, a new one that surely is a hand takes the place of one that hardly is.
        `estimate` does so before it turns to the next image, unless this was called: whoever calls it once an image is
        answered has the next one answered sooner. An image has time for the finder or for a look, not for both: what is
        looked at was found, or seen, in an image before.

        Args:
            late: the next image waits already; put this off, if it was not put off too often.

        Raises:
            RuntimeError: the network gave numbers that are not finite.
        """
        see, self._not_looked_around = self._not_looked_around, None
        if see is None or not self._tracks:
            return
        if late and self._put_off < PUT_OFF:
            self._put_off += 1
            return
        self._put_off = 0
        full = len(self._tracks) >= self._settings.max_hands
        if full and all(track.confidence >= SURE for track in self._tracks):
            self._tentative = []
        elif self._tentative:
            for track, _ in self._acquire(see):
                self._admit(track)
        elif self._since_search >= SEARCH_EVERY:
            self._tentative = self._look_for_more(see)

    def _admit(self, track: Track) -> None:
        if len(self._tracks) >= self._settings.max_hands:
            weakest = min(self._tracks, key=lambda track: track.confidence)
            if track.confidence < max(weakest.confidence + SURER, SURE):
                return
            self._tracks.remove(weakest)
        self._tracks.append(track)

    def _look_for_more(self, see: CropPredictor) -> list[TentativeHand]:
        self._since_search = 0
        return self._search(see, self._expected())

    def _expected(self) -> list[np.ndarray]:
        """Where the tracked hands should be by now."""
        return [track.predict_centre(self._stamp) for track in self._tracks]

    def _follow(self, see: CropPredictor) -> list[tuple[Track, CropPrediction]]:
        """The tracked hands that are seen."""
        expected = self._expected()
        places = zip(expected, self._tracks, strict=True)
        looks = see.predict([see.crop(where, track.handedness, track.direction) for where, track in places])
        seen = []
        for track, where, look in zip(self._tracks, expected, looks, strict=True):
            if not self._is_hand(look) and np.linalg.norm(where - track.centre) > ELSEWHERE:
                # It stopped, or turned back.
                (look,) = see.predict([see.crop(track.centre, track.handedness, track.direction)])
            judged = self._is_hand(look) and self._settings.handedness == "both"
            if judged and track.update_handedness(look.right, self._stamp):
                look, right = self._likelier(look, self._mirrored(see, look))
                if track.set_handedness(right, look.handedness):
                    track.filter = self._new_filter()
            if self._is_hand(look):
                track.update(look.centre, look.direction, look.present, self._stamp)
                seen.append((track, look))
            else:
                track.mark_missed(look.present if look else 0.0, self._stamp)
        return seen

    def _acquire(self, see: CropPredictor) -> list[tuple[Track, CropPrediction]]:
        """Accept new hands: start tracks for the tentative hands that the network confirms.

        A candidate is predicted up to `LOOKS` times: first the crop of the detector, then a crop that is centred,
        rotated and mirrored according to the first prediction. If images come fast, the second one waits for the next
        image. If there are more than `max_hands`, the product of detector score and presence probability decides.
        """
        tentative, self._tentative = self._tentative, []
        while tentative:
            looks = see.predict([see.crop(p.centre, p.handedness, p.direction) for p in tentative])
            seen = [(hand, hand.weigh(look)) for hand, look in zip(tentative, looks, strict=True) if look]
            judged = [pair for pair in seen if self._may_be_new(pair[1])]
            judged.sort(key=lambda pair: -pair[0].score * pair[1].present)
            if tentative[0].looks == LOOKS - 1 or all(self._is_settled(*pair) for pair in judged):
                sure = _apart([pair for pair in judged if self._is_new_hand(pair[1])])
                new = (self._new_track(see, look) for _, look in sure)
                return list(islice(filter(None, new), max(1, self._settings.max_hands - len(self._tracks))))
            tentative = [hand.after(look, self._side(look.right)) for hand, look in _apart(judged)]
            if self._hurried:
                self._tentative = tentative
                break
        return []

    def _may_be_new(self, look: CropPrediction) -> bool:
        """Whether a look, which if it is not the last may be in some doubt, shows a hand that is not tracked."""
        places = self._expected()
        in_doubt = 0.5 * self._settings.min_tracking_confidence
        return self._shows_hand(look, in_doubt) and all(np.linalg.norm(look.centre - p) > SAME_HAND for p in places)

    def _is_settled(self, hand: TentativeHand, look: CropPrediction) -> bool:
        """Whether a first look will do."""
        near = bool(np.linalg.norm(look.centre - hand.centre) < NEAR_THE_MIDDLE)
        as_it_is = near and self._side(look.right) == hand.handedness
        return self._hurried and as_it_is and self._is_new_hand(look)

    def _new_track(self, see: CropPredictor, look: CropPrediction) -> tuple[Track, CropPrediction] | None:
        """None if it looks less like a hand when its mirror image is considered, too."""
        right, present = look.right, look.present
        if self._settings.handedness == "both":
            mirrored = self._mirrored(see, look)
            present = 0.5 * (present + mirrored.present) if mirrored else 0.0
            if present < self._settings.min_tracking_confidence:
                return None
            look, right = self._likelier(look, mirrored)
        smooth = self._new_filter()
        track = Track(self._next_id, look.handedness, right, present, look.centre, look.direction, self._stamp, smooth)
        self._next_id += 1
        return track, look

    def _mirrored(self, see: CropPredictor, look: CropPrediction) -> CropPrediction | None:
        """A look at the same hand, taken for the other one, and turned if the first one was."""
        handedness, direction = LEFT if look.handedness == RIGHT else RIGHT, look.direction if look.crop.roll else None
        (other,) = see.predict([see.crop(look.centre, handedness, direction)])
        return other

    def _likelier(self, look: CropPrediction, mirrored: CropPrediction | None) -> tuple[CropPrediction, float]:
        """Of two looks at a hand that which takes it for what it is, and the probability of a right hand.

        The network may lean to one side. Shown a hand and its mirror image it does so both times, and their mean does
        not lean.
        """
        if not self._is_hand(mirrored):
            return look, look.right if self._side(look.right) == look.handedness else 0.5
        right = 0.5 * (look.right + mirrored.right)
        return look if self._side(right) == look.handedness else mirrored, right

    def _side(self, right: float) -> str:
        """What a hand is taken for that is a right one with this probability."""
        if self._settings.handedness != "both":
            return self._settings.handedness
        return RIGHT if right > 0.5 else LEFT

    def _is_hand(self, look: CropPrediction | None) -> bool:
        return self._shows_hand(look, self._settings.min_tracking_confidence)

    def _is_new_hand(self, look: CropPrediction) -> bool:
        """Whether a prediction is sufficient to accept a new hand: presence, range and detection confidence."""
        return self._is_hand(look) and look.confidence >= self._settings.min_detection_confidence

    def _shows_hand(self, look: CropPrediction | None, least: float) -> bool:
        if look is None or look.present < least:
            return False
        return self._settings.min_distance <= look.centre[2] <= self._settings.max_distance

    def _new_filter(self) -> PoseFilter | None:
        settings = self._settings
        return PoseFilter(settings.smoothing_min_cutoff, settings.smoothing_beta) if settings.smoothing else None

    def _hand(self, track: Track, look: CropPrediction, camera: Camera) -> Hand:
        sigma = look.position_sigma
        pixels = camera.project(np.maximum(look.positions, (-np.inf, -np.inf, 1e-3)))
        valid = (
            (sigma.max(axis=-1) <= self._settings.max_sigma)
            & (np.abs(look.uvd) <= 1).all(axis=-1)
            & (pixels >= -0.5).all(axis=-1)
            & (pixels <= (camera.width - 0.5, camera.height - 0.5)).all(axis=-1)
        )
        positions = track.filter(look.positions, self._stamp, valid) if track.filter else look.positions
        return Hand(
            track_id=track.id,
            handedness=track.handedness,
            handedness_score=track.handedness_score if self._settings.handedness == "both" else 1.0,
            confidence=look.present,
            sigma=sigma,
            joint_confidence=look.joint_confidence,
            **known_parts(positions, valid, track.handedness),
        )


def _first_of(seen: list[tuple], are_one: Callable[[CropPrediction, CropPrediction], bool]) -> list[tuple]:
    """Of (what, look), those whose look is not one with that of an earlier one that is kept."""
    kept: list[tuple] = []
    for what, look in seen:
        if not any(are_one(look, other) for _, other in kept):
            kept.append((what, look))
    return kept


def _apart(seen: list[tuple]) -> list[tuple]:
    """Of (what, look), those whose look is not at the place of an earlier one."""
    return _first_of(seen, lambda look, other: bool(np.linalg.norm(look.centre - other.centre) <= SAME_HAND))


def _one_track_a_hand(seen: list[tuple[Track, CropPrediction]]) -> list[tuple[Track, CropPrediction]]:
    """Where several tracks have come to one hand, the one that explains it best; of equals the oldest."""
    best_first = sorted(seen, key=lambda pair: (-round(pair[1].present * pair[0].handedness_score, 1), pair[0].id))
    return _apart(best_first)


def _without_forearms(seen: list[tuple[Track, CropPrediction]]) -> list[tuple[Track, CropPrediction]]:
    """Without what lies where another hand's forearm must be. Which is the hand: the one whose joints show better."""
    return _first_of(sorted(seen, key=lambda pair: -pair[1].confidence), _is_forearm)


def _is_forearm(look: CropPrediction, hand: CropPrediction) -> bool:
    """Whether one of the two hands would be on the other's forearm."""
    apart = np.linalg.norm(look.positions[WRIST] - hand.positions[WRIST])
    lengths = np.linalg.norm(look.direction) * np.linalg.norm(hand.direction)
    return bool(apart < SAME_WRIST and look.direction @ hand.direction < BACKWARDS * lengths)
