"""Pictures of a robot."""

import numpy as np
import pytest
from robots import hand_urdf

pytest.importorskip("fingerpose_ros.simulation.robot", reason="MuJoCo is not installed (requirements/test.txt)")

from fingerpose_ros.simulation.rendering import RobotPictures

SIZE = 120
BONE = '<visual><origin xyz="0 0 0.02"/><geometry><box size="0.01 0.01 0.04"/></geometry></visual>'


def picture(base: str, **positions) -> np.ndarray:
    """Where the robot is in its picture, (SIZE, SIZE) bool."""
    urdf = hand_urdf().replace('<link name="base"/>', f'<link name="base">{BONE}</link>')
    for link in ("fore_1", "fore_2", "far_2", "thumb_1"):
        urdf = urdf.replace(f'<link name="{link}"/>', f'<link name="{link}">{BONE}</link>')
    try:
        with RobotPictures(urdf, base, (180, 0), SIZE) as pictures:
            image = pictures.render(positions)
    except RuntimeError as error:
        assert "apt-get install libegl1" in str(error)
        pytest.skip("there is no EGL")
    assert image.shape == (SIZE, SIZE, 3) and image.dtype == np.uint8
    return image.max(axis=2) > 30


def test_a_bent_finger_is_shorter_seen_from_the_palm():
    straight, bent = picture("hand"), picture("hand", fore_inner=1.5)
    assert bent.sum() < straight.sum() - 20
    right = straight[:, SIZE // 2 :]  # the fore finger is on the thumb's side, at the right
    assert np.flatnonzero(right.any(axis=1))[0] < np.flatnonzero(bent[:, SIZE // 2 :].any(axis=1))[0] - 5


def test_only_what_hangs_from_the_base_is_shown_and_fills_the_picture():
    whole, hand = picture("base"), picture("hand")
    assert np.flatnonzero(hand.any(axis=1)).size > 0.6 * SIZE
    assert np.flatnonzero(whole.any(axis=1)).size < 0.5 * SIZE


def test_without_egl_the_error_says_what_to_install(monkeypatch):
    def fail(*_):
        raise ImportError("Cannot initialize a EGL device display")

    monkeypatch.setattr("mujoco.Renderer", fail)
    with pytest.raises(RuntimeError, match="EGL device display.*apt-get install libegl1"):
        RobotPictures(hand_urdf(), "hand", (0, 0), SIZE)
