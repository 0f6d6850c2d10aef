"""Benchmark of latency: the networks, the estimator, and the node over DDS; one table, and the same as JSON.

    ./run python benchmark/latency.py                                  # every row, ten minutes
    ./run python benchmark/latency.py --isa vnni --precision int8 f32  # as on a processor without AMX and AVX512-BF16
    ./run python benchmark/latency.py --rows network detector node30 busy --threads 1 2 --seconds 60
    ./run python benchmark/latency.py --rows estimator --peer mediapipe  # beside MediaPipe Hands, see `peer`

Each row runs in a process of its own, on all cores that this command may use. The camera of the node's rows runs on the
same cores. `cores` is the CPU time of the network's process, `others` that of everything else but the camera. It should
be near 0, except beside busy cores. `ratio` is a row's median divided by the sum of those of network and detector, of
the same engine and run. The second table is the median time of each part of the node, in milliseconds.

`--peer mediapipe` adds a table of one hand tracked by the estimator and by MediaPipe Hands in turns. It installs
MediaPipe into .work/mediapipe/, and renders the pictures of both, which needs the packages for training.

The images are those of the sample recording that show one hand, or both, completely, played forward and backward.
`--frames FOLDER` (depth/*.png, meta.json) replaces them. Only the node's rows need ROS.
"""

import argparse
import json
import multiprocessing
import os
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as the node does

sys.path[:0] = [str(Path(__file__).parents[1])]

from peer import PEERS, compare  # noqa: E402
from rows import ROWS, Setup, engine  # noqa: E402
from usage import conditions  # noqa: E402

from fingerpose_ros.files import write_text  # noqa: E402
from fingerpose_ros.perception import backends  # noqa: E402
from fingerpose_ros.perception.backends.processor import RESTRICTION  # noqa: E402

ISA = {"avx2": "AVX2", "vnni": "AVX512_CORE_VNNI"}
"""Choice of `--isa` -> value of OpenVINO's restriction."""


def main() -> int:
    arguments = parsed()
    if arguments.isa:
        os.environ[RESTRICTION] = ISA[arguments.isa]  # before any process loads OpenVINO
    names = list(ROWS) if arguments.rows is None else [name for name in ROWS if name in arguments.rows]
    setups = [
        Setup(
            arguments.backend, arguments.device, precision, threads, arguments.models, arguments.frames,
            arguments.seconds,
        )
        for precision in arguments.precision
        for threads in arguments.threads
    ]  # fmt: skip
    report: dict = {"conditions": conditions(), "rows": []}
    for name in names:
        for setup in setups:
            print(f"measuring: {ROWS[name][0]}, {engine(setup.precision, setup.threads)}", file=sys.stderr, flush=True)
            row = measured(name, setup)
            report["rows"].append({"row": name, "precision": setup.precision, "threads": setup.threads} | row)
    if arguments.peer:
        report["peer"] = compare(arguments.peer, setups, arguments.seconds)
    add_ratios(report["rows"])
    tables = [table(report)]
    tables += [profile_table(report)] if any_profile(report) else []
    tables += [peer_table(report["peer"])] if arguments.peer else []
    print("\n\n".join(tables))
    if arguments.json:
        write_text(arguments.json, json.dumps(report, indent=1) + "\n")
    return 0


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", nargs="+", choices=ROWS, help="what to measure; default: everything")
    parser.add_argument("--seconds", type=float, default=40.0, help="duration of each measurement")
    parser.add_argument("--isa", choices=ISA, help="restrict OpenVINO to these instructions")
    parser.add_argument("--precision", nargs="+", choices=backends.PRECISIONS, default=["auto"])
    parser.add_argument("--threads", nargs="+", type=int, default=[0], help="of the networks; 0: the node's default")
    parser.add_argument("--models", type=Path, help="folder with pose network and detector; default: the package's")
    parser.add_argument("--frames", type=Path, help="folder of depth images instead of the sample")
    parser.add_argument("--backend", choices=backends.BACKENDS, default="auto")
    parser.add_argument("--device", choices=backends.DEVICES, default="auto")
    parser.add_argument("--peer", choices=PEERS, help="measure it, too, on pictures of the same moving hand")
    parser.add_argument("--json", type=Path, help="file for the report with all figures")
    return parser.parse_args()


def measured(name: str, setup: Setup) -> dict:
    """One row, measured in a new process, so that its memory and its threads are its own."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as process:
        return process.submit(_measure, name, setup).result()


def _measure(name: str, setup: Setup) -> dict:
    return ROWS[name][1](setup)


def add_ratios(rows: list[dict]) -> None:
    """Add each row's `ratio` where the run has network and detector with the same engine."""
    alone = {(row["row"], row["precision"], row["threads"]): row["ms"]["p50"] for row in rows}
    for row in rows:
        parts = [alone.get((part, row["precision"], row["threads"])) for part in ("network", "detector")]
        row["ratio"] = round(row["ms"]["p50"] / sum(parts), 2) if all(parts) else None


def table(report: dict) -> str:
    """The rows for people, in Markdown; machine and engines in its head."""
    machine = report["conditions"]
    limits = ", ".join(f"{name}={value}" for name, value in machine["environment"].items())
    lines = [f"{machine['processor']}, {machine['cores']} cores; load before {machine['load_average']:.2f}; {limits}"]
    engines = {(row["precision"], row["threads"]): row["engine"] for row in report["rows"]}
    lines += [f"{engine(*key)}: {description}" for key, description in engines.items()]
    columns = ("row", "engine", "hands", "answered", "dropped", "p50", "p95", "p99", "cores", "others", "MB", "ratio")
    rows = [
        (
            ROWS[row["row"]][0], engine(row["precision"], row["threads"]), _text(row.get("hands"), 2),
            _text(row["answered"]), _text(row["dropped"]), *(_text(row["ms"][p], 1) for p in ("p50", "p95", "p99")),
            _text(row["cores"], 2), _text(row["others"], 2), _text(row["memory_mb"]), _text(row["ratio"], 2),
        )
        for row in report["rows"]
    ]  # fmt: skip
    return "\n".join([*lines, "", markdown([columns, *rows])])


def any_profile(report: dict) -> bool:
    return any(row.get("profile_ms") for row in report["rows"])


def profile_table(report: dict) -> str:
    """The parts of the node, a column for each of its rows."""
    rows = [row for row in report["rows"] if row.get("profile_ms")]
    heads = [f"{ROWS[row['row']][0]}; {engine(row['precision'], row['threads'])}" for row in rows]
    parts = [(part, *(_text(row["profile_ms"].get(part), 2) for row in rows)) for part in rows[0]["profile_ms"]]
    return markdown([("part", *heads), *parts])


def peer_table(rows: list[dict]) -> str:
    """The peer, and the estimator in each of its settings."""
    columns = ("one hand, each image when the last is done", "tracked", "p50", "p95", "p99", "cores", "times as fast")
    lines = [
        (
            row["engine"], f"{row['tracked']:.1%}", *(_text(row["ms"][p], 1) for p in ("p50", "p95", "p99")),
            _text(row["cores"], 2), _text(row["ratio"], 2),
        )
        for row in rows
    ]  # fmt: skip
    return markdown([columns, *lines])


def markdown(rows: list[tuple[str, ...]]) -> str:
    """A table whose first row is its head."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = [
        "| "
        + " | ".join(
            cell.ljust(w) if i == 0 else cell.rjust(w) for i, (cell, w) in enumerate(zip(row, widths, strict=True))
        )
        + " |"
        for row in rows
    ]
    return "\n".join([lines[0], "|" + "|".join("-" * (w + 2) for w in widths) + "|", *lines[1:]])


def _text(value: float | None, digits: int = 0) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


if __name__ == "__main__":
    sys.exit(main())
