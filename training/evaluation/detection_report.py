"""The report of `detection.py`: the figures of a set, their means over sets, and both as text."""

import numpy as np

from .detection_scoring import (
    DISTANCES_M,
    RATES,
    SIZES_PX,
    Matches,
    average_precision,
    bin_names,
    calibration,
    counts,
    curve,
    figures,
    found_by,
    mean_curve,
    thresholds_of,
)
from .intervals import BLOCK, interval, ratios, resampling

POINTS = 200
"""Maximum number of points of a curve in the report."""

Evaluated = tuple[Matches, Matches, Matches]
"""Of one set: at the thresholds given within 80 mm, within 60 mm, and for all scores."""


def set_report(matches: Matches, strict: Matches, swept: Matches, block: int = 1) -> dict:
    """All figures of one set, ready for JSON: at the thresholds given, and under `curve` for all scores."""
    near = figures(strict, block)
    result = figures(matches, block) | {"found_within_60_mm": near["found"]}
    for key in ("intervals_95", "intervals_95_blocks"):
        result[key]["found_within_60_mm"] = near[key]["found"]
    _, distances, sizes, _ = matches.hand_columns
    result["found_by_distance"] = found_by(matches, distances, DISTANCES_M, "m")
    result["found_by_size"] = found_by(matches, sizes, SIZES_PX, "px")
    result["calibration"] = calibration(matches.detections)
    weights, thresholds = resampling(matches.images, block), thresholds_of([swept])
    whole, samples = curve(swept, thresholds), curve(swept, thresholds, weights)
    result["curve"] = {
        "average_precision": _number(average_precision(swept)[0]),
        "average_precision_interval_95": interval(average_precision(swept, weights)),
        "recall_at_false_hands_an_image": _recalls(whole, samples, "false_per_image") if matches.hands else {},
        "calibration": calibration(swept.detections),
    } | _points(whole)
    return result


def mean_report(sets: list[Evaluated], block: int = 1) -> dict:
    """Means over sets with and without hands, with intervals, ready for JSON."""
    with_hands, hand_free = [s for s in sets if s[0].hands], [s for s in sets if not s[0].hands]
    result = {
        "sets_with_hands": _means(with_hands, block),
        "hand_free_sets": _means(hand_free, block),
        "found_by_distance": _found_by(with_hands, 1, DISTANCES_M, "m"),
        "found_by_size": _found_by(with_hands, 2, SIZES_PX, "px"),
    }
    for name, column in (("curve", 2), ("curve_of_accepted", 0)):
        whole = mean_curve([s[column] for s in sets])
        samples = mean_curve([s[column] for s in sets], resampled=True, block=block)
        result[name] = {
            "recall_at_false_hands_an_image": _recalls(whole, samples, "false_per_image") if with_hands else {},
            "recall_at_images_with_false": _recalls(whole, samples, "images_with_false") if with_hands else {},
            "calibration_pooled": calibration([d for s in with_hands for d in s[column].detections]),
        } | _points(whole)
    return result


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _recalls(whole, samples, of: str) -> dict[str, dict]:
    return {
        str(rate): {
            "recall": _number(whole.recall_at(rate, of)[0]),
            "interval_95": interval(samples.recall_at(rate, of)),
            "threshold": whole.threshold_at(rate, of),
        }
        for rate in RATES
    }


def _points(whole) -> dict[str, list]:
    """The curve's points, thinned to `POINTS`; without the infinite threshold, which accepts nothing."""
    count = len(whole.thresholds) - 1
    kept = 1 + np.unique(np.linspace(0, count - 1, min(count, POINTS)).astype(int)) if count else np.zeros(0, int)
    return {
        "thresholds": whole.thresholds[kept].tolist(),
        "recall": [_number(value) for value in whole.recall[0, kept]],
        "false_per_image": whole.false_per_image[0, kept].tolist(),
        "images_with_false": whole.images_with_false[0, kept].tolist(),
    }


def _means(sets: list[Evaluated], block: int) -> dict:
    """Means over these sets of each figure that is known, with intervals."""
    result: dict = {
        "sets": len(sets),
        "images": sum(s[0].images for s in sets),
        "hands": sum(len(s[0].hands) for s in sets),
    }
    values: dict[str, list[float]] = {}
    for matches, strict, swept in sets:
        parts = counts(matches) | {"found_within_60_mm": counts(strict)["found"]}
        for name, (numerator, denominator) in parts.items():
            if denominator.sum():
                values.setdefault(name, []).append(numerator.sum() / denominator.sum())
        if matches.hands:
            values.setdefault("average_precision", []).append(average_precision(swept)[0])
    result |= {name: float(np.mean(known)) for name, known in values.items()}
    result["intervals_95"] = _mean_intervals(sets, block)
    result["intervals_95_blocks"] = _mean_intervals(sets, BLOCK)
    with_hands = [calibration(swept.detections)["ece"] for matches, _, swept in sets if matches.hands]
    errors = [ece for ece in with_hands if ece is not None]
    result["ece"] = float(np.mean(errors)) if errors else None
    return result


def _mean_intervals(sets: list[Evaluated], block: int) -> dict[str, list[float] | None]:
    """95 % intervals of the means over sets, with the images of each set resampled."""
    samples: dict[str, list[np.ndarray]] = {}
    for seed, (matches, strict, swept) in enumerate(sets):
        weights = resampling(matches.images, block, seed)
        parts = counts(matches) | {"found_within_60_mm": counts(strict)["found"]}
        for name, (numerator, denominator) in parts.items():
            if denominator.sum():
                samples.setdefault(name, []).append(ratios(weights, numerator, denominator))
        if matches.hands:
            samples.setdefault("average_precision", []).append(average_precision(swept, weights))
    return {name: interval(np.mean(resampled, axis=0)) for name, resampled in samples.items()}


def _found_by(sets: list[Evaluated], column: int, limits: tuple, unit: str) -> dict[str, dict]:
    """By bin: the mean fraction found over the sets with hands in it, the sets, and their hands."""
    parts = [found_by(s[0], s[0].hand_columns[column], limits, unit) for s in sets]
    result = {}
    for name in bin_names(limits, unit):
        rows = [part[name] for part in parts if name in part]
        if rows:
            found = float(np.mean([row["found"] for row in rows]))
            result[name] = {"sets": len(rows), "hands": sum(row["hands"] for row in rows), "found": found}
    return result


def text(report: dict) -> str:
    """The report as text: one row per set, the means, and recall at fixed rates of false hands."""
    how = f"followed at {report['followed_hz']:g} Hz" if report["followed_hz"] else "single images"
    head = ["set", "images", "hands", "found %", "60 mm %", "false images %", "false/image", "AP %", "ECE"]
    rows = [head]
    for result in report["sets"].values():
        curves = result["curve"]
        precision = {"average_precision": curves["average_precision"]}
        precision["ece"] = curves["calibration"]["ece"] if result["hands"] else None
        limits = result["intervals_95"] | {"average_precision": curves["average_precision_interval_95"]}
        precision["intervals_95"] = limits
        rows.append(_row(result["name"], result | precision))
    for name, kind in (("sets_with_hands", "with hands"), ("hand_free_sets", "without hands")):
        result = report["mean"][name]
        if result["sets"]:
            rows.append(_row(f"mean, {kind}: {result['sets']}", result))
    lines = [f"{report['model']}; {how}", _aligned(rows)]
    curves = {"curve_of_accepted": "stricter scores only"}
    if not report["followed_hz"]:
        curves = {"curve": "all scores"} | curves
    for name, curve_name in curves.items():
        for key in ("false_hands_an_image", "images_with_false"):
            recalls = report["mean"][name][f"recall_at_{key}"]
            if recalls:
                at = ", ".join(f"{rate}: {_percent(r['recall'], r['interval_95'])}" for rate, r in recalls.items())
                lines.append(f"recall % at {key.replace('_', ' ')} ({curve_name}): {at}")
    for key, what in (("found_by_distance", "distance"), ("found_by_size", "size of 10 cm")):
        parts = [
            f"{name}: {100 * row['found']:.0f} ({row['hands']} hands, {row['sets']} sets)"
            for name, row in report["mean"][key].items()
        ]
        if parts:
            lines.append(f"found % by {what}: {', '.join(parts)}")
    if report["not_labelled"]:
        lines.append(f"not scored, because not labelled: {', '.join(report['not_labelled'])}")
    return "\n".join(lines)


def _row(name: str, result: dict) -> list[str]:
    intervals = result["intervals_95"]
    cells = [_percent(result.get(key), intervals.get(key)) for key in ("found", "found_within_60_mm")]
    cells.append(_percent(result["images_with_false"], intervals["images_with_false"]))
    cells.append(f"{result['false_per_image']:.2f}")
    cells.append(_percent(result.get("average_precision"), intervals.get("average_precision")))
    cells.append("-" if result.get("ece") is None else f"{result['ece']:.3f}")
    return [name, str(result["images"]), str(result["hands"]), *cells]


def _percent(value: float | None, limits: list[float] | None) -> str:
    if value is None:
        return "-"
    return f"{100 * value:.0f}" + (f" [{100 * limits[0]:.0f}, {100 * limits[1]:.0f}]" if limits else "")


def _aligned(rows: list[list[str]]) -> str:
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return "\n".join(
        "  ".join([row[0].ljust(widths[0]), *(cell.rjust(w) for cell, w in zip(row[1:], widths[1:], strict=True))])
        for row in rows
    )
