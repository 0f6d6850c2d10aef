"""The contact sheet of rendered samples."""

import cv2
import pytest

pytest.importorskip("warp", reason="rendering needs warp-lang, which is installed for training only")

from training.rendering import preview


def test_a_sheet_is_rendered_in_batches_with_progress(tmp_path, capsys):
    out = tmp_path / "new" / "sheet.png"
    preview.main(["--count", "19", "--out", str(out), "--difficulty", "0"])
    shown = capsys.readouterr()
    assert "19/19" in shown.err and f"{out}: 19 samples" in shown.out
    sheet = cv2.imread(str(out))
    edge = sheet.shape[1] // preview.COLUMNS
    assert sheet.shape[0] == 3 * edge
    last_row = [sheet[2 * edge :, k * edge : (k + 1) * edge] for k in range(preview.COLUMNS)]
    assert [tile.any() for tile in last_row] == [True] * 3 + [False] * 5


def test_a_sheet_of_nothing_is_rejected(tmp_path, capsys):
    with pytest.raises(SystemExit):
        preview.main(["--count", "0", "--out", str(tmp_path / "sheet.png")])
    assert "--count is 0; it must be at least 1" in capsys.readouterr().err
