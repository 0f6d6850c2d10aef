"""Train a network, on synthetic depth or on a dataset.

    ./run training train --config training/configs/quick.yaml --out runs/quick --minutes 2
    ./run training train --config training/configs/full.yaml --out runs/full --minutes 60
    ./run training train --config training/configs/full.yaml --out runs/full --minutes 60 --resume
    torchrun --nproc-per-node 2 -m training train --config training/configs/further.yaml --out runs/further \
        --weights models/fingerposenet.safetensors
    ./run training train --config training/configs/nyu.yaml --dataset nyu --root /data/nyu --out runs/nyu

Stops after `--minutes`, or on Ctrl-C or SIGTERM, and then and every few minutes leaves in `--out`:
`checkpoint.safetensors`, from which `--resume` goes on exactly; `average.safetensors`, the averaged network, which is
the one to use; TensorBoard logs.

On a CPU a tenth of the time goes into memory that is given back to the system and asked for again; to keep it:
GLIBC_TUNABLES=glibc.malloc.hugetlb=1:glibc.malloc.mmap_max=0:glibc.malloc.trim_threshold=99999999999
"""

import argparse
import logging
import math
import os
import signal
from functools import partial
from pathlib import Path

import torch
from torch import distributed

from training.datasets import DATASETS, open_dataset
from training.datasets.msra import CUBES_M
from training.datasets.sample import hold_out

from .checkpoint import CHECKPOINT
from .config import Stage, load_config
from .data import MakeBatches, from_dataset, rendered_of, synthetic
from .trainer import Trainer, grouped


def choose_device(name: str) -> torch.device:
    """`cpu` or `cuda`; under torchrun each process gets its own GPU and joins the others.

    Raises:
        ValueError: CUDA is asked for and there is none.
    """
    if name == "cuda" and not torch.cuda.is_available():
        raise ValueError("--device cuda: PyTorch finds no CUDA device here; use --device cpu")
    device = torch.device(name, int(os.environ.get("LOCAL_RANK", 0))) if name == "cuda" else torch.device(name)
    if device.type == "cuda":
        torch.cuda.set_device(device)
    if int(os.environ.get("WORLD_SIZE", 1)) > 1:
        distributed.init_process_group("nccl" if name == "cuda" else "gloo")
    return device


def choose_renderer(name: str) -> MakeBatches:
    """What renders hands on the `cpu`, in worker processes, or on `cuda`: on the GPU that this process trains on.

    Raises:
        ValueError: CUDA is asked for and Warp finds none.
    """
    if name == "cpu":
        return synthetic
    import warp  # imported late: it takes a second, and most do without

    if not warp.is_cuda_available():
        raise ValueError("--render-device cuda: Warp finds no CUDA device here; use --render-device cpu")
    return partial(synthetic, device=f"cuda:{os.environ.get('LOCAL_RANK', 0)}")


def _data(arguments: argparse.Namespace, stages: tuple[Stage, ...]) -> tuple[MakeBatches, MakeBatches, dict]:
    """What makes the batches to train on, and those to validate on: of a dataset, frames that are not trained on; and
    what that is, by its name.

    Raises:
        ValueError: options that do not go together, or a dataset that cannot be read.
    """
    if not arguments.dataset:
        if arguments.root or arguments.held_out or arguments.synthetic_share:
            raise ValueError("--root, --held-out and --synthetic-share go with --dataset")
        return choose_renderer(arguments.render_device), synthetic, {}
    if not arguments.root or not 0 <= arguments.synthetic_share < 1:
        raise ValueError("--dataset needs --root, and --synthetic-share is from 0 to below 1")
    for stage in stages:
        rendered_of(stage.batch, arguments.synthetic_share)
    options = {"held_out": arguments.held_out} if arguments.held_out else {}
    training, validation = hold_out(open_dataset(arguments.dataset, arguments.root, "train", **options))
    data = {"dataset": arguments.dataset, "synthetic_share": arguments.synthetic_share, **options}
    render = choose_renderer(arguments.render_device)
    mixed = arguments.synthetic_share > 0
    make_training = from_dataset(training, True, arguments.synthetic_share, render)
    return make_training, from_dataset(validation, False, alike=mixed), data


def main(argv: list[str]) -> None:
    parser = argparse.ArgumentParser(
        prog="./run training train", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True, help="folder for checkpoints and logs")
    parser.add_argument("--minutes", type=float, default=math.inf, help="stop after so long; --resume goes on")
    parser.add_argument("--resume", action="store_true", help="go on from the checkpoint in --out")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--render-device", choices=("cpu", "cuda"), default="cpu", help="what draws hands")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads for the network (more only on idle cores)")
    parser.add_argument("--weights", type=Path, help="weights of a trained network of the same kind to go on from")
    parser.add_argument("--dataset", choices=DATASETS, help="train on this dataset's training split instead")
    parser.add_argument("--root", type=Path, help="its official files, or what training.datasets.pack made of them")
    parser.add_argument("--held-out", choices=CUBES_M, help="MSRA: the subject to leave out")
    parser.add_argument("--synthetic-share", type=float, default=0.0, help="share of rendered hands in each batch")
    arguments = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    torch.set_num_threads(arguments.threads)
    if arguments.resume != (arguments.out / CHECKPOINT).exists():
        found = "holds a run already: --resume goes on with it" if not arguments.resume else f"has no {CHECKPOINT}"
        parser.error(f"{arguments.out} {found}")
    if arguments.resume and arguments.weights:
        parser.error("--resume goes on from the checkpoint, --weights from other weights: give one of them")
    try:
        device = choose_device(arguments.device)
        arguments.out.mkdir(parents=True, exist_ok=True)
        config = load_config(arguments.config)
        trainer = Trainer(config, arguments.out, device, *_data(arguments, config.stages))
        if arguments.resume:
            trainer.resume()
        elif arguments.weights:
            trainer.start_from(arguments.weights)
        else:
            trainer.start()
    except (OSError, ValueError) as error:
        parser.error(str(error))

    def stop(*_) -> None:
        trainer.stopping = True

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    trainer.run(arguments.minutes)
    if grouped():
        distributed.destroy_process_group()
