"""Evaluation of detection: reading of labelled sets, and the tool from images to report."""

import json
import shutil

import cv2
import numpy as np
import pytest
from oracle import right_at
from rendered_scene import CAMERA, placed, record

pytest.importorskip("warp", reason="its figures use training's renderer, which needs warp-lang")

from fingerpose_ros.perception.hand import Hand
from fingerpose_ros.perception.kinematics import known_parts, palm_position
from training.evaluation import detection
from training.evaluation.detection_scoring import place
from training.evaluation.detection_sets import find_folders, read_set
from training.evaluation.evaluate import main
from training.evaluation.models import Models


def write_set(path, palms=None, ignored=None, names=("1", "2", "10")):
    """A folder of small images whose depth value is the image's number, in mm."""
    (path / "depth").mkdir(parents=True)
    for name in names:
        cv2.imwrite(str(path / "depth" / f"{name}.png"), np.full((6, 8), int(name), np.uint16))
    meta = {"width": 8, "height": 6, "fx": 10, "fy": 10, "cx": 4, "cy": 3, "depth_unit_m": 0.001}
    (path / "meta.json").write_text(json.dumps(meta))
    for name, content in (("palms", palms), ("ignore", ignored)):
        if content is not None:
            (path / f"{name}.json").write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def test_palms_belong_to_images_in_natural_order(tmp_path):
    one = read_set(write_set(tmp_path / "set", [[[0, 0, 0.1]], None, []], [[], [], [[0, 0, 1]]]))
    assert [round(1000 * one.folder.depth(i)[0, 0]) for i in range(3)] == [1, 2, 10]
    assert one.labelled == [0, 2] and one.hands == 1 and len(one.palms[2]) == 0
    assert one.ignored[2].tolist() == [[0, 0, 1]]


def test_palms_out_of_range_are_ignored(tmp_path):
    one = read_set(write_set(tmp_path / "set", [[[0, 0, 0.6], [0, 0, 2.0]], [], None])).within(0.2, 1.5)
    assert one.hands == 1 and one.ignored[0].tolist() == [[0, 0, 2.0]] and one.labelled == [0, 1]


def test_palms_follow_from_the_joints_of_fully_labelled_palms(tmp_path):
    joints = np.stack([placed(at=(0, 0, 0.6))] * 3)
    joints[1, 9], joints[2, 20] = np.nan, np.nan  # a middle MCP, which is part of the palm; a little fingertip
    path = write_set(tmp_path / "set")
    np.savez(path / "joints.npz", joints=joints)
    one = read_set(path)
    assert one.labelled == [0, 2]
    np.testing.assert_allclose(one.palms[2], [palm_position(joints[0])])


def test_folders_without_labels_show_no_hands_only_where_that_is_known(tmp_path):
    for parent in ("no_hand", "backgrounds"):
        one = read_set(write_set(tmp_path / parent / "set"))
        assert one.labelled == [0, 1, 2] and one.hands == 0
    assert read_set(write_set(tmp_path / "elsewhere")) is None


def test_sets_are_found_in_natural_order_each_once(tmp_path):
    for name in ("scene10", "scene2", "scene1"):
        write_set(tmp_path / name)
    found = find_folders([tmp_path / "scene2", tmp_path])
    assert [path.name for path in found] == ["scene2", "scene1", "scene10"]
    with pytest.raises(FileNotFoundError, match="nothing"):
        find_folders([tmp_path / "nothing"])


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("palms", "[[", "palms.json is not JSON"),
        ("palms", {"1": []}, "palms.json is not a list"),
        ("palms", [[], []], "palms.json has 2 entries for 3 images"),
        ("palms", [[], [[0, 0]], []], r"palms.json, image 2.png: the entry is \[\[0, 0\]\]"),
        ("palms", [[], [], [0, 0, 0.6]], "palms.json, image 10.png"),
        ("palms", [[], [[0, 0, "0.6"]], []], "palms.json, image 2.png: a coordinate is not a finite number"),
        ("palms", [[[0, 0, float("nan")]], [], []], "palms.json, image 1.png: a coordinate"),
        ("ignore", [[], [], [[0, 0, -0.6]]], "ignore.json, image 10.png: a point is not in front of the camera"),
    ],
)
def test_an_invalid_label_file_is_named_with_its_image(tmp_path, name, content, message, capsys):
    path = write_set(tmp_path / "set", **{"palms": [[], [], []], name.replace("ignore", "ignored"): content})
    with pytest.raises(ValueError, match=message):
        read_set(path)
    assert main(["detection", str(path)]) == 2
    assert f"{name}.json" in capsys.readouterr().err


def hand(joints, confidence, valid=None, track_id=1):
    valid = np.ones(21, bool) if valid is None else valid
    return Hand(
        track_id=track_id, handedness="right", handedness_score=0.9, confidence=confidence,
        sigma=np.full((21, 3), 0.005), joint_confidence=np.full(21, 0.9), **known_parts(joints, valid, "right"),
    )  # fmt: skip


def test_the_place_of_a_hand_is_its_palm_or_the_mean_of_its_valid_joints():
    joints, valid = placed(at=(0, 0, 0.6)), np.ones(21, bool)
    np.testing.assert_allclose(place(hand(joints, 0.9)), palm_position(joints))
    valid[:5] = False
    np.testing.assert_allclose(place(hand(joints, 0.9, valid)), joints[5:].mean(0))
    assert np.isnan(place(hand(joints, 0.9, np.zeros(21, bool)))).all()


CENTRES = [(-0.2, -0.1, 0.6), (0.0, -0.1, 0.6), (0.2, 0.12, 0.9)]


@pytest.fixture(scope="module")
def sets(tmp_path_factory):
    """Three images of a right hand, and below `no_hand` the first of them, as if it showed something else, and an
    image of a wall; a folder without labels."""
    root = tmp_path_factory.mktemp("sets")
    record(root / "hands" / "desk", np.stack([placed(None, centre, (0, 0, -1.6)) for centre in CENTRES]))
    for name in ("no_hand/wall", "unknown"):
        shutil.copytree(root / "hands" / "desk", root / name)
        (root / name / "joints.npz").unlink()
        (root / name / "depth" / "002.png").unlink()
        cv2.imwrite(str(root / name / "depth" / "001.png"), np.full((CAMERA.height, CAMERA.width), 1400, np.uint16))
    return root


def evaluate(sets, tmp_path, *options):
    output = tmp_path / "detection.json"
    assert main(["detection", str(sets), "--json", str(output), "--figures", str(tmp_path / "figures"), *options]) == 0
    return json.loads(output.read_text(), parse_constant=pytest.fail)


def test_the_tool_reports_found_and_false_hands(monkeypatch, tmp_path, oracle, sets, capsys):
    oracle.hands = [right_at(*centre) for centre in CENTRES[:2]]  # the third hand is missed
    monkeypatch.setattr(detection, "make_models", lambda arguments: Models(oracle, oracle))
    report = evaluate(sets, tmp_path)
    assert report["followed_hz"] is None and report["not_labelled"] == [str(sets / "unknown")]
    desk, wall = (report["sets"][str(sets / name)] for name in ("hands/desk", "no_hand/wall"))
    assert (desk["images"], desk["hands"]) == (3, 3) and (wall["images"], wall["hands"]) == (2, 0)
    assert desk["found"] == desk["found_within_60_mm"] == pytest.approx(2 / 3) and desk["false_per_image"] == 0
    assert desk["found_by_distance"]["0.5-0.8 m"] == {"hands": 2, "found": 1}
    assert desk["found_by_distance"]["0.8-1.1 m"] == {"hands": 1, "found": 0}
    assert wall["found"] is None and wall["images_with_false"] == wall["false_per_image"] == 0.5
    mean = report["mean"]
    assert mean["sets_with_hands"]["found"] == pytest.approx(2 / 3) and mean["hand_free_sets"]["sets"] == 1
    # The false hand has the same score as the others: without it, nothing is found.
    recalls = mean["curve_of_accepted"]["recall_at_false_hands_an_image"]
    assert [recalls[rate]["recall"] for rate in ("0.3", "0.01")] == [0, 0]
    printed = capsys.readouterr().out
    assert "hands/desk" in printed and "mean, without hands: 1" in printed and "unknown" in printed
    figures = tmp_path / "figures"
    assert {path.name for path in figures.iterdir()} == {"hands_desk.png", "no_hand_wall.png", "curves.png"}
    assert cv2.imread(str(figures / "hands_desk.png")).shape == (300, 1600, 3)


def test_low_scores_enter_the_curve_but_not_the_figures_at_the_thresholds(monkeypatch, tmp_path, oracle, sets):
    oracle.hands, oracle.present = [right_at(*centre) for centre in CENTRES], {"right": 0.3}
    monkeypatch.setattr(detection, "make_models", lambda arguments: Models(oracle, oracle))
    desk = evaluate(sets / "hands", tmp_path)["sets"][str(sets / "hands" / "desk")]
    assert desk["found"] == 0 and desk["curve"]["recall"][-1] == 1 and desk["curve"]["average_precision"] > 0.9
    options = "--min-detection-confidence", "0.1", "--min-tracking-confidence", "0.2"
    assert evaluate(sets / "hands", tmp_path, *options)["sets"][str(sets / "hands" / "desk")]["found"] == 1


class FakeEstimator:
    """Records resets and stamps, and returns one hand in each image."""

    def __init__(self, backend, detector, settings):
        self.settings, self.resets = settings, 0
        FakeEstimator.calls = []

    def reset(self):
        self.resets += 1

    def estimate(self, depth_m, camera, stamp):
        FakeEstimator.calls.append((self.resets, stamp))
        return [hand(placed(at=CENTRES[0]), 0.9)]


def test_followed_images_are_one_sequence_at_the_given_rate(monkeypatch, tmp_path, oracle, sets):
    monkeypatch.setattr(detection, "make_models", lambda arguments: Models(oracle, oracle))
    monkeypatch.setattr(detection, "HandPoseEstimator", FakeEstimator)
    report = evaluate(sets / "hands", tmp_path, "--followed", "--rate", "5")
    assert FakeEstimator.calls == [(0, 0), (0, 0.2), (0, 0.4)] and report["followed_hz"] == 5
    desk = report["sets"][str(sets / "hands" / "desk")]
    assert desk["found"] == pytest.approx(1 / 3) and desk["images_with_false"] == pytest.approx(2 / 3)
    evaluate(sets / "hands", tmp_path)
    assert [resets for resets, _ in FakeEstimator.calls] == [1, 2, 3]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--followed", "--rate", "0"], "--rate is 0.0"),
        (["--min-detection-confidence", "1.5"], "min_detection_confidence"),
        (["--json", "nowhere/out.json"], "nowhere"),
    ],
)
def test_invalid_options_are_rejected(sets, options, message, capsys):
    assert main(["detection", str(sets), *options]) == 2
    assert message in capsys.readouterr().err


def test_folders_without_any_label_are_rejected(sets, capsys):
    assert main(["detection", str(sets / "unknown")]) == 2
    assert "no image is labelled" in capsys.readouterr().err


def test_a_damaged_depth_image_is_named(monkeypatch, tmp_path, oracle, capsys):
    monkeypatch.setattr(detection, "make_models", lambda arguments: Models(oracle, oracle))
    path = write_set(tmp_path / "no_hand" / "set")
    (path / "depth" / "2.png").write_bytes(b"")
    assert main(["detection", str(path)]) == 2
    assert "2.png" in capsys.readouterr().err
