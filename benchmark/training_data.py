"""Benchmark of the training data: samples per second, rendered or loaded from the five public datasets.

    python benchmark/training_data.py [--only rendered nyu] [--processes 2] [--seconds 5] [--size 128]
        [--device cuda:0] [--json OUT]

Rendered hands have all sensor effects. The datasets are fixtures with the sensor noise of each dataset's sensor. They
are loaded from the official file formats and from the packed form of `training.datasets.pack`, then cropped and
augmented. Each process generates its own batches, on a core of its own if there are enough, as a trainer's workers do.
"""

import argparse
import json
import multiprocessing
import os
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from fingerpose_ros.files import write_text
from training.datasets import HandDataset, open_dataset  # noqa: E402
from training.datasets.batches import DatasetBatches  # noqa: E402
from training.datasets.fixtures import CAMERAS, WRITERS  # noqa: E402
from training.datasets.pack import pack  # noqa: E402
from training.datasets.rendered import render  # noqa: E402
from training.learning.data import Batches, synthetic  # noqa: E402

RENDERED = "rendered"
FRAMES, BATCH = 64, 32
OPTIONS = {"msra": {"held_out": "P0"}}
"""Dataset -> options to open its training split: MSRA's has all subjects but one."""
RECORDED = {
    "icvl": ("realsense_sr305", 0.30, 0.45), "nyu": ("kinect_v1", 0.60, 0.85), "msra": ("realsense_sr305", 0.30, 0.45),
    "hands2019": ("realsense_sr305", 0.40, 0.60), "ho3d": ("realsense_d435_colour", 0.45, 0.70),
}  # fmt: skip
"""Dataset -> the simulated sensor most like its own, and the range of the hands' distances, metres."""


def make(name: str, folder: Path) -> dict[str, Path]:
    """Write a dataset and its packed form; returns their folders."""
    sensor, near, far = RECORDED[name]
    files, packed = folder / name / "files", folder / name / "packed"
    frames = render(CAMERAS[name], FRAMES, 0, sensor, near, far, right=name != "icvl")
    WRITERS[name](files, frames)
    pack(opened(name, files), name, "train", packed, **OPTIONS.get(name, {}))
    return {"files": files, "packed": packed}


def opened(name: str, root: Path) -> HandDataset:
    return open_dataset(name, root, "train", **OPTIONS.get(name, {}))


def of_dataset(name: str, root: Path, size: int, seed: int) -> Batches:
    return DatasetBatches(opened(name, root), size, BATCH, seed)


def of_rendered(size: int, device: str, seed: int) -> Batches:
    return synthetic(size, BATCH, seed, 1.0, device=device)


def work(make_batches, seconds: float, core: int, start, counts) -> None:
    """Generate batches for `seconds`; puts the number of samples, the elapsed and the CPU seconds into `counts`."""
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {cores[core % len(cores)]})
    batches = make_batches(seed=core)
    batches[0]
    start.wait()
    began, used, done = time.perf_counter(), time.process_time(), 0
    while time.perf_counter() - began < seconds:
        batches[done + 1]
        done += 1
    counts.put((done * BATCH, time.perf_counter() - began, time.process_time() - used))


def measure(make_batches, seconds: float, processes: int) -> dict[str, float]:
    """Samples per second of all processes together, and CPU time per sample; `make_batches` takes a seed."""
    context = multiprocessing.get_context("spawn")
    start, counts = context.Barrier(processes), context.Queue()
    workers = [
        context.Process(target=work, args=(make_batches, seconds, core, start, counts)) for core in range(processes)
    ]
    for worker in workers:
        worker.start()
    results = [counts.get(timeout=120 + seconds) for _ in workers]
    for worker in workers:
        worker.join()
    samples, busy = sum(r[0] for r in results), sum(r[2] for r in results)
    return {"samples_per_second": sum(r[0] / r[1] for r in results), "core_ms_per_sample": 1000 * busy / samples}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=(RENDERED, *WRITERS), default=(RENDERED, *WRITERS))
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--size", type=int, default=128, help="side of the network's input, pixels")
    parser.add_argument("--device", default="cpu", help="device that renders hands: cpu, cuda:0, ...")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    cores = len(os.sched_getaffinity(0))
    report = {"size": arguments.size, "device": arguments.device, "processes": arguments.processes, "cores": cores}
    report["results"] = {}
    print(f"{arguments.processes} processes on {cores} cores, crops of {arguments.size} pixels on {arguments.device}")
    with tempfile.TemporaryDirectory() as folder:
        for name in arguments.only:
            if name == RENDERED:
                sources = {"": partial(of_rendered, size=arguments.size, device=arguments.device)}
            else:
                roots = make(name, Path(folder))
                sources = {f: partial(of_dataset, name=name, root=r, size=arguments.size) for f, r in roots.items()}
            report["results"][name] = {}
            for form, source in sources.items():
                result = measure(source, arguments.seconds, arguments.processes)
                report["results"][name][form] = result
                rate, cost = result["samples_per_second"], result["core_ms_per_sample"]
                print(f"{name:10s} {form:7s} {rate:6.0f} samples/s, {cost:.2f} CPU ms per sample", flush=True)
    if arguments.json:
        write_text(arguments.json, json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    os.environ["OMP_NUM_THREADS"] = "1"
    main()
