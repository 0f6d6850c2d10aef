"""The training loop: steps, the averaged network, validation, checkpoints, logs."""

import dataclasses
import json
import logging
import math
import sys
import time
from pathlib import Path

import torch
from torch import distributed
from torch.nn.parallel import DistributedDataParallel
from torch.utils.tensorboard import SummaryWriter
from tqdm import tqdm
from tqdm.contrib.logging import logging_redirect_tqdm

from fingerpose_ros.perception.pose.network import FingerPoseNet, load_network, save_network
from fingerpose_ros.perception.pose.network.registry import config_named
from fingerpose_ros.perception.pose.network.weights import load_tensors

from .checkpoint import Average, Progress, load_checkpoint, save_checkpoint
from .config import FREEZABLE, Stage, TrainingConfig
from .data import MakeBatches, loader, synthetic, to_device
from .imagenet import load_backbone
from .losses import Objective
from .matmul import use_matmul
from .optimiser import learning_rate, make_optimiser
from .precision import is_faster_in_bf16
from .running_means import RunningMeans
from .validation import validate

log = logging.getLogger("train")

AVERAGE = "average.safetensors"
AVERAGE_EVERY = 4
"""Steps between updates of the moving average: each costs as much memory traffic as an optimiser step."""
LOG_EVERY = 20
"""Steps over which a logged scalar is averaged."""
VALIDATION_SEED = 999
"""Every run is validated on the same images. The seed of a stage's training data is 1000 times the run's seed plus the
stage's number. So stages share no images with each other or with validation."""


class Trainer:
    """One run in this process. Under `torchrun` each process has a trainer, and all take every step together."""

    def __init__(
        self, config: TrainingConfig, out: Path, device: torch.device, make_batches: MakeBatches = synthetic,
        make_validation: MakeBatches | None = None, data: dict | None = None,
    ):  # fmt: skip
        """`data` describes the training data for the checkpoint: a run resumes only with the same data.

        Raises:
            ValueError: the batches of a stage cannot be split evenly among the processes.
        """
        self.config, self.out, self.device, self.make_batches = config, out, device, make_batches
        self.make_validation, self.data = make_validation or make_batches, data or {}
        self.rank, self.world = (distributed.get_rank(), distributed.get_world_size()) if is_distributed() else (0, 1)
        for number, stage in enumerate(config.stages):
            if stage.batches_per_step % self.world:
                raise ValueError(
                    f"stage {number} has batches_per_step {stage.batches_per_step}, which {self.world} processes "
                    f"cannot split evenly: make it a multiple of {self.world}, and the batch smaller by that factor"
                )
        torch.manual_seed(config.seed)
        network_config = config_named(config.network)
        self.network = FingerPoseNet(network_config)
        self.network.to(device, memory_format=torch.channels_last)
        if device.type == "cpu":
            use_matmul(self.network)
        copy = FingerPoseNet(network_config).to(device, memory_format=torch.channels_last)
        self.average = Average(self.network, copy)
        self.optimiser = make_optimiser(self.network, config)
        self.objective = Objective(self.network).to(device)
        in_bf16 = config.precision == "bf16" or (config.precision == "auto" and is_faster_in_bf16(device))
        log.info("precision %s on %s: %s", config.precision, device, "bf16" if in_bf16 else "float32")
        self.autocast = torch.autocast(device.type, torch.bfloat16, enabled=in_bf16)
        self.progress = Progress()
        self.stopping = False

    def start(self) -> None:
        """Initialise the backbone with the pre-trained weights that the configuration names, if any.

        Raises:
            FileNotFoundError, ValueError: see `imagenet.load_backbone`.
        """
        if self.config.pretrained is not None:
            network = self.network.config
            expected = {"stride_in_1x1": network.stride_in_1x1, "norm_eps": network.norm_eps}
            load_backbone(Path(self.config.pretrained), self.network.trunk.backbone, expected)
            self.average.network.load_state_dict(self.network.state_dict())

    def resume(self) -> None:
        """Resume from the checkpoint in the output folder. A changed configuration applies from here on and is logged.

        Raises:
            FileNotFoundError, ValueError: see `checkpoint.load_checkpoint`; or the run used other data.
        """
        self.progress, before, data = load_checkpoint(self.out, self.network, self.average, self.optimiser)
        if data != self.data:
            raise ValueError(
                f"the run in {self.out} trains on {data or 'rendered hands'}, not on {self.data or 'rendered hands'}"
            )
        now = json.loads(json.dumps(dataclasses.asdict(self.config)))
        for name in (name for name in now if now[name] != before.get(name)):
            log.warning("%s was %s in the checkpoint, is %s now", name, before.get(name), now[name])
        if now != before:
            self.progress.history.append(before)
        log.info("resuming after %d images", self.progress.samples)

    def start_from(self, path: Path) -> None:
        """Fine-tune the weights of another run, with everything else initialised anew.

        Raises:
            ValueError: the weights belong to another network than the configuration names.
        """
        network = load_network(path)
        if network.config != self.network.config:
            raise ValueError(f"{path} holds another network than {self.config.network!r}")
        for target in (self.network, self.average.network):
            target.load_state_dict(network.state_dict())
        metadata = load_tensors(path)[1]
        self.progress.before = int(metadata.get("samples", 0))
        self.progress.history = json.loads(metadata.get("history", "[]")) + [json.loads(metadata.get("training", "{}"))]

    @property
    def _images_seen(self) -> int:
        """Images that these weights have seen, including those of earlier runs."""
        return self.progress.before + self.progress.samples

    def run(self, minutes: float = math.inf) -> None:
        """Train to the end of the last stage, or for `minutes`, or until `stopping` is set; then save a checkpoint."""
        self.saved = time.monotonic()
        self.deadline = self.saved + 60 * minutes
        first = self.rank == 0
        self.writer = SummaryWriter(self.out / "tensorboard", purge_step=self._images_seen + 1) if first else None
        interactive = sys.stderr.isatty()
        self.bar = tqdm(
            total=self.config.total_samples, initial=self.progress.samples, unit=" images", smoothing=0.02,
            mininterval=0.5 if interactive else 30, disable=not first, dynamic_ncols=interactive,
        )  # fmt: skip
        start = 0
        try:
            with logging_redirect_tqdm(), self.bar:
                for number, stage in enumerate(self.config.stages):
                    done = (self.progress.samples - start) // stage.step_samples
                    start += stage.steps * stage.step_samples
                    if done < stage.steps and not self._must_stop():
                        self._run_stage(number, stage, max(done, 0))
                self._save()
        finally:
            if self.writer:
                self.writer.close()
        log.info("stopped after %d of %d images", self.progress.samples, self.config.total_samples)

    def _run_stage(self, number: int, stage: Stage, done: int) -> None:
        per_step = stage.batches_per_step
        log.info("stage %d from step %d of %d: %s", number, done, stage.steps, stage)
        for_this_process = range(done * per_step + self.rank, stage.steps * per_step, self.world)
        images = {"size": stage.size, "difficulty": stage.difficulty}
        batches = self.make_batches(batch=stage.batch, seed=1000 * self.config.seed + number, **images)
        data = iter(loader(batches, for_this_process, self.config.workers))
        self.validation = self._validation_batches(images) if self.rank == 0 else []
        self.validated = time.monotonic()
        objective = self._prepare(stage)
        means = RunningMeans()
        for step in range(done, stage.steps):
            self._step(stage, objective, data, means)
            if (step + 1) % LOG_EVERY == 0 or step + 1 == stage.steps:
                self._log(means)
            stop = self._must_stop()
            self._periodic(last=stop or step + 1 == stage.steps)
            if stop:
                break

    def _validation_batches(self, images: dict) -> list:
        count = -(-self.config.validation_samples // 64)
        batch = -(-self.config.validation_samples // count)  # in total fewer than `count` images more than configured
        images = {**images, "difficulty": self.config.validation_difficulty}
        batches = self.make_validation(batch=batch, seed=VALIDATION_SEED, **images)
        data = loader(batches, range(count), workers=0)
        return [to_device(batch, self.device) for batch in data]

    def _prepare(self, stage: Stage) -> torch.nn.Module:
        """Freeze the parts in `stage.frozen`, then wrap the module if there are several processes."""
        self.network.train().requires_grad_(True)
        for part in stage.frozen:
            for name in FREEZABLE[part]:
                self.network.trunk.backbone.get_submodule(name).eval().requires_grad_(False)
        return DistributedDataParallel(self.objective) if self.world > 1 else self.objective

    def _step(self, stage: Stage, objective: torch.nn.Module, data, means: RunningMeans) -> None:
        rate = learning_rate(self.progress.samples, self.config) * stage.learning_rate
        for group in self.optimiser.param_groups:
            group["lr"] = rate * group["lr_factor"]
        count = stage.batches_per_step // self.world
        for i in range(count):
            start = time.perf_counter()
            batch = next(data)
            means.waited += time.perf_counter() - start
            if self.world > 1:
                objective.require_backward_grad_sync = i + 1 == count
            with self.autocast:
                loss, scalars = objective(to_device(batch, self.device))
            (loss / count).backward()
            means.add(scalars)
        norm = torch.nn.utils.clip_grad_norm_(self.network.parameters(), self.config.gradient_norm)
        self.optimiser.step()
        self.optimiser.zero_grad()
        means.add({"train/gradient_norm": norm, "train/learning_rate": torch.tensor(rate)})
        self.progress.samples += stage.step_samples
        self.progress.steps += 1
        if self.progress.steps % AVERAGE_EVERY == 0:
            decay = 0.5 ** (AVERAGE_EVERY * stage.step_samples / self.config.ema_half_life)
            if not self.progress.before:  # random initial weights should fade quickly from the average
                updates = self.progress.steps / AVERAGE_EVERY
                decay = min(decay, updates / (9 + updates))
            self.average.update(self.network, decay)
        means.samples += stage.step_samples
        self.bar.update(stage.step_samples)

    def _log(self, means: RunningMeans) -> None:
        scalars = means.read(self.device, self.world)
        if not all(map(math.isfinite, scalars.values())):
            raise RuntimeError(f"training diverged before image {self.progress.samples}: {scalars}")
        shown = {"mm": f"{scalars['error_mm/joints']:.1f}", "wait": f"{scalars['train/wait_share']:.0%}"}
        if self.deadline < math.inf:
            shown["stops in"] = f"{max(self.deadline - time.monotonic(), 0) / 60:.0f} min"
        self.bar.set_postfix(shown, refresh=False)
        if self.writer:
            for name, value in scalars.items():
                self.writer.add_scalar(name, value, self._images_seen)

    def _periodic(self, last: bool) -> None:
        """Validate and save when due. Only the first process does; the others wait at their next step."""
        if self.rank:
            return
        if last or time.monotonic() - self.validated > 60 * self.config.validate_minutes:
            result = validate(self.average.network, self.validation, self.autocast)
            for name, value in result.items():
                self.writer.add_scalar(f"validation/{name}", value, self._images_seen)
            log.info("%d images: %s", self.progress.samples, ", ".join(f"{k} {v:.3f}" for k, v in result.items()))
            self.validated = time.monotonic()
        if time.monotonic() - self.saved > 60 * self.config.checkpoint_minutes:
            self._save()

    def _save(self) -> None:
        if self.rank:
            return
        if not all(parameter.isfinite().all() for parameter in self.network.parameters()):
            raise RuntimeError(f"training diverged before image {self.progress.samples}; the last checkpoint is kept")
        save_checkpoint(self.out, self.config, self.data, self.progress, self.network, self.average, self.optimiser)
        training = dataclasses.asdict(self.config) | self.data
        metadata = {"samples": str(self._images_seen), "training": json.dumps(training)}
        metadata["history"] = json.dumps(self.progress.history)
        save_network(self.out / AVERAGE, self.average.network, metadata)
        self.saved = time.monotonic()

    def _must_stop(self) -> bool:
        """Whether the time is up or a stop was requested, the same in all processes."""
        stop = self.stopping or time.monotonic() > self.deadline
        if self.world == 1:
            return stop
        flag = torch.tensor(float(stop), device=self.device)
        distributed.all_reduce(flag, distributed.ReduceOp.MAX)
        return bool(flag)


def is_distributed() -> bool:
    """Whether several processes train together."""
    return distributed.is_available() and distributed.is_initialized()
