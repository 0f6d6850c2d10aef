"""Fill the tables of the model card and of the history from measured results, so that no number is typed by hand.

The card is `models/README.md`. The learning curve and the errors on version 18 are in `training/HISTORY.md`.

    ./run training model_card --export models/export.json --log runs/full/tensorboard \
        --synthetic synthetic.json --composed composed.json --frames truth.json detector.json \
        --hand-free hand_free.json

`./run training export` writes the first file and `./run training train` the log. `./run training evaluate` with
`--json` writes the others, with the commands `synthetic` (for the composed test set with `--backgrounds`), `frames` and
`hand_free`. Tables without a given file stay
unchanged.
"""

import argparse
import json
import re
from pathlib import Path

from fingerpose_ros.files import write_text

CARD = Path(__file__).resolve().parents[2] / "models" / "README.md"
HISTORY = Path(__file__).resolve().parents[2] / "training" / "HISTORY.md"
CURVE_POINTS = 24
"""Maximum number of rows of the learning curve."""


def fill(card: str, name: str, table: str) -> str:
    """Replace the table between `<!-- table: name -->` and `<!-- end -->`.

    Raises:
        ValueError: the card has no such place, or several.
    """
    pattern = re.compile(rf"(<!-- table: {re.escape(name)} -->\n).*?(<!-- end -->)", re.DOTALL)
    filled, count = pattern.subn(lambda match: f"{match[1]}{table}\n{match[2]}", card)
    if count != 1:
        raise ValueError(f"the card has {count} places for the table {name!r}, not one")
    return filled


def rows(head: list[str], body: list[list[str]]) -> str:
    """A Markdown table."""
    return "\n".join("| " + " | ".join(cells) + " |" for cells in [head, ["---"] * len(head), *body])


def interval_row(group: str, levels: dict[str, list[float]]) -> list[str]:
    """Fractions of errors within the predicted intervals, by axis; `levels`: "68" and others, in percent."""
    text = [
        ", ".join(f"{axis} {part:.1%}" for axis, part in zip("uvd", parts, strict=True)) for parts in levels.values()
    ]
    return [f"{group} joints, errors within the predicted {' % and '.join(levels)} % interval", "; ".join(text)]


def export_table(report: dict) -> str:
    """The model file, the coverage of its uncertainty, and the agreement of the engines."""
    facts = [
        ["input", f"{report['size']} x {report['size']} pixels"],
        ["images seen in training", f"{report['samples_seen']:,}"],
        ["file", f"{report['bytes'] / 1e6:.1f} MB, SHA-256 `{report['sha256']}`"],
    ]
    for group, levels in report["held_out"]["coverage"].items():
        facts.append(interval_row(group, levels))
    engines: dict[str, list[str]] = {}
    for row in report["agreement"]:
        difference = f"mean {row['mean_mm']:.3f} mm, 99th percentile {row['p99_mm']:.3f} mm"
        engines.setdefault(row["what"], []).append(f"{row['count']} {row['crops']} crops: {difference}")
    facts += [[f"{what} against PyTorch in f32", "; ".join(found)] for what, found in engines.items()]
    return rows(["", ""], facts)


def curve_table(*folders: Path) -> str:
    """Error on the validation images against images seen, over all runs that led to the weights."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    points = []
    for folder in folders:
        log = EventAccumulator(str(folder))
        log.Reload()
        if "validation/error_mm" not in log.Tags()["scalars"]:
            raise ValueError(f"{folder} holds no log of ./run training train")
        points += log.Scalars("validation/error_mm")
    points.sort(key=lambda point: point.step)
    step = -(-len(points) // CURVE_POINTS)
    kept = [*points[:-1:step], points[-1]]
    return rows(["images seen", "mean joint error, mm"], [[f"{p.step:,}", f"{p.value:.2f}"] for p in kept])


def synthetic_table(report: dict) -> str:
    """Errors on the synthetic test set."""
    low, high = report["interval_95_mm"]
    body = [["all", f"{report['mean_joint_error_mm']:.2f} ({low:.2f} to {high:.2f})"]]
    body += [["visible joints, hidden joints", f"{report['visible_mm']:.2f}, {report['hidden_mm']:.2f}"]]
    body += [["each hand's worst joint", f"{report['worst_joint_mm']:.2f}"]]
    body += [["all, first crop (not rotated)", f"{report['first_crop_mm']:.2f}"]]
    parts: dict[str, list[str]] = {}
    named = {f"distance: {name}": error for name, error in report["distance_mm"].items()}
    named |= {f"finger: {name}": error for name, error in report["per_finger_mm"].items()}
    for name, error in ({k: v for k, v in report["strata_mm"].items() if k != "all"} | named).items():
        kind, _, value = name.rpartition(": ")
        parts.setdefault(kind or "scene", []).append(f"{value} {error:.2f}")
    body += [[f"by {kind}", ", ".join(errors)] for kind, errors in parts.items()]
    rates = f"{report['handedness']:.1%}, {report['presence']:.1%}"
    body += [["classified as right hand, as present (all are)", rates]]
    for group in ("visible", "hidden"):
        body.append(interval_row(group, {level: report[f"coverage_{level}_{group}"] for level in ("68", "95")}))
    return rows([report["set"], "mean joint error, mm"], body)


def frames_table(*reports: dict) -> str:
    """Errors on recorded sequences, by the source of the crop's centre."""
    keys = ("mean_joint_error_mm", "hand_centred_mm", "constant_pose_mm", "detected_frames_mm", "offset_corrected_mm")
    keys += ("pip_flexion_error_deg", "pip_flexion_correlation", "sigma_rank_correlation", "coverage_68", "coverage_95")
    keys += ("in_front_of_surface", "labels_in_front_of_surface")
    head = ["sequence", "centre", "frames", "detected", "classified as right"]
    head += ["error, mm (95 % interval)", "hand-centred", "constant pose"]
    head += ["detected frames: error", "offset-corrected", "PIP error, degrees", "PIP correlation"]
    head += ["sigma rank correlation", "within 68 %", "within 95 %"]
    head += ["joints in front of the surface", "labels in front of it"]
    body = []
    for report in reports:
        for path, result in report["sequences"].items():
            cells = [f"{result[key]:.2f}" if result.get(key) is not None else "" for key in keys]
            if "interval_95_mm" in result:
                low, high = result["interval_95_mm"]
                cells[0] += f" ({low:.1f} to {high:.1f})"
            name = "/".join(part for part in Path(path).parts[-2:] if part not in ("real", "/"))
            handedness = f"{result['right_hand']:.0%}" if result["right_hand"] is not None else ""
            body.append(
                [name, report["centre"], str(result["frames"]), f"{result['detected']:.0%}", handedness, *cells]
            )
        for group, results in groups(report["sequences"]).items():
            frames = sum(result["frames"] for result in results)
            detected, error = (
                sum(result["frames"] * result[key] for result in results) / frames
                for key in ("detected", "mean_joint_error_mm")
            )
            cells = [f"{error:.2f}", *[""] * (len(keys) - 1)]
            body.append([f"{group}, all", report["centre"], str(frames), f"{detected:.0%}", "", *cells])
    return rows(head, body)


def groups(sequences: dict[str, dict]) -> dict[str, list[dict]]:
    """Recordings by several cameras: name -> the results of their labelled sequences."""
    labelled = [path for path, result in sequences.items() if "mean_joint_error_mm" in result]
    recordings = [str(Path(path).parent) for path in labelled]
    multiple = {Path(r).name: r for r in recordings if recordings.count(r) > 1 and Path(r).name != "real"}
    return {
        name: [sequences[path] for path in labelled if str(Path(path).parent) == folder]
        for name, folder in multiple.items()
    }


def hand_free_table(report: dict) -> str:
    """False positives in scenes without hands."""
    body = []
    for part, groups in report.items():
        for path, result in groups.items() if part in ("synthetic", "real") else ():
            name = "/".join(Path(path).parts[-2:]).removeprefix("real/")
            removed = result.get("hands_removed")
            kept = f"{result['track_kept']:.1%} of {removed}" if removed else ""
            body.append([part, name, str(result["frames"]), f"{result['false_positives']:.1%}", kept])
    track_kept = "track kept in the third image after the hand is removed"
    return rows(["images", "of", "count", "with a false positive", track_kept], body)


TABLES = {"export": export_table, "synthetic": synthetic_table, "frames": frames_table, "hand_free": hand_free_table}
HISTORY_TABLES = {"composed": synthetic_table}
"""Table of the card, and of the history -> the function that makes it from reports."""


def main(argv: list[str]) -> None:
    parser = argparse.ArgumentParser(
        prog="./run training model_card", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--export", type=Path, nargs=1)
    parser.add_argument("--log", type=Path, nargs="+")
    parser.add_argument("--synthetic", type=Path, nargs=1, help="of version 17")
    parser.add_argument("--composed", type=Path, nargs=1, help="of version 18")
    parser.add_argument("--frames", type=Path, nargs="+")
    parser.add_argument("--hand-free", type=Path, nargs=1)
    parser.add_argument("--card", type=Path, default=CARD)
    parser.add_argument("--history", type=Path, default=HISTORY)
    arguments = parser.parse_args(argv)
    files = {name: paths for name in (*TABLES, *HISTORY_TABLES) if (paths := getattr(arguments, name))}
    try:
        reports = {name: [json.loads(path.read_text()) for path in paths] for name, paths in files.items()}
        models = {str(report.get("sha256")) for several in reports.values() for report in several}
        if len(models) > 1:
            parser.error(f"the reports are of different models, with the SHA-256 {', '.join(sorted(models))}")
        card, history = arguments.card.read_text(), arguments.history.read_text()
        for name, several in reports.items():
            if name in TABLES:
                card = fill(card, name, TABLES[name](*several))
            else:
                history = fill(history, name, HISTORY_TABLES[name](*several))
        if arguments.log:
            history = fill(history, "curve", curve_table(*arguments.log))
    except (OSError, ValueError) as error:
        parser.error(str(error))
    write_text(arguments.card, card)
    if arguments.log or arguments.composed:
        write_text(arguments.history, history)
