"""How long a place that is no hand is not predicted again."""

import numpy as np
import pytest

from fingerpose_ros.perception.detection.detector import APART, Detection
from fingerpose_ros.perception.tracking.rejections import FIRST_WAIT, LONGEST_WAIT, SURER, Rejections


def at(x=0.0, logit=0.0):
    return Detection(np.array([x, 0.0, 0.6]), np.array([0.0, -1, 0]), logit)


def test_only_the_same_place_is_held_and_only_for_its_time():
    rejections = Rejections()
    assert not rejections.hold(at(), 1.0)
    rejections.add([at()], 1.0)
    assert rejections.hold(at(0.9 * APART), 1.0 + 0.9 * FIRST_WAIT)
    assert not rejections.hold(at(1.1 * APART), 1.0) and not rejections.hold(at(), 1.0 + 1.1 * FIRST_WAIT)


@pytest.mark.parametrize(("risen", "held"), [(0.9, True), (1.1, False), (-5, True)])
def test_a_surer_detection_is_not_held(risen, held):
    rejections = Rejections()
    rejections.add([at(logit=-1.0)], 1.0)
    assert rejections.hold(at(logit=-1.0 + risen * SURER), 1.0) == held


def test_the_time_doubles_up_to_the_longest_and_a_place_not_seen_for_long_is_new():
    rejections, stamp, waits = Rejections(), 1.0, []
    for _ in range(6):
        rejections.add([at()], stamp)
        wait = next(wait for wait in np.arange(0.01, 2, 0.01) if not rejections.hold(at(), stamp + wait))
        waits, stamp = [*waits, wait], stamp + wait
    assert waits == pytest.approx([0.1, 0.2, 0.4, 0.8, LONGEST_WAIT, LONGEST_WAIT], abs=0.011)
    rejections.add([], stamp + 2 * LONGEST_WAIT)
    rejections.add([at()], stamp + 3)
    assert not rejections.hold(at(), stamp + 3 + 1.1 * FIRST_WAIT)
