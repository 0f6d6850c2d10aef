"""The estimator beside another hand tracker, on pictures of the same moving hand.

The pictures are those of the sample recording's scene that show one hand completely, rendered anew: a depth image with
the camera's noise for the estimator, a shaded picture without any for the other. They take turns of `TURN` seconds.
Each image is processed when the last is done. The estimator's time is that of `estimate` and `finish` together.
"""

import itertools
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from rows import Setup, engine, percentiles, timed
from scenes import MAX_FRAMES, forward_and_backward

from fingerpose_ros.perception.camera import Camera
from fingerpose_ros.perception.estimator import HandPoseEstimator
from fingerpose_ros.perception.settings import EstimatorSettings

PEERS = {"mediapipe": "mediapipe==0.10.14"}
"""Peer -> its package, which is installed into an environment of its own."""

TURN, WARM_UP = 4.0, 2.0
"""Seconds of each turn, and before the first."""

MIN_TRACKED = 0.95
"""Share of the pictures in which the peer must track the hand. Otherwise the comparison says nothing."""

SKIN, CLOTHES, WALL = (225, 170, 145), (70, 80, 110), (190, 190, 195)
LIGHT = np.array([-0.35, -0.5, -0.8]) / np.linalg.norm([0.35, 0.5, 0.8])
"""Towards the light, in the camera's optical frame."""
AMBIENT = 0.35
"""Share of the light that comes from everywhere."""


def compare(peer: str, setups: list[Setup], seconds: float) -> list[dict]:
    """The peer's row, and one for each setup of the estimator, all measured in turns, `seconds` each.

    Raises:
        RuntimeError: the peer stops, or tracks less than `MIN_TRACKED` of the pictures.
    """
    depths, camera, pictures = images()
    runs = {}
    for setup in setups:
        backend, detector = setup.networks()
        runs[f"estimator, {engine(backend.precision, setup.threads)}"] = _Estimator(backend, detector, depths, camera)
    with _peer(PEERS[peer], pictures) as other:
        turns: dict[str, list[dict]] = {name: [] for name in (PEERS[peer], *runs)}
        for run in (other, *runs.values()):
            run(WARM_UP)
        for _ in range(max(1, round(seconds / TURN))):
            for name, run in ((PEERS[peer], other), *runs.items()):
                turns[name].append(run(TURN))
    rows = [_row(name, of_name) for name, of_name in turns.items()]
    if rows[0]["tracked"] < MIN_TRACKED:
        raise RuntimeError(f"{PEERS[peer]} tracks only {rows[0]['tracked']:.0%} of the pictures: no fair comparison")
    return [row | {"ratio": round(rows[0]["ms"]["p50"] / row["ms"]["p50"], 2)} for row in rows]


def _row(name: str, turns: list[dict]) -> dict:
    seconds = [value for turn in turns for value in turn["seconds"]]
    return {
        "engine": name,
        "tracked": sum(turn["tracked"] for turn in turns) / len(seconds),
        "ms": percentiles(seconds),
        "cores": round(sum(turn["cpu"] for turn in turns) / sum(seconds), 2),
    }


class _Estimator:
    """Tracks the hand through the depth images for some seconds, as `mediapipe_hands` does."""

    def __init__(self, backend, detector, depths: list[np.ndarray], camera: Camera):
        self._estimator = HandPoseEstimator(backend, detector, EstimatorSettings(max_hands=1))
        self._depths = itertools.cycle([depth * np.float32(0.001) for depth in depths])
        self._camera, self._count, self._tracked = camera, itertools.count(), 0

    def __call__(self, duration: float) -> dict:
        self._tracked, cpu = 0, time.process_time()
        seconds = timed(self._track, duration, None)
        return {"seconds": seconds, "tracked": self._tracked, "cpu": time.process_time() - cpu}

    def _track(self) -> None:
        self._tracked += bool(self._estimator.estimate(next(self._depths), self._camera, next(self._count) / 30))
        self._estimator.finish()


@contextmanager
def _peer(package: str, pictures: np.ndarray) -> Iterator:
    """The peer in a process of its own: seconds -> what it measured."""
    python = _environment(package)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "pictures.npy")
        np.save(path, pictures)
        command = [python, Path(__file__).with_name("mediapipe_hands.py"), path]
        environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONHOME")}
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
            env=environment,
        )  # fmt: skip

        def answer() -> str:
            if line := process.stdout.readline():
                return line
            raise RuntimeError(f"{package} stopped with status {process.wait()}: {' '.join(map(str, command))}")

        def measure(seconds: float) -> dict:
            process.stdin.write(f"{seconds}\n")
            process.stdin.flush()
            return json.loads(answer())

        try:
            answer()
            yield measure
        finally:
            process.kill()
            process.wait()


def _environment(package: str) -> Path:
    """The Python of the peer's environment, which is made if it does not exist. This needs the network."""
    folder = Path(__file__).parents[1] / ".work" / package.partition("==")[0]
    python = folder / "bin" / "python"
    if not (folder / "complete").exists():
        print(f"installing {package} into {folder}", file=sys.stderr, flush=True)
        subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", package], check=True)
        (folder / "complete").touch()
    return python


def images() -> tuple[list[np.ndarray], Camera, np.ndarray]:
    """Depth images with one hand, uint16 millimetres; their camera; and pictures (n, height, width, 3) of the same."""
    from training.rendering.hands import HandBank
    from training.rendering.renderer import Renderer
    from training.rendering.sample_bag import CAMERA, RECORDINGS, ROWS, perfect, render, scene

    bank, recording = HandBank(), RECORDINGS["hands"]
    whole = [image for image in scene(bank, recording) if _shows_one(image, CAMERA)][: MAX_FRAMES // 2]
    depths = list(render(bank, whole, 0, recording.max_range))
    renderer, pictures = Renderer(bank), []
    for image in whole:
        clean = perfect(renderer, [image])
        pictures.append(shaded(clean.whole.numpy()[0, ROWS], clean.hands[0, ROWS], CAMERA))
    return forward_and_backward(depths), CAMERA, np.array(forward_and_backward(pictures))


def _shows_one(image: dict[str, tuple], camera: Camera) -> bool:
    """Whether an image of the scene shows one hand, completely."""
    if len(image) != 1:
        return False
    u, v = camera.project(next(iter(image.values()))[3]).T
    return bool(((u > 0) & (u < camera.width - 1) & (v > 0) & (v < camera.height - 1)).all())


def shaded(depth: np.ndarray, hands: np.ndarray, camera: Camera) -> np.ndarray:
    """A picture (height, width, 3) uint8, red first, of a scene in one light.

    Args:
        depth: (height, width) metres, of the whole scene; far away where there is nothing.
        hands: the same of the hands and forearms alone.
        camera: of both.
    """
    v, u = np.indices(depth.shape)
    points = camera.back_project(np.stack([u, v], axis=-1), depth)
    normals = np.cross(np.gradient(points, axis=1), np.gradient(points, axis=0))
    normals /= np.maximum(np.linalg.norm(normals, axis=-1, keepdims=True), 1e-9)
    normals *= -np.sign(normals[..., 2:])  # towards the camera
    brightness = AMBIENT + (1 - AMBIENT) * np.maximum(normals @ LIGHT, 0)
    colours = np.where((hands <= depth)[..., None], SKIN, CLOTHES) * brightness[..., None]
    return np.where((depth > 10)[..., None], WALL, colours).astype(np.uint8)
