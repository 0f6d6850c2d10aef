"""Pictures for `detection.py`: images with missed or false hands, and curves."""

from pathlib import Path

import cv2
import numpy as np

from fingerpose_ros.files import whole_file, write_image
from fingerpose_ros.perception import drawing
from fingerpose_ros.perception.hand import Hand
from training.rendering.preview import caption, sheet

from .detection_scoring import DUPLICATE, FALSE, match, place
from .detection_sets import DetectionSet

WIDTH, COLUMNS, TILES = 400, 4, 60
"""Width of an image in pixels, images in a row, and maximum number of images on a sheet."""

GREEN, RED, GREY = (60, 220, 60), (60, 60, 255), (160, 160, 160)
"""Blue, green, red: a found palm, a missed one, an ignored one."""

FARTHEST = 2.0
"""Metres from which on the images' grey gets no darker."""


def draw_set(one: DetectionSet, hands: list[list[Hand]], folder: Path) -> None:
    """Write a sheet of a set's labelled images with a missed or false hand; none if there is no such image."""
    tiles = []
    for i in one.labelled:
        scores, places = [hand.confidence for hand in hands[i]], [place(hand) for hand in hands[i]]
        outcomes, palm_scores = match(scores, places, one.palms[i], one.ignored[i])
        missed, false = int(np.isnan(palm_scores).sum()), sum(o in (DUPLICATE, FALSE) for o in outcomes)
        if missed or false:
            tile = draw_image(one, i, hands[i], outcomes, palm_scores)
            tiles.append(caption(tile, f"{one.folder.images[i].stem}: {missed} missed, {false} false"))
    if tiles:
        folder.mkdir(parents=True, exist_ok=True)
        kept = [tiles[k] for k in np.unique(np.linspace(0, len(tiles) - 1, min(len(tiles), TILES)).astype(int))]
        write_image(folder / f"{one.name.replace('/', '_')}.png", sheet(kept, COLUMNS))


def draw_image(one: DetectionSet, index: int, hands: list[Hand], outcomes: list[str], palm_scores) -> np.ndarray:
    """One image, `WIDTH` wide: each hand with its outcome, and circles of 40 mm around the labelled palms."""
    camera = one.folder.camera
    picture = drawing.draw(one.folder.depth(index), camera, outcomes, hands, FARTHEST)
    colours = [RED if np.isnan(score) else GREEN for score in palm_scores]
    circles = [*zip(one.palms[index], colours, strict=True), *((point, GREY) for point in one.ignored[index])]
    for point, colour in circles:
        pixel = np.clip(np.round(camera.project(point)), -(2**14), 2**14).astype(int).tolist()
        radius = max(4, round(0.04 * camera.fx / point[2]))
        cv2.circle(picture, pixel, radius, colour, max(2, camera.width // 200), cv2.LINE_AA)
    return cv2.resize(picture, (WIDTH, round(WIDTH * camera.height / camera.width)), interpolation=cv2.INTER_AREA)


def draw_curves(report: dict, path: Path) -> None:
    """Recall against false hands an image, each set with hands and the mean, and the calibration of the score."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    path.parent.mkdir(parents=True, exist_ok=True)
    figure, (recall, right) = pyplot.subplots(1, 2, figsize=(14, 6))
    for result in report["sets"].values():
        if result["hands"]:
            recall.plot(result["curve"]["false_per_image"], result["curve"]["recall"], lw=1, label=result["name"])
            bins = result["curve"]["calibration"]["bins"]
            right.plot([row["score"] for row in bins], [row["right"] for row in bins], ".-", lw=1)
    mean = report["mean"]
    if mean["sets_with_hands"]["sets"]:
        for name, style in (("curve", "k-"), ("curve_of_accepted", "k--")):
            label = "mean over sets" + (", stricter scores only" if style == "k--" else "")
            recall.plot(mean[name]["false_per_image"], mean[name]["recall"], style, lw=2, label=label)
    recall.set(xlabel="false hands an image", ylabel="recall", ylim=(0, 1.02))
    recall.set_xscale("symlog", linthresh=0.01)
    recall.set_xlim(left=0)
    right.plot([0, 1], [0, 1], "k:")
    right.set(xlabel="score", ylabel="fraction with a palm within 80 mm", xlim=(0, 1), ylim=(0, 1))
    if recall.lines:
        recall.legend(fontsize=8)
    for axes in (recall, right):
        axes.grid(alpha=0.3)
    figure.tight_layout()
    with whole_file(path) as part:
        figure.savefig(part, dpi=110)
    pyplot.close(figure)
