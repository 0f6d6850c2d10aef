"""Scoring of detections: matching, average precision, curves, calibration and intervals, with known answers."""

import numpy as np
import pytest

from training.evaluation.detection_scoring import (
    DUPLICATE,
    FALSE,
    IGNORED,
    MATCHED,
    Matches,
    average_precision,
    calibration,
    curve,
    figures,
    found_by,
    match,
    mean_curve,
    thresholds_of,
)
from training.evaluation.intervals import mean_interval, resampling


def at(*xs):
    """Points at these x in metres, 0.6 m in front of the camera."""
    return np.array([(x, 0, 0.6) for x in xs]).reshape(-1, 3)


def scored(*images):
    """`Matches` of images, each (scores, places' x, palms' x)."""
    matches = Matches(len(images))
    for i, (scores, places, palms) in enumerate(images):
        matches.add(i, scores, at(*places), at(*palms), at(), focal=600)
    return matches


def test_a_palm_takes_its_surest_detection_and_others_are_duplicates():
    outcomes, palm_scores = match([0.5, 0.9, 0.7], at(0.01, 0.05, 0.5), at(0.0), at())
    assert outcomes == [DUPLICATE, MATCHED, FALSE] and palm_scores == [0.9]


def test_two_detections_near_two_palms_match_both():
    outcomes, palm_scores = match([0.9, 0.8], at(0.04, 0.03), at(0.0, 0.1), at())
    assert outcomes == [MATCHED, MATCHED] and palm_scores == [0.9, 0.8]


def test_the_match_distance_is_80_mm_unless_given():
    assert match([0.9], at(0.079), at(0.0), at())[0] == [MATCHED]
    assert match([0.9], at(0.081), at(0.0), at())[0] == [FALSE]
    assert match([0.9], at(0.079), at(0.0), at(), radius=0.06)[0] == [FALSE]


def test_detections_near_an_ignored_hand_count_neither_way():
    outcomes, palm_scores = match([0.9, 0.8, 0.7], at(0.14, 0.16, -0.3), at(-0.3), at(0.0))
    assert outcomes == [IGNORED, FALSE, MATCHED] and palm_scores == [0.7]
    matches = Matches(1)
    matches.add(0, [0.9], at(0.1), at(), at(0.0), focal=600)
    result = figures(matches)
    assert result["hands"] == 0 and result["found"] is None and result["false_per_image"] == 0
    assert result["ignored"] == 1


def test_a_detection_without_a_place_is_false():
    assert match([0.9], np.full((1, 3), np.nan), at(0.0), at(0.0)) == ([FALSE], [pytest.approx(np.nan, nan_ok=True)])


def test_figures_of_known_detections():
    matches = scored(([0.9, 0.6], [0, 0.4], [0]), ([0.8], [0.01], [0, 0.5]), ([], [], []), ([0.5, 0.4], [0, 1], []))
    result = figures(matches)
    assert result["images"] == 4 and result["hands"] == 3 and result["detections"] == 5
    assert result["found"] == pytest.approx(2 / 3)
    assert result["images_with_false"] == pytest.approx(2 / 4) and result["false_per_image"] == pytest.approx(3 / 4)
    for name in ("found", "images_with_false", "false_per_image"):
        low, high = result["intervals_95"][name]
        assert low < result[name] < high


def test_average_precision_is_the_area_under_the_envelope():
    # Precision 1/1, 1/2, 2/3 and 2/4 at recall 1/3, 1/3, 2/3 and 2/3.
    matches = scored(([0.9, 0.8, 0.7, 0.6], [0, 1, 0.5, -1], [0, 0.5, 0.8]))
    assert average_precision(matches) == pytest.approx([1 / 3 + 1 / 3 * 2 / 3])
    assert average_precision(scored(([0.9], [0], [0]))) == [1]
    assert average_precision(scored(([], [], [0]))) == [0]
    assert np.isnan(average_precision(scored(([0.9], [0], [])))).all()


def test_equal_scores_are_one_threshold_for_average_precision():
    for places in ([0, 1], [1, 0]):
        assert average_precision(scored(([0.5, 0.5], places, [0]))) == pytest.approx([0.5])


def test_an_image_that_counts_twice_equals_two_such_images():
    images = ([0.9, 0.3], [0, 1], [0]), ([0.8, 0.7], [1, 0], [0, 0.5])
    once, twice = scored(*images, images[1]), scored(*images)
    weights = np.array([[1, 2]])
    assert average_precision(twice, weights) == pytest.approx(average_precision(once))
    thresholds = thresholds_of([once])
    a, b = curve(once, thresholds), curve(twice, thresholds, weights)
    for name in ("recall", "false_per_image", "images_with_false"):
        np.testing.assert_allclose(getattr(a, name), getattr(b, name))


def test_recall_at_a_rate_of_false_hands():
    matches = scored(([0.9], [0], [0]), ([0.8, 0.7], [1, 0], [0]), ([0.6, 0.5], [1, 0], [0]), ([], [], [0]))
    whole = curve(matches, thresholds_of([matches]))
    assert whole.recall_at(0)[0] == pytest.approx(1 / 4)
    assert whole.recall_at(0.3)[0] == pytest.approx(2 / 4) and whole.threshold_at(0.3) == pytest.approx(0.7)
    assert whole.recall_at(0.5)[0] == pytest.approx(3 / 4)
    assert curve(scored(([0.9], [1], [0])), np.array([np.inf, 0.9])).threshold_at(0.5) is None


def test_images_with_several_false_hands_differ_from_false_hands_an_image():
    matches = scored(([0.9, 0.8, 0.7], [0, 1, 2], []), ([], [], []))
    whole = curve(matches, thresholds_of([matches]))
    assert whole.false_per_image[0].tolist() == [0, 0.5, 1, 1.5]
    assert whole.images_with_false[0].tolist() == [0, 0.5, 0.5, 0.5]


def test_the_mean_curve_takes_recall_from_sets_with_hands_and_false_hands_from_the_others():
    one = scored(([0.9, 0.95], [0, 1], [0]))  # its own false hand does not count
    other = scored(([0.5], [0], [0]), ([], [], [0]))
    hand_free = scored(([0.8], [0], []), ([], [], []))
    mean = mean_curve([one, other, hand_free])
    assert mean.recall_at(0.1)[0] == pytest.approx((1 + 0) / 2)
    assert mean.recall_at(0.5)[0] == pytest.approx((1 + 0.5) / 2)
    samples = mean_curve([one, other, hand_free], resampled=True).recall_at(0.5)
    assert samples.min() == 0.5 and samples.max() == 1
    # Without sets without hands, false hands are those of the sets with hands.
    assert mean_curve([one, other]).recall_at(0.1)[0] == 0


def test_calibration_error_of_known_scores():
    detections = [(0, 0.95, MATCHED)] * 3 + [(0, 0.95, FALSE)] + [(0, 0.25, DUPLICATE)] + [(0, 0.25, FALSE)] * 3
    result = calibration([*detections, (0, 0.5, IGNORED)])
    assert result["detections"] == 8
    assert result["ece"] == pytest.approx(0.5 * abs(0.95 - 3 / 4) + 0.5 * abs(0.25 - 1 / 4))
    assert [(row["from"], row["detections"], row["right"]) for row in result["bins"]] == [
        (0.2, 4, 0.25),
        (0.9, 4, 0.75),
    ]
    assert calibration([(0, 1.0, MATCHED)])["ece"] == 0
    assert calibration([])["ece"] is None


def test_hands_are_counted_by_distance_and_size():
    matches = Matches(1)
    palms = np.array([(0, 0, 0.4), (0.5, 0, 0.7), (1.0, 0, 0.7)])
    matches.add(0, [0.9, 0.8], palms[:2], palms, at(), focal=420)
    _, distances, sizes, _ = matches.hand_columns
    assert found_by(matches, distances, (0.5, 0.8), "m") == {
        "< 0.5 m": {"hands": 1, "found": 1}, "0.5-0.8 m": {"hands": 2, "found": 0.5},
    }  # fmt: skip
    assert sizes == pytest.approx([105, 60, 60])


def test_blocks_of_neighbouring_images_widen_the_interval_of_slow_changes():
    values = np.repeat([0.0, 1, 0, 1, 0, 1], 10)
    single, blocks = mean_interval(values), mean_interval(values, block=10)
    assert single[0] < 0.5 < single[1] and blocks[1] - blocks[0] > 1.5 * (single[1] - single[0])
    assert mean_interval(values[:10], block=10) is None
    assert mean_interval(np.array([[1, np.nan], [np.nan, np.nan]])) == [1, 1]
    assert (resampling(7, block=3).sum(1) == 7).all()
    assert (resampling(5, block=10) == resampling(5)).all()  # too few images for blocks


def test_alike_neighbours_widen_the_interval_over_blocks():
    found = ([0.9], [0], [0])
    matches = scored(*[found] * 10, *[([], [], [0])] * 10, *[found] * 20)
    result = figures(matches)
    images, blocks = (result[key]["found"] for key in ("intervals_95", "intervals_95_blocks"))
    assert result["found"] == 0.75 and blocks[1] - blocks[0] > 1.5 * (images[1] - images[0])
