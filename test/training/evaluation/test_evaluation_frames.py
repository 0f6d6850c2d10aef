"""Evaluation on recorded frames, with a network of known errors."""

import json
import shutil

import cv2
import numpy as np
import pytest
from articulated_hand import ArticulatedHand
from rendered_scene import placed, record

pytest.importorskip("warp", reason="its figures use training's renderer, which needs warp-lang")

from fingerpose_ros.perception.kinematics import hand_centre
from fingerpose_ros.recording.frame_folder import FrameFolder
from training.evaluation import frame_scoring, frames
from training.evaluation.evaluate import main
from training.evaluation.models import Models

CENTRES = [(x, y, z) for y, z in ((-0.1, 0.6), (0.12, 0.8)) for x in (-0.2, 0.0, 0.2)]
"""Centres of the frames' hands, so far apart that a crop identifies its hand, metres."""
OFFSET = np.array((0.003, -0.004, 0.012))
"""Error of each joint, metres: 13 mm."""


def bent(degrees: float) -> ArticulatedHand:
    """A hand with additional flexion in each joint."""
    hand = ArticulatedHand()
    hand.flexion = {finger: angles + np.radians(degrees) for finger, angles in hand.flexion.items()}
    return hand


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    """A folder of frames with true joints: a right hand that closes a little, its back to the camera."""
    joints = np.stack([placed(bent(7 * i), centre, (0, 0, -1.6)) for i, centre in enumerate(CENTRES)])
    return record(tmp_path_factory.mktemp("recording"), joints)


@pytest.fixture
def evaluate(monkeypatch, tmp_path, oracle, recording):
    """Evaluates a network that predicts each frame's hand, except `lost` ones, with a constant offset."""

    def run(centre, offset=OFFSET, lost=()):
        truth = FrameFolder.open(recording).joints
        oracle.hands = [(joints + offset, "right") for i, joints in enumerate(truth) if i not in lost]
        monkeypatch.setattr(frames, "make_models", lambda arguments: Models(oracle, oracle))
        output = tmp_path / "errors.json"
        options = ["--centre", centre, "--json", str(output), "--figures", str(tmp_path / "figures")]
        assert main(["frames", str(recording), *options]) == 0
        report = json.loads(output.read_text(), parse_constant=pytest.fail)  # no NaN, which is not JSON
        assert report["centre"] == centre
        return report["sequences"][str(recording)]

    return run


@pytest.mark.parametrize("centre", ["truth", "detector"])
def test_each_figure_is_that_of_the_known_error(evaluate, recording, tmp_path, capsys, centre):
    result = evaluate(centre)
    assert result["frames"] == 6 and result["detected"] == 1 and result["right_hand"] == 1
    for name in ("mean_joint_error_mm", "worst_joint_mm", "detected_frames_mm"):
        assert result[name] == pytest.approx(13, abs=0.01)
    assert result["interval_95_mm"] == pytest.approx([13, 13], abs=0.01)
    assert set(result["per_finger_mm"]) >= {"thumb", "little", "palm"}
    assert [*result["per_joint_mm"].values(), *result["per_finger_mm"].values()] == pytest.approx([13] * 27, abs=0.01)
    assert result["distance_mm"] == {name: pytest.approx(13, abs=0.01) for name in ("0.5-0.7 m", "0.7-0.9 m")}
    for name in ("hand_centred_mm", "offset_corrected_mm", "pip_flexion_error_deg"):
        assert result[name] == pytest.approx(0, abs=0.01)
    assert result["pip_flexion_correlation"] == pytest.approx(1)
    # The predicted deviation is 0.03 of half a cube, 4.2 mm (and more or less at other depths than the cube's middle).
    assert result["coverage_68"] == pytest.approx(2 / 3, abs=0.1) and result["coverage_95"] == pytest.approx(2 / 3)
    assert ("estimate_near" in result) == (centre == "detector")
    figure = cv2.imread(str(tmp_path / "figures" / f"{'_'.join(recording.parts[-2:])}_{centre}.png"))
    assert figure.shape == (2 * frames.EDGE, 8 * frames.EDGE, 3)
    assert "error 13.0 mm [13.0, 13.0]" in capsys.readouterr().out


def test_a_frame_without_a_detection_counts_as_a_hundred_millimetres(evaluate):
    result = evaluate("detector", lost={4})
    assert result["detected"] == pytest.approx(5 / 6)
    for name in ("mean_joint_error_mm", "worst_joint_mm"):
        assert result[name] == pytest.approx((5 * 13 + 100) / 6, abs=0.01)
    assert result["hand_centred_mm"] == pytest.approx(100 / 6, abs=0.01)
    assert result["detected_frames_mm"] == pytest.approx(13, abs=0.01)
    assert result["pip_flexion_error_deg"] == pytest.approx(0, abs=0.01)
    assert result["interval_95_mm"][0] < 20 < result["interval_95_mm"][1]


def test_a_recording_without_detections_is_reported(evaluate):
    result = evaluate("detector", lost=set(range(6)))
    assert result["detected"] == 0 and result["mean_joint_error_mm"] == 100 and result["right_hand"] is None
    assert "pip_flexion_correlation" not in result


def test_fingers_predicted_half_as_bent_show_in_the_pip_figures(monkeypatch, oracle, recording):
    folder = FrameFolder.open(recording)
    hands = [placed(bent(3.5 * i), centre, (0, 0, -1.6)) for i, centre in enumerate(CENTRES)]
    hands = [
        joints + hand_centre(true) - hand_centre(joints) for joints, true in zip(hands, folder.joints, strict=True)
    ]
    oracle.hands = [(joints, "right") for joints in hands]
    result = frame_scoring.score(folder, frames.estimate(folder, Models(oracle, oracle), "truth"))
    assert result["pip_flexion_error_deg"] == pytest.approx(3.5 * np.mean(range(6)), abs=0.01)
    assert result["pip_flexion_correlation"] == pytest.approx(np.corrcoef(*_pip_angles())[0, 1], abs=1e-3)


def _pip_angles():
    fingers = [angles[1] for name, angles in ArticulatedHand().flexion.items() if name != "thumb"]
    return [[angle + np.radians(step * i) for i in range(6) for angle in fingers] for step in (3.5, 7)]


def test_the_constant_pose_is_the_other_halfs_mean_at_the_true_centre(evaluate):
    hands = np.array([(joints := bent(7 * i).positions()) - joints.mean(0) for i in range(6)])
    other_half = np.repeat([hands[3:].mean(0), hands[:3].mean(0)], 3, axis=0)
    expected = 1000 * np.linalg.norm(hands - other_half, axis=2).mean()
    assert evaluate("truth")["constant_pose_mm"] == pytest.approx(expected, abs=0.01)


def test_an_offset_in_the_palms_frame_is_corrected_by_the_other_half():
    def rotating(hand):
        return 1000 * np.array([placed(hand, turn=(0, 0, angle)) for angle in np.linspace(0, 3, 6)])

    truth, estimate = rotating(ArticulatedHand()), rotating(ArticulatedHand(scale=1.1))

    def corrected():
        return frame_scoring.offset_corrected_errors(estimate, truth, "right").mean()

    error = np.linalg.norm(estimate - truth, axis=2).mean()
    assert error > 3 and corrected() == pytest.approx(0, abs=1e-6)
    estimate[3:] = truth[3:]  # one half is correct, the other is not: a fit on one makes the other wrong
    assert corrected() == pytest.approx(error, abs=1e-6)


def test_candidates_near_the_true_centre_are_counted(evaluate, oracle, recording):
    result = evaluate("detector", lost={1})
    near = {name: result[name] for name in ("detector_first_near", "detector_best_near", "estimate_near")}
    # The oracle detects the five hands that are not lost, in every frame: the first one first.
    expected = {"detector_first_near": 1 / 6, "detector_best_near": 5 / 6, "estimate_near": 5 / 6}
    assert near == pytest.approx(expected)
    folder = FrameFolder.open(recording)
    predictions = frames.estimate(folder, Models(oracle, oracle), "detector")
    moved = FrameFolder(folder.path, folder.camera, folder.unit, folder.images, folder.joints + (0, 0, 0.1))
    assert set(frames.near_fractions(moved, oracle, predictions).values()) == {0}


def test_joints_in_front_of_the_surface_are_counted(recording):
    folder = FrameFolder.open(recording)
    joints = 1000 * folder.joints

    def fraction(*joints):
        return frame_scoring.fraction_in_front(frame_scoring.behind_surface(folder, np.array(joints)))

    assert fraction(*joints) < 0.1
    nearer = joints * (1 - 200 / joints[..., 2:])  # along the lines of sight
    assert fraction(*nearer) == 1
    assert fraction(joints[0], nearer[1]) == pytest.approx(0.5, abs=0.05)
    assert fraction(joints[0] + (9000, 0, 0)) is None  # beside the image
    assert fraction(np.full((21, 3), np.nan)) is None


def test_distances_of_joints_behind_the_surface(recording):
    folder = FrameFolder.open(recording)
    joints = 1000 * folder.joints
    behind = frame_scoring.behind_surface(folder, joints)
    assert 5 < np.median(behind) < 17  # radii of the spheres of the rendered hand, and less beside their centres
    farther = joints * (1 + 30 / joints[..., 2:])
    np.testing.assert_allclose(frame_scoring.behind_surface(folder, farther), behind + 30)


@pytest.mark.parametrize("handedness", ["right", "left"])
def test_the_true_handedness_follows_from_the_flexion(handedness):
    hand = ArticulatedHand(handedness)
    assert frame_scoring.true_handedness(np.array([hand.positions(), hand.positions() + 0.5])) == handedness


@pytest.fixture
def weak_recording(tmp_path, recording):
    """The same frames with labels of another method: a third of the joints unlabelled, and no label in frame 2."""
    path = tmp_path / "weak"
    shutil.copytree(recording, path)
    meta = json.loads((path / "meta.json").read_text())
    (path / "meta.json").write_text(json.dumps(meta | {"label_note": "PSEUDO labels of another method"}))
    joints = FrameFolder.open(path).joints.copy()
    joints[:, 14:], joints[2] = np.nan, np.nan  # the ring finger from its PIP on, the little finger
    np.savez(path / "joints.npz", joints=joints)
    return path


@pytest.mark.parametrize("centre", ["truth", "detector"])
def test_errors_cover_the_labelled_joints_and_weak_labels_are_reported_apart(
    monkeypatch, tmp_path, oracle, recording, weak_recording, centre, capsys
):
    truth = FrameFolder.open(recording).joints
    offset = np.where(np.arange(21)[:, None] < 14, OFFSET, 0.02)  # larger where nothing is labelled
    oracle.hands = [(joints + offset, "right") for joints in truth]
    monkeypatch.setattr(frames, "make_models", lambda arguments: Models(oracle, oracle))
    output = tmp_path / "errors.json"
    folders = [str(weak_recording), str(recording)]
    assert main(["frames", *folders, "--centre", centre, "--json", str(output), "--figures", str(tmp_path)]) == 0
    report = json.loads(output.read_text(), parse_constant=pytest.fail)
    weak, measured = (report["sequences"][folder] for folder in folders)
    assert (weak["frames"], weak["labelled_frames"], weak["labels"]) == (6, 5, "weak") and weak["detected"] == 1
    assert weak["labelled_joints"] == pytest.approx(14 / 21)
    for name in ("mean_joint_error_mm", "worst_joint_mm", "detected_frames_mm"):
        assert weak[name] == pytest.approx(13, abs=0.01)
    assert weak["hand_centred_mm"] == pytest.approx(0, abs=0.01)
    assert "pip_flexion_error_deg" not in weak and "pip_flexion_error_deg" in measured
    assert weak["per_joint_mm"]["little_tip"] is None and weak["per_joint_mm"]["wrist"] == pytest.approx(13, abs=0.01)
    assert weak["intervals_95"]["mean_joint_error_mm"]["images"] == pytest.approx([13, 13], abs=0.01)
    assert measured["labels"] == "measured" and measured["mean_joint_error_mm"] > 15
    assert report["means"]["weak"]["mean_joint_error_mm"] == pytest.approx(13, abs=0.01)
    assert report["means"]["measured"]["mean_joint_error_mm"] == pytest.approx(measured["mean_joint_error_mm"])
    printed = capsys.readouterr().out
    assert printed.index(str(recording)) < printed.index("Weak labels:") < printed.index(str(weak_recording))
    assert "of 5 labelled (67% of their joints)" in printed


def test_a_missed_frame_counts_in_its_labelled_joints_only(monkeypatch, oracle, weak_recording, recording):
    truth = FrameFolder.open(recording).joints
    oracle.hands = [(joints + OFFSET, "right") for i, joints in enumerate(truth) if i not in (2, 4)]
    folder = FrameFolder.open(weak_recording)
    result = frame_scoring.score(folder, frames.estimate(folder, Models(oracle, oracle), "detector"))
    assert result["detected"] == pytest.approx(4 / 5)
    assert result["mean_joint_error_mm"] == pytest.approx((4 * 13 + 100) / 5, abs=0.01)
    low, high = result["intervals_95"]["mean_joint_error_mm"]["images"]
    assert low < (4 * 13 + 100) / 5 < high
    assert result["intervals_95"]["mean_joint_error_mm"]["blocks"] is None  # too few frames


def test_joints_without_any_label_are_rejected(evaluate, recording, tmp_path, monkeypatch, oracle, capsys):
    path = tmp_path / "unlabelled"
    shutil.copytree(recording, path)
    np.savez(path / "joints.npz", joints=np.full((6, 21, 3), np.nan))
    monkeypatch.setattr(frames, "make_models", lambda arguments: Models(oracle, oracle))
    assert main(["frames", str(path)]) == 2
    assert "joints.npz contains no labelled joint" in capsys.readouterr().err


def test_sigma_that_ranks_the_errors_has_a_rank_correlation_of_one():
    error = np.random.default_rng(0).normal(size=(5, 21, 3))
    error[1, 4] = np.nan
    assert frame_scoring.uncertainty(np.abs(error), error)["sigma_rank_correlation"] == pytest.approx(1)
    reversed_ = frame_scoring.uncertainty(1 / np.linalg.norm(error, axis=2, keepdims=True) * np.ones(3), error)
    assert reversed_["sigma_rank_correlation"] == pytest.approx(-1)
    assert frame_scoring.uncertainty(np.ones((5, 21, 3)), error)["sigma_rank_correlation"] is None


def test_the_mean_over_sets_weighs_each_set_equally():
    sets = [np.full((2, 21), 10.0), np.full((40, 21), 20.0)]
    sets[0][0, 3:] = np.nan
    mean = frame_scoring.mean_over_sets(sets)
    assert mean["mean_joint_error_mm"] == 15 and mean["interval_95_images_mm"] == [15, 15]
