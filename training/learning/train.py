"""Train a network on rendered hands or on a dataset.

    ./run training train --config training/configs/quick.yaml --out runs/quick --minutes 2

    ./run training train --config training/configs/full.yaml --out runs/full --minutes 60
    ./run training train --config training/configs/full.yaml --out runs/full --minutes 60 --resume

    torchrun --master-addr 127.0.0.1 --nproc-per-node 2 -m training train --config training/configs/further.yaml \
        --out runs/further --weights models/fingerposenet.safetensors

    ./run training train --config training/configs/nyu.yaml --dataset nyu --root /data/nyu --out runs/nyu

Training stops after `--minutes`, or on Ctrl-C or SIGTERM. Then, and every few minutes before, it writes to `--out`:

    checkpoint.safetensors  the full state, from which `--resume` continues exactly
    average.safetensors     the averaged network, which is the one to use
    tensorboard/            logs

On a CPU a tenth of the time is lost because memory is freed and allocated again. To keep it allocated, set
GLIBC_TUNABLES=glibc.malloc.hugetlb=1:glibc.malloc.mmap_max=0:glibc.malloc.trim_threshold=99999999999
"""

import argparse
import logging
import math
import os
import signal
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import distributed

from fingerpose_ros.perception.pose.model_file import checksum
from training.datasets import DATASETS, open_dataset
from training.datasets.msra import CUBES_M
from training.datasets.sample import hold_out

from .checkpoint import CHECKPOINT
from .config import Stage, load_config, task_of
from .data import MakeBatches, composed, from_dataset, mined, rendered_count, synthetic
from .next_steps import next_steps
from .trainer import Trainer, is_distributed

if TYPE_CHECKING:
    from .detection.trainer import DetectionTrainer

log = logging.getLogger("train")

REAL_FRACTION = 0.35
"""Fraction of rendered hands without object or table that take a tracked real pose."""


def choose_device(name: str) -> torch.device:
    """`cpu` or `cuda`. Under torchrun each process takes its own GPU and joins the process group.

    Raises:
        ValueError: CUDA is requested but not available.
    """
    if name == "cuda" and not torch.cuda.is_available():
        raise ValueError("--device cuda: PyTorch finds no CUDA device here; use --device cpu")
    device = torch.device(name, int(os.environ.get("LOCAL_RANK", 0))) if name == "cuda" else torch.device(name)
    if device.type == "cuda":
        torch.cuda.set_device(device)
    if int(os.environ.get("WORLD_SIZE", 1)) > 1:
        if os.environ.get("MASTER_ADDR") == "127.0.0.1":  # gloo would resolve the machine's own name
            os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
        distributed.init_process_group("nccl" if name == "cuda" else "gloo")
    return device


def choose_renderer(name: str) -> MakeBatches:
    """The function that renders hands: on the `cpu`, in worker processes, or on `cuda`, the GPU of this process.

    Raises:
        ValueError: CUDA is requested but Warp finds no device.
    """
    if name == "cpu":
        return partial(synthetic, real_fraction=REAL_FRACTION)
    import warp  # imported late: it takes a second, and only CUDA needs it here

    if not warp.is_cuda_available():
        raise ValueError("--render-device cuda: Warp finds no CUDA device here; use --render-device cpu")
    return partial(synthetic, real_fraction=REAL_FRACTION, device=f"cuda:{os.environ.get('LOCAL_RANK', 0)}")


def _data(arguments: argparse.Namespace, stages: tuple[Stage, ...]) -> tuple[MakeBatches, MakeBatches, dict]:
    """What makes the training batches and the validation batches, and a description of the data for the checkpoint.

    Raises:
        ValueError: options that exclude each other, or a dataset that cannot be read.
    """
    if not arguments.dataset:
        if arguments.root or arguments.held_out or arguments.synthetic_share:
            raise ValueError("--root, --held-out and --synthetic-share need --dataset")
        return _synthetic_data(arguments)
    if arguments.backgrounds:
        raise ValueError("--backgrounds is for rendered hands, not for --dataset")
    if not arguments.root or not 0 <= arguments.synthetic_share < 1:
        raise ValueError("--dataset needs --root, and --synthetic-share must be at least 0 and below 1")
    for stage in stages:
        rendered_count(stage.batch, arguments.synthetic_share)
    options = {"held_out": arguments.held_out} if arguments.held_out else {}
    training, validation = hold_out(open_dataset(arguments.dataset, arguments.root, "train", **options))
    data = {"dataset": arguments.dataset, "synthetic_share": arguments.synthetic_share, **options}
    render = choose_renderer(arguments.render_device)
    mixed = arguments.synthetic_share > 0
    make_training = from_dataset(training, True, arguments.synthetic_share, render)
    return make_training, from_dataset(validation, False, equivalent_only=mixed), data


def _synthetic_data(arguments: argparse.Namespace) -> tuple[MakeBatches, MakeBatches, dict]:
    """As `_data`, for rendered hands. Validation uses the recordings that choose thresholds, if there are any."""
    render = choose_renderer(arguments.render_device)
    folders, fraction = arguments.backgrounds, arguments.composed_share
    if not folders:
        if arguments.detector:
            raise ValueError("--detector needs --backgrounds, in which its mistakes are mined")
        log.info("no --backgrounds: all hands are in rendered scenes")
        return render, synthetic, {}
    from training.rendering.backgrounds import THRESHOLDS, Backgrounds  # imported late: it needs Warp

    for name in ("composed_share", "mined_share"):
        if not 0 < getattr(arguments, name) < 1:
            option = "--" + name.replace("_", "-")
            raise ValueError(f"{option} is {getattr(arguments, name)}; it must be above 0 and below 1")
    sources = sorted({image.source for image in Backgrounds(folders).images})
    log.info("backgrounds: %s", ", ".join(sources))
    try:
        Backgrounds(folders, THRESHOLDS)
        validation = composed(synthetic, folders, fraction, THRESHOLDS)
    except FileNotFoundError:
        log.info("no recording of the part %r: validation is on rendered scenes", THRESHOLDS)
        validation = synthetic
    make, data = composed(render, folders, fraction), {"backgrounds": sources, "composed_share": fraction}
    if arguments.detector:
        make = mined(make, folders, arguments.mined_share, arguments.detector)
        data |= {"detector": checksum(arguments.detector), "mined_share": arguments.mined_share}
    return make, validation, data


def make_parser() -> argparse.ArgumentParser:
    """The options of the command line."""
    parser = argparse.ArgumentParser(
        prog="./run training train", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True, help="folder for checkpoints and logs")
    parser.add_argument("--minutes", type=float, default=math.inf, help="stop after this time; --resume continues")
    parser.add_argument("--resume", action="store_true", help="continue from the checkpoint in --out")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--render-device", choices=("cpu", "cuda"), default="cpu", help="where hands are rendered")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads for the network (more only on idle cores)")
    parser.add_argument("--weights", type=Path, help="fine-tune these weights, of the same network")
    parser.add_argument("--dataset", choices=DATASETS, help="train on this dataset's training split instead")
    parser.add_argument("--root", type=Path, help="folder of its official files, or of a packed dataset")
    parser.add_argument("--held-out", choices=CUBES_M, help="MSRA: the subject to hold out")
    parser.add_argument("--synthetic-share", type=float, default=0.0, help="fraction of rendered hands in each batch")
    parser.add_argument(
        "--backgrounds", nargs="+", type=Path, metavar="DIR", help="recordings without hands, to compose hands into"
    )
    parser.add_argument("--composed-share", type=float, default=0.5, help="fraction of each batch that is composed")
    parser.add_argument("--detector", type=Path, help="detector's file: add crops at its detections to train presence")
    parser.add_argument("--mined-share", type=float, default=0.15, help="fraction of each batch that is at detections")
    return parser


def _trainer(arguments: argparse.Namespace, device: torch.device) -> "Trainer | DetectionTrainer":
    """The trainer of the network that the configuration is for.

    Raises:
        ValueError: options that exclude each other, or data that cannot be read.
    """
    if task_of(arguments.config) == "pose":
        config = load_config(arguments.config)
        return Trainer(config, arguments.out, device, *_data(arguments, config.stages))
    from .detection.trainer import DetectionTrainer, load_detection_config  # imported late: it needs Warp

    if not arguments.backgrounds:
        raise ValueError("the detector needs --backgrounds: recorded images without hands")
    if arguments.dataset or device.type != "cpu":
        raise ValueError("--dataset and --device cuda are for the pose network")
    config = load_detection_config(arguments.config)
    return DetectionTrainer(config, arguments.out, tuple(arguments.backgrounds))


def main(argv: list[str]) -> None:
    parser = make_parser()
    arguments = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    torch.set_num_threads(arguments.threads)
    if arguments.resume != (arguments.out / CHECKPOINT).exists():
        problem = "already holds a run: --resume continues it" if not arguments.resume else f"has no {CHECKPOINT}"
        parser.error(f"{arguments.out} {problem}")
    if arguments.resume and arguments.weights:
        parser.error(
            "--resume continues from the checkpoint, --weights starts from other weights: give only one of them"
        )
    try:
        device = choose_device(arguments.device)
        arguments.out.mkdir(parents=True, exist_ok=True)
        trainer = _trainer(arguments, device)
        if arguments.resume:
            trainer.resume()
        elif arguments.weights:
            trainer.start_from(arguments.weights)
        else:
            trainer.start()
    except (OSError, ValueError) as error:
        parser.error(str(error))

    done = trainer.progress.samples

    def stop(number: int, _) -> None:
        # Before the first step there is nothing to save; a second Ctrl-C does not wait for the step under way.
        if number == signal.SIGINT and (trainer.stopping or trainer.progress.samples == done):
            raise KeyboardInterrupt
        trainer.stopping = True
        log.info("stopping after this step; Ctrl-C again stops at once and keeps the last checkpoint")

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    trainer.run(arguments.minutes)
    if os.environ.get("RANK", "0") == "0":
        print(next_steps(arguments.out, task_of(arguments.config)))
    if is_distributed():
        distributed.destroy_process_group()
