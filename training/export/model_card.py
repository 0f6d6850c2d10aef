"""Fill the tables of `models/README.md` from what was measured, so that none of their figures is typed by hand.

    ./run training model_card --export models/export.json --log runs/full/tensorboard \
        --synthetic synthetic.json --frames truth.json finder.json --empty empty.json

The files are those that `./run training export`, `./run training train` and, with `--json`, `./run training evaluate synthetic`, `frames`
and `empty` leave. Tables whose file is not given stay as they are.
"""

import argparse
import json
import re
from pathlib import Path

CARD = Path(__file__).resolve().parents[2] / "models" / "README.md"
CURVE_POINTS = 24
"""Rows of the learning curve at most."""


def fill(card: str, name: str, table: str) -> str:
    """The card with another table between `<!-- table: name -->` and `<!-- end -->`.

    Raises:
        ValueError: the card has no such place, or more than one.
    """
    place = re.compile(rf"(<!-- table: {re.escape(name)} -->\n).*?(<!-- end -->)", re.DOTALL)
    filled, count = place.subn(lambda found: f"{found[1]}{table}\n{found[2]}", card)
    if count != 1:
        raise ValueError(f"the card has {count} places for the table {name!r}, not one")
    return filled


def rows(head: list[str], body: list[list[str]]) -> str:
    """A Markdown table."""
    return "\n".join("| " + " | ".join(cells) + " |" for cells in [head, ["---"] * len(head), *body])


def interval_row(level: str, group: str, shares: list[float]) -> list[str]:
    """How many errors a stated interval holds, axis by axis."""
    said = ", ".join(f"{axis} {share:.1%}" for axis, share in zip("uvd", shares, strict=True))
    return [f"errors within the stated {level} % interval, {group} joints", said]


def export_table(report: dict) -> str:
    """What the model is, how well its uncertainty holds, and how near the engines are."""
    facts = [
        ["input", f"{report['size']} x {report['size']} pixels"],
        ["images seen in training", f"{report['samples_seen']:,}"],
        ["file", f"{report['bytes'] / 1e6:.1f} MB, SHA-256 `{report['sha256']}`"],
    ]
    for group, levels in report["held_out"]["coverage"].items():
        facts += [interval_row(level, group, shares) for level, shares in levels.items()]
    for row in report["agreement"]:
        apart = f"mean {row['mean_mm']:.3f} mm, 99th percentile {row['p99_mm']:.3f} mm"
        facts.append([f"{row['what']}, from PyTorch in f32 on {row['count']} {row['crops']} crops", apart])
    return rows(["", ""], facts)


def curve_table(*folders: Path) -> str:
    """Error on the trainer's validation images against images seen, over the runs that led to the weights."""
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
    body += [["visible joints", f"{report['visible_mm']:.2f}"], ["hidden joints", f"{report['hidden_mm']:.2f}"]]
    body += [["each hand's worst joint", f"{report['worst_joint_mm']:.2f}"]]
    body += [["all, before hands are turned", f"{report['first_look_mm']:.2f}"]]
    groups = {**report["strata_mm"], **report["distance_mm"], **report["per_finger_mm"]}
    body += [[name, f"{value:.2f}"] for name, value in groups.items() if name != "all"]
    body += [["told to be a right hand, as all are", f"{report['handedness']:.1%}"]]
    body += [["told to be there, as all are", f"{report['presence']:.1%}"]]
    for group in ("visible", "hidden"):
        body += [interval_row(level, group, report[f"coverage_{level}_{group}"]) for level in ("68", "95")]
    return rows([report["set"], "mean joint error, mm"], body)


def frames_table(*reports: dict) -> str:
    """Errors on recorded sequences, by how the crop's centre was found."""
    keys = ("mean_joint_error_mm", "hand_centred_mm", "constant_pose_mm", "found_frames_mm", "offset_corrected_mm")
    keys += ("pip_flexion_error_deg", "pip_flexion_correlation", "sigma_rank_correlation", "coverage_68", "coverage_95")
    keys += ("before_surface", "labels_before_surface")
    head = ["sequence", "centre", "frames", "found", "told a right hand"]
    head += ["error, mm (95 % interval)", "hand-centred", "constant pose"]
    head += ["found frames: error", "offset-corrected", "PIP error, degrees", "PIP correlation"]
    head += ["sigma rank correlation", "within 68 %", "within 95 %", "joints before the surface", "labels before it"]
    body = []
    for report in reports:
        for path, result in report["sequences"].items():
            cells = [f"{result[key]:.2f}" if result.get(key) is not None else "" for key in keys]
            if "interval_95_mm" in result:
                low, high = result["interval_95_mm"]
                cells[0] += f" ({low:.1f} to {high:.1f})"
            name = "/".join(part for part in Path(path).parts[-2:] if part not in ("real", "/"))
            side = f"{result['right']:.0%}" if result["right"] is not None else ""
            body.append([name, report["centre"], str(result["frames"]), f"{result['found']:.0%}", side, *cells])
        for group, results in groups(report["sequences"]).items():
            frames = sum(result["frames"] for result in results)
            found, error = (
                sum(result["frames"] * result[key] for result in results) / frames
                for key in ("found", "mean_joint_error_mm")
            )
            cells = [f"{error:.2f}", *[""] * (len(keys) - 1)]
            body.append([f"{group}, all", report["centre"], str(frames), f"{found:.0%}", "", *cells])
    return rows(head, body)


def groups(sequences: dict[str, dict]) -> dict[str, list[dict]]:
    """The results of labelled sequences that are one recording's, by its name: seen by several cameras."""
    labelled = [path for path, result in sequences.items() if "mean_joint_error_mm" in result]
    recordings = [str(Path(path).parent) for path in labelled]
    several = {Path(r).name: r for r in recordings if recordings.count(r) > 1 and Path(r).name != "real"}
    return {
        name: [sequences[path] for path in labelled if str(Path(path).parent) == folder]
        for name, folder in several.items()
    }


def empty_table(report: dict) -> str:
    """How often a hand is seen where there is none."""
    body = []
    for part, groups in report.items():
        for path, result in groups.items() if part in ("synthetic", "real") else ():
            name = "/".join(Path(path).parts[-2:]).removeprefix("real/")
            lost = result.get("hands_lost")
            stays = f"{result['lost_hand_stays']:.1%} of {lost}" if lost else ""
            body.append([part, name, str(result["frames"]), f"{result['with_hand']:.1%}", stays])
    return rows(["images", "of", "count", "with a hand", "a lost hand is still seen in the third image"], body)


TABLES = {"export": export_table, "synthetic": synthetic_table, "frames": frames_table, "empty": empty_table}
"""Those that are made of reports."""


def main(argv: list[str]) -> None:
    parser = argparse.ArgumentParser(
        prog="./run training model_card", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--export", type=Path, nargs=1)
    parser.add_argument("--log", type=Path, nargs="+")
    parser.add_argument("--synthetic", type=Path, nargs=1)
    parser.add_argument("--frames", type=Path, nargs="+")
    parser.add_argument("--empty", type=Path, nargs=1)
    parser.add_argument("--card", type=Path, default=CARD)
    arguments = parser.parse_args(argv)
    files = {name: paths for name in TABLES if (paths := getattr(arguments, name))}
    try:
        reports = {name: [json.loads(path.read_text()) for path in paths] for name, paths in files.items()}
        models = {str(report.get("sha256")) for several in reports.values() for report in several}
        if len(models) > 1:
            parser.error(f"the reports are of different models, with the SHA-256 {', '.join(sorted(models))}")
        card = arguments.card.read_text()
        for name, several in reports.items():
            card = fill(card, name, TABLES[name](*several))
        if arguments.log:
            card = fill(card, "curve", curve_table(*arguments.log))
    except (OSError, ValueError) as error:
        parser.error(str(error))
    arguments.card.write_text(card)
