"""The comparison with another hand tracker: its pictures, and its table. The peer itself needs the network."""

import sys
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("warp", reason="rendering needs warp-lang, which is installed for training only")
sys.path.append(str(Path(__file__).parents[1] / "benchmark"))

import peer
from latency import peer_table
from rows import Setup

SETUP = Setup("openvino", "cpu", "f32", 1, None, None, 0.0)


@pytest.fixture(autouse=True)
def short(monkeypatch):
    monkeypatch.setattr(peer, "MAX_FRAMES", 12)
    monkeypatch.setattr(peer, "TURN", 0.5)
    monkeypatch.setattr(peer, "WARM_UP", 0.2)


def fake(tracked: float):
    @contextmanager
    def peer_process(package, pictures):
        assert pictures.dtype == np.uint8 and pictures.shape[1:] == (480, 640, 3)
        yield lambda seconds: {"seconds": [0.05] * 100, "tracked": round(100 * tracked), "cpu": 2.5}

    return peer_process


def test_the_hand_has_skin_where_the_depth_image_has_the_hand_and_its_arm():
    depths, camera, pictures = peer.images()
    assert len(depths) == len(pictures) == 10 and (camera.width, camera.height) == (640, 480)
    for depth, picture in zip(depths, pictures, strict=True):
        red, _, blue = np.moveaxis(picture.astype(int), -1, 0)
        skin, arm = red > blue + 10, (depth > 0) & (depth < 650)  # the body is farther
        assert skin.sum() > 5000 and (skin & arm).sum() > max(0.98 * skin.sum(), 0.8 * arm.sum())
    assert len({picture.tobytes() for picture in pictures[:6]}) == 6


def test_the_table_has_the_peer_and_each_setup_of_the_estimator(monkeypatch):
    monkeypatch.setattr(peer, "_peer", fake(0.97))
    rows = peer.compare("mediapipe", [SETUP], 1.0)
    assert [row["engine"] for row in rows] == ["mediapipe==0.10.14", "estimator, f32, 1 threads"]
    assert rows[0]["tracked"] == pytest.approx(0.97) and rows[1]["tracked"] == 1.0
    assert rows[1]["ratio"] == pytest.approx(50 / rows[1]["ms"]["p50"], abs=0.01)
    assert " 97.0% | 50.0 | " in peer_table(rows)


def test_a_peer_that_does_not_track_the_hand_is_not_compared(monkeypatch):
    monkeypatch.setattr(peer, "_peer", fake(0.94))
    with pytest.raises(RuntimeError, match="tracks only 94% of the pictures"):
        peer.compare("mediapipe", [SETUP], 1.0)
