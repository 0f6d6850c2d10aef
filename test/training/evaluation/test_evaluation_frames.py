"""Evaluation on recorded frames: with a network whose errors are known, each figure is what it must be."""

import json

import cv2
import numpy as np
import pytest
from articulated_hand import ArticulatedHand
from rendered_scene import placed, record

pytest.importorskip("warp", reason="its drawings are training's, which needs warp-lang")

from fingerpose_ros.perception.kinematics import hand_centre
from fingerpose_ros.recording.frame_folder import FrameFolder
from training.evaluation import frames
from training.evaluation.evaluate import main

PLACES = [(x, y, z) for y, z in ((-0.1, 0.6), (0.12, 0.8)) for x in (-0.2, 0.0, 0.2)]
"""Of the frames' hands, so far apart that a crop shows which one it is of."""
OFF = np.array((0.003, -0.004, 0.012))
"""What is added to each joint: 13 mm."""


def bent(degrees: float) -> ArticulatedHand:
    """A hand with so much more flexion in each joint."""
    hand = ArticulatedHand()
    hand.flexion = {finger: angles + np.radians(degrees) for finger, angles in hand.flexion.items()}
    return hand


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    """A folder of frames, and its true joints: a right hand that closes a little, its back to the camera."""
    joints = np.stack([placed(bent(7 * i), place, (0, 0, -1.6)) for i, place in enumerate(PLACES)])
    return record(tmp_path_factory.mktemp("recording"), joints)


@pytest.fixture
def evaluate(monkeypatch, tmp_path, oracle, recording):
    """Evaluates a network on the recording that knows of each frame's hand, or of all but `lost`, but is off."""

    def report(centre, off=OFF, lost=()):
        truth = FrameFolder.open(recording).joints
        oracle.hands = [(joints + off, "right") for i, joints in enumerate(truth) if i not in lost]
        monkeypatch.setattr(frames, "make_backend", lambda arguments: oracle)
        output = tmp_path / "errors.json"
        options = ["--centre", centre, "--json", str(output), "--figures", str(tmp_path / "figures")]
        assert main(["frames", str(recording), *options]) == 0
        said = json.loads(output.read_text(), parse_constant=pytest.fail)  # no NaN, which is not JSON
        assert said["centre"] == centre
        return said["sequences"][str(recording)]

    return report


@pytest.mark.parametrize("centre", ["truth", "finder"])
def test_each_figure_is_that_of_the_networks_known_error(evaluate, recording, tmp_path, capsys, centre):
    result = evaluate(centre)
    assert result["frames"] == 6 and result["found"] == 1 and result["right"] == 1
    for name in ("mean_joint_error_mm", "worst_joint_mm", "found_frames_mm"):
        assert result[name] == pytest.approx(13, abs=0.01)
    assert result["interval_95_mm"] == pytest.approx([13, 13], abs=0.01)
    assert set(result["per_finger_mm"]) >= {"thumb", "little", "palm"}
    assert [*result["per_joint_mm"].values(), *result["per_finger_mm"].values()] == pytest.approx([13] * 27, abs=0.01)
    assert result["distance_mm"] == {name: pytest.approx(13, abs=0.01) for name in ("0.5-0.7 m", "0.7-0.9 m")}
    for name in ("hand_centred_mm", "offset_corrected_mm", "pip_flexion_error_deg"):
        assert result[name] == pytest.approx(0, abs=0.01)
    assert result["pip_flexion_correlation"] == pytest.approx(1)
    # The stated deviation is 0.03 of half a cube, 4.2 mm (and more or less at other depths than the cube's middle).
    assert result["coverage_68"] == pytest.approx(2 / 3, abs=0.1) and result["coverage_95"] == pytest.approx(2 / 3)
    assert ("estimate_near" in result) == (centre == "finder")
    picture = cv2.imread(str(tmp_path / "figures" / f"{'_'.join(recording.parts[-2:])}_{centre}.png"))
    assert picture.shape == (2 * frames.EDGE, 8 * frames.EDGE, 3)
    assert "error 13.0 mm [13.0, 13.0]" in capsys.readouterr().out


def test_a_frame_without_a_hand_counts_as_a_hundred_millimetres(evaluate):
    result = evaluate("finder", lost={4})
    assert result["found"] == pytest.approx(5 / 6)
    for name in ("mean_joint_error_mm", "worst_joint_mm"):
        assert result[name] == pytest.approx((5 * 13 + 100) / 6, abs=0.01)
    assert result["hand_centred_mm"] == pytest.approx(100 / 6, abs=0.01)
    assert result["found_frames_mm"] == pytest.approx(13, abs=0.01)
    assert result["pip_flexion_error_deg"] == pytest.approx(0, abs=0.01)
    assert result["interval_95_mm"][0] < 20 < result["interval_95_mm"][1]


def test_of_a_recording_in_which_no_hand_is_found_that_is_said(evaluate):
    result = evaluate("finder", lost=set(range(6)))
    assert result["found"] == 0 and result["mean_joint_error_mm"] == 100 and result["right"] is None
    assert "pip_flexion_correlation" not in result


def test_fingers_that_are_told_half_as_bent_show_in_the_angles(monkeypatch, oracle, recording):
    folder = FrameFolder.open(recording)
    told = [placed(bent(3.5 * i), place, (0, 0, -1.6)) for i, place in enumerate(PLACES)]
    told = [joints + hand_centre(true) - hand_centre(joints) for joints, true in zip(told, folder.joints, strict=True)]
    oracle.hands = [(joints, "right") for joints in told]
    result = frames.score(folder, frames.estimate(folder, oracle, "truth"))
    assert result["pip_flexion_error_deg"] == pytest.approx(3.5 * np.mean(range(6)), abs=0.01)
    assert result["pip_flexion_correlation"] == pytest.approx(np.corrcoef(*_pip_angles())[0, 1], abs=1e-3)


def _pip_angles():
    fingers = [angles[1] for name, angles in ArticulatedHand().flexion.items() if name != "thumb"]
    return [[angle + np.radians(step * i) for i in range(6) for angle in fingers] for step in (3.5, 7)]


def test_what_knowing_the_place_alone_is_worth(evaluate):
    hands = np.array([(joints := bent(7 * i).positions()) - joints.mean(0) for i in range(6)])
    of_the_other_half = np.repeat([hands[3:].mean(0), hands[:3].mean(0)], 3, axis=0)
    expected = 1000 * np.linalg.norm(hands - of_the_other_half, axis=2).mean()
    assert evaluate("truth")["constant_pose_mm"] == pytest.approx(expected, abs=0.01)


def test_an_offset_is_taken_out_in_the_palms_frame_and_as_the_other_half_has_it():
    def turning(hand):
        return 1000 * np.array([placed(hand, turn=(0, 0, angle)) for angle in np.linspace(0, 3, 6)])

    truth, told = turning(ArticulatedHand()), turning(ArticulatedHand(scale=1.1))
    off = np.linalg.norm(told - truth, axis=2).mean()
    assert off > 3 and frames.offset_corrected(told, truth, "right") == pytest.approx(0, abs=1e-6)
    told[3:] = truth[3:]  # one half is right, the other is not: what is fitted on one makes the other wrong
    assert frames.offset_corrected(told, truth, "right") == pytest.approx(off, abs=1e-6)


def test_places_near_the_truth_are_told_from_those_that_are_not(evaluate, oracle, recording):
    result = evaluate("finder", lost={1})
    shares = {name: result[name] for name in ("finder_first_near", "finder_best_near", "estimate_near")}
    assert shares == {"finder_first_near": 1, "finder_best_near": 1, "estimate_near": pytest.approx(5 / 6)}
    folder = FrameFolder.open(recording)
    looks = frames.estimate(folder, oracle, "finder")
    moved = FrameFolder(folder.path, folder.camera, folder.unit, folder.images, folder.joints + (0, 0, 0.1))
    assert set(frames.near_shares(moved, looks).values()) == {0}


def test_joints_before_the_surface_are_told(recording):
    folder = FrameFolder.open(recording)
    joints = 1000 * folder.joints

    def share(*joints):
        return frames.before_surface(frames.behind_surface(folder, np.array(joints)))

    assert share(*joints) < 0.1
    nearer = joints * (1 - 200 / joints[..., 2:])  # along the lines of sight
    assert share(*nearer) == 1
    assert share(joints[0], nearer[1]) == pytest.approx(0.5, abs=0.05)
    assert share(joints[0] + (9000, 0, 0)) is None  # beside the image
    assert share(np.full((21, 3), np.nan)) is None


def test_how_far_joints_lie_behind_the_surface(recording):
    folder = FrameFolder.open(recording)
    joints = 1000 * folder.joints
    behind = frames.behind_surface(folder, joints)
    assert 5 < np.median(behind) < 17  # the radii of the balls that a hand is made of, and less beside their middle
    farther = joints * (1 + 30 / joints[..., 2:])
    np.testing.assert_allclose(frames.behind_surface(folder, farther), behind + 30)


@pytest.mark.parametrize("side", ["right", "left"])
def test_which_hand_a_recording_is_of_is_told_from_how_its_fingers_bend(side):
    hand = ArticulatedHand(side)
    assert frames.true_side(np.array([hand.positions(), hand.positions() + 0.5])) == side
