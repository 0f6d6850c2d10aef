"""The tables of the model card are filled from report files."""

import json

import pytest

from training.export import model_card

REPORT = {
    "size": 96, "samples_seen": 1_234_567, "bytes": 53_800_000, "sha256": "ab" * 32,
    "held_out": {"coverage": {"visible": {"68": [0.7, 0.69, 0.68], "95": [0.95, 0.94, 0.93]}}},
    "agreement": [{"what": "OpenVINO, f32", "crops": "synthetic", "count": 256, "mean_mm": 0.0, "p99_mm": 0.001}],
}  # fmt: skip
SYNTHETIC = {
    "set": "synthetic test set, version 1", "mean_joint_error_mm": 8.25, "interval_95_mm": [8.0, 8.5],
    "visible_mm": 7.0, "hidden_mm": 10.0, "first_crop_mm": 9.75,
    "strata_mm": {"all": 8.25, "held": 9.5, "view: palm": 7.5, "view: side": 8.75},

    "distance_mm": {"0.3-0.5 m": 8.0}, "per_finger_mm": {"thumb": 8.75}, "worst_joint_mm": 16.5,
    "handedness": 0.955, "presence": 0.99,
    **{f"coverage_{level}_{group}": [0.5, 0.6, 0.65] for level in (68, 95) for group in ("visible", "hidden")},
}  # fmt: skip
FRAMES = {
    "centre": "truth",
    "sequences": {
        "data/real/open_close": {
            "frames": 17,
            "detected": 1.0,
            "right_hand": 0.9,
            "mean_joint_error_mm": 11.5,
            "interval_95_mm": [11, 12],
        },
        "data/real/grasp/cam1": {
            "frames": 10,
            "detected": 1.0,
            "right_hand": 0.9,
            "mean_joint_error_mm": 15.0,
            "interval_95_mm": [14, 16],
        },
        "data/real/grasp/cam2": {
            "frames": 30,
            "detected": 0.8,
            "right_hand": 0.9,
            "mean_joint_error_mm": 25.0,
            "interval_95_mm": [20, 30],
        },
        "data/real/kinect2_user": {"frames": 100, "detected": 0.97, "right_hand": None},
    },
}
HAND_FREE = {
    "model": "an engine",
    "synthetic": {"table": {"frames": 60, "false_positives": 0.05}},
    "real": {"data/real/open_close": {"frames": 17, "false_positives": 0.0, "hands_removed": 8, "track_kept": 0.25}},
}


def test_the_card_has_every_table_and_the_rest_stays_unchanged():
    card = model_card.CARD.read_text()
    tables = {
        "export": model_card.export_table(REPORT),
        "synthetic": model_card.synthetic_table(SYNTHETIC),
        "frames": model_card.frames_table(FRAMES),
        "hand_free": model_card.hand_free_table(HAND_FREE),
    }
    filled = card
    for _ in range(2):  # the second pass replaces filled tables
        for name, table in tables.items():
            filled = model_card.fill(filled, name, table)
    for text in (
        "1,234,567",
        "u 70.0%, v 69.0%, d 68.0%",
        "| all | 8.25 (8.00 to 8.50) |",
        "| by finger | thumb 8.75 |",
        "| by scene | held 9.50 |",
    ):
        assert filled.count(text) == 1
    assert "| open_close | truth | 17 | 100% | 90% | 11.50 (11.0 to 12.0) |" in filled
    assert "| kinect2_user | truth | 100 | 97% |  |" in filled
    assert "| grasp, all | truth | 40 | 85% |  | 22.50 |" in filled and "real, all" not in filled
    assert "| all, first crop (not rotated) | 9.75 |" in filled and "| each hand's worst joint | 16.50 |" in filled
    assert "| by scene | held 9.50 |" in filled
    assert "| by view | palm 7.50, side 8.75 |" in filled
    assert "| classified as right hand, as present (all are) | 95.5%, 99.0% |" in filled
    assert filled.count("| u 50.0%, v 60.0%, d 65.0%; u 50.0%, v 60.0%, d 65.0% |") == 2
    assert "| synthetic | table | 60 | 5.0% |" in filled
    assert "| real | open_close | 17 | 0.0% | 25.0% of 8 |" in filled
    assert filled.startswith("# Model card") and filled.rstrip().endswith(card.rstrip()[-40:])


def test_a_card_without_the_table_is_rejected():
    with pytest.raises(ValueError, match="0 places for the table 'curve'"):
        model_card.fill("# nothing", "curve", "")


def test_the_curve_comes_from_the_trainers_log(tmp_path):
    from torch.utils.tensorboard import SummaryWriter

    for run, steps in (("second", range(60, 100)), ("first", range(60))):
        with SummaryWriter(tmp_path / run) as writer:
            for step in steps:
                writer.add_scalar("validation/error_mm", 30 - 0.1 * step, 1000 * step)
    lines = model_card.curve_table(tmp_path / "second", tmp_path / "first").splitlines()
    assert lines[2] == "| 0 | 30.00 |" and lines[-1] == "| 99,000 | 20.10 |"
    assert 10 < len(lines) <= model_card.CURVE_POINTS + 4


def test_the_curve_is_filled_into_the_history(tmp_path):
    from torch.utils.tensorboard import SummaryWriter

    with SummaryWriter(tmp_path / "log") as writer:
        writer.add_scalar("validation/error_mm", 12.5, 7_654_321)
    card, history = tmp_path / "README.md", tmp_path / "HISTORY.md"
    card.write_text(model_card.CARD.read_text())
    history.write_text(model_card.HISTORY.read_text())
    model_card.main(["--log", str(tmp_path / "log"), "--card", str(card), "--history", str(history)])
    assert "| 7,654,321 | 12.50 |" in history.read_text() and card.read_text() == model_card.CARD.read_text()


def test_the_errors_on_composed_hands_are_filled_into_the_history(tmp_path):
    card, history, report = (tmp_path / name for name in ("README.md", "HISTORY.md", "composed.json"))
    card.write_text(model_card.CARD.read_text())
    history.write_text(model_card.HISTORY.read_text())
    report.write_text(json.dumps(SYNTHETIC))
    model_card.main(["--composed", str(report), "--card", str(card), "--history", str(history)])
    part = history.read_text().split("<!-- table: composed -->")[1].split("<!-- end -->")[0]
    assert "| all | 8.25 (8.00 to 8.50) |" in part and card.read_text() == model_card.CARD.read_text()


def test_a_missing_log_is_rejected(tmp_path):
    with pytest.raises(ValueError, match="holds no log"):
        model_card.curve_table(tmp_path)


def test_reports_of_two_models_are_rejected(tmp_path, capsys):
    card, export, synthetic = (tmp_path / name for name in ("README.md", "export.json", "synthetic.json"))
    card.write_text(model_card.CARD.read_text())
    export.write_text(json.dumps(REPORT))
    synthetic.write_text(json.dumps({**SYNTHETIC, "sha256": "cd" * 32}))
    given = ["--export", str(export), "--synthetic", str(synthetic), "--card", str(card)]
    with pytest.raises(SystemExit):
        model_card.main(given)
    assert "different models" in capsys.readouterr().err and card.read_text() == model_card.CARD.read_text()


def test_only_tables_with_a_report_are_filled(tmp_path, capsys):
    card, report = tmp_path / "README.md", tmp_path / "export.json"
    card.write_text(model_card.CARD.read_text())
    report.write_text(json.dumps(REPORT))
    before = card.read_text()
    model_card.main(["--export", str(report), "--card", str(card)])
    with pytest.raises(SystemExit):
        model_card.main(["--hand-free", str(tmp_path / "none.json"), "--card", str(card)])
    assert "none.json" in capsys.readouterr().err
    assert "1,234,567" in card.read_text()
    for name in ("synthetic", "frames"):
        parts = (text.split(f"<!-- table: {name} -->")[1] for text in (card.read_text(), before))
        after, original = (part.split("<!-- end -->")[0] for part in parts)
        assert after == original
