"""Mappings of each method of dex-retargeting, and the library's own solver for them."""

import contextlib
import io
import tempfile
from pathlib import Path
from typing import Any

import yaml
from robots import MAPPING

from fingerpose_ros.share import share_folder

TIPS = ["thumb_tip", "fore_tip", "long_tip", "far_tip"]

THREE_FINGERS = {
    "vector": yaml.safe_load(MAPPING)["retargeting"],
    "position": {
        "type": "position", "low_pass_alpha": 1.0, "target_link_names": TIPS,
        "target_link_human_indices": [4, 8, 12, 16],
    },
    "dexpilot": {"type": "dexpilot", "low_pass_alpha": 1.0, "finger_tip_link_names": TIPS, "wrist_link_name": "hand"},
}  # fmt: skip
"""Method -> mapping of `robots.hand_urdf`'s hand."""

ALLEGRO = yaml.safe_load((share_folder() / "config" / "allegro_hand_right.yaml").read_text())["retargeting"]


def library(urdf: str, mapping: dict[str, Any]):
    """The library's `SeqRetargeting` for a robot. Its optimiser has no limit of time.

    The robot's joints that do not mimic others are moved, except for `shoulder`.
    """
    from dex_retargeting.retargeting_config import RetargetingConfig

    from fingerpose_ros.retarget.robot import read_robot

    motors = [name for name in read_robot(urdf).motors if name != "shoulder"]
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
        path = Path(folder) / "robot.urdf"
        path.write_text(urdf)
        config = RetargetingConfig.from_dict({"target_joint_names": motors, **mapping}, {"urdf_path": str(path)})
        return config.build()
