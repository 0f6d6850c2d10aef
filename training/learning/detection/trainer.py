"""The detector's training: composed images in, samples mined by the newest proposal network, both networks trained.

Mining never stops: the classifier learns on what the proposal network proposes, in each image with and without hands.
"""

import json
import logging
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
import yaml
from torch import Tensor
from torch.nn import functional
from torch.utils.tensorboard import SummaryWriter
from tqdm import tqdm

from fingerpose_ros.perception.backends.torch_detection import TorchDetectionNetworks
from fingerpose_ros.perception.detection.confidence import DETECTOR_ALONE
from fingerpose_ros.perception.detection.detector import HandDetector
from fingerpose_ros.perception.detection.network import detection_networks, load_detection_networks
from fingerpose_ros.perception.detection.prediction import DETAIL_HALF, PROPOSAL_HALF, PROPOSAL_SIZE
from fingerpose_ros.perception.detection.surface import WORKING_FOCAL
from fingerpose_ros.perception.pose.network.weights import save_tensors
from training.learning.checkpoint import Average, Progress, load_checkpoint, save_checkpoint
from training.learning.data import loader
from training.learning.precision import is_faster_in_bf16
from training.rendering.backgrounds import TRAINING, part_for_thresholds
from training.rendering.composed_images import FARTHEST, NEAREST, ComposedImages

from .augmentation import augmented
from .buffer import ReplayBuffer
from .crop_changes import STORED_CROPS, changed
from .inference import Proposer
from .samples import MINED, classifier_samples, proposal_samples

log = logging.getLogger("train")

WEIGHTS = "detector.safetensors"
"""File with the averaged weights of both networks."""

AVERAGING = 0.998
"""Decay of the exponential moving average of the weights, a step. Weights of single steps are noisy."""

DISTANCES = (NEAREST, FARTHEST)

NEAR = 0.08
"""A palm is proposed if a candidate is so near, metres."""


@dataclass(frozen=True)
class DetectionConfig:
    """A run of the detector's training.

    Attributes:
        images: composed images in all.
        learning_rate: at the start; it falls as a cosine.
        steps: optimiser steps of each network for an image.
        proposal_batch, classifier_batch: samples in a step.
        positive_fraction: of the samples in a step.
        buffer: samples of the classifier that are kept for replay; of the proposal network four times as many.
        validation_images: of recordings that training does not use.
        seed: of the data and of random weights.
        workers: processes that render images.
    """

    images: int
    learning_rate: float = 1e-3
    steps: int = 1
    proposal_batch: int = 512
    classifier_batch: int = 128
    positive_fraction: float = 0.35
    buffer: int = 60_000
    validation_images: int = 100
    seed: int = 0
    workers: int = 1


def load_detection_config(path: Path) -> DetectionConfig:
    """Read the YAML file of a run, without its key `task`.

    Raises:
        ValueError: an unknown or missing key; the message names the file.
    """
    content = yaml.safe_load(path.read_text())
    try:
        return DetectionConfig(**{name: value for name, value in content.items() if name != "task"})
    except TypeError as error:
        raise ValueError(f"{path}: {error}") from error


@dataclass
class ImageSamples:
    """A dataset: the samples of composed image `index`, for both networks."""

    images: ComposedImages
    weights: Path
    proposer: Proposer | None = None

    def __getitem__(self, index: int) -> dict[str, dict[str, np.ndarray]]:
        self.proposer = self.proposer or Proposer(self.weights)
        rng = np.random.default_rng((self.images.seed, index, 79))
        image = self.images[index]
        proposed = [self.proposer.propose(rng, depth, image.camera) for depth in (image.depth, image.without)]
        crops, labels = proposal_samples(rng, image, *proposed)
        stored, classified = classifier_samples(rng, image, *(each.candidates(MINED) for each in proposed))
        return {
            "proposal": {"crop": crops, **_labels(labels)},
            "classifier": {**stored, **_labels(classified)},
        }


class DetectionTrainer:
    """One run, resumable from its folder.

    Args:
        out: folder of the run.
        backgrounds: folders of recorded images without hands.
    """

    def __init__(self, config: DetectionConfig, out: Path, backgrounds: tuple[Path, ...]):
        torch.manual_seed(config.seed)
        self.config, self.out, self.progress, self.stopping = config, out, Progress(), False
        self.network, copy = detection_networks(), detection_networks()
        # Channels last and bf16 are 2.6 times as fast together, on a processor that has it.
        for network in (self.network, copy):
            network.to(memory_format=torch.channels_last)
        self.average = Average(self.network, copy)
        self.autocast = torch.autocast("cpu", torch.bfloat16, enabled=is_faster_in_bf16(torch.device("cpu")))
        self.optimiser = torch.optim.AdamW(self.network.parameters(), config.learning_rate, weight_decay=0.01)
        self.training = ComposedImages(1000 * config.seed + 1, backgrounds, TRAINING, WORKING_FOCAL)
        self.validation = ComposedImages(999, backgrounds, part_for_thresholds(backgrounds), WORKING_FOCAL)
        out.mkdir(parents=True, exist_ok=True)
        self._log = SummaryWriter(str(out / "tensorboard"))

    def start(self) -> None:
        """Start with random weights."""

    def start_from(self, weights: Path) -> None:
        """Fine-tune the weights of a run, or of a detector's file.

        Raises:
            FileNotFoundError, ValueError: the file is missing, or holds other tensors.
        """
        for network in (self.network, self.average.network):
            load_detection_networks(weights, network)
        self.progress.steps = 1

    def resume(self) -> None:
        """Continue from the checkpoint. Replay buffers start empty."""
        self.progress, _, _ = load_checkpoint(self.out, self.network, self.average, self.optimiser)

    def run(self, minutes: float) -> None:
        """Train until all images are seen, the time is up, or `stopping` is set."""
        config, end = self.config, time.monotonic() + 60 * minutes
        rng = np.random.default_rng((config.seed, self.progress.samples))
        buffers = {
            "proposal": ReplayBuffer(4 * config.buffer, {"crop": PROPOSAL_SIZE}),
            "classifier": ReplayBuffer(config.buffer, {name: crop.size for name, crop in STORED_CROPS.items()}),
        }
        dataset = ImageSamples(self.training, self.out / WEIGHTS)
        batches = loader(dataset, range(self.progress.samples, config.images), config.workers)
        saved = validated = time.monotonic()
        self.save()
        with tqdm(total=config.images, initial=self.progress.samples, unit=" images") as bar:
            for samples in batches:
                for name, buffer in buffers.items():
                    buffer.add({key: np.asarray(value) for key, value in samples[name].items()})
                self.progress.samples += 1
                bar.update()
                losses = self._steps(rng, buffers)
                if losses and self.progress.samples % 20 == 0:
                    bar.set_postfix({name: f"{value:.3f}" for name, value in losses.items()})
                    for name, value in losses.items():
                        self._log.add_scalar(f"train/{name}", value, self.progress.samples)
                now = time.monotonic()
                if now - saved > 120:
                    self.save()
                    saved = now
                if now - validated > 600:
                    self.validate()
                    validated = time.monotonic()
                if self.stopping or now > end:
                    break
        self.save()
        self.validate()

    def _steps(self, rng: np.random.Generator, buffers: dict[str, ReplayBuffer]) -> dict[str, float]:
        config, losses = self.config, {}
        # Few samples, drawn again and again, would be learnt by heart: at the start, and after `resume`.
        if buffers["classifier"].count < min(30 * config.classifier_batch, config.buffer // 4):
            return losses
        rate = config.learning_rate * (0.01 + 0.99 * 0.5 * (1 + np.cos(np.pi * self.progress.samples / config.images)))
        for group in self.optimiser.param_groups:
            group["lr"] = rate * min(1, self.progress.samples / 100)
        self.network.train()
        for _ in range(config.steps):
            drawn = buffers["proposal"].draw(rng, config.proposal_batch, config.positive_fraction)
            batch = _tensors(augmented(rng, drawn))
            with self.autocast:
                logits, offsets = self.network["proposal"](batch["crop"])
            first, first_parts = _loss(logits, offsets, PROPOSAL_HALF, batch)
            drawn = buffers["classifier"].draw(rng, config.classifier_batch, config.positive_fraction)
            batch = _tensors(changed(rng, drawn))
            with self.autocast:
                logits, offsets, directions = self.network["classifier"](batch["context"], batch["detail"])
            second, second_parts = _loss(logits, offsets, DETAIL_HALF, batch)
            positive = batch["label"] > 0
            cosine = functional.cosine_similarity(directions[positive].float(), batch["direction"][positive])
            (first + second + 0.3 * (1 - cosine).mean()).backward()
            self.optimiser.step()
            self.optimiser.zero_grad()
            # The average starts as the weights after the first step: random ones need not fade from it.
            self.average.update(self.network, AVERAGING if self.progress.steps else 0.0)
            self.progress.steps += 1
            losses = {f"proposal_{k}": v for k, v in first_parts.items()}
            losses |= {f"classifier_{k}": v for k, v in second_parts.items()}
        return losses

    def save(self) -> None:
        """Write the checkpoint, and the averaged weights of both networks."""
        metadata = {"images": str(self.progress.samples), "config": json.dumps(asdict(self.config))}
        save_tensors(self.out / WEIGHTS, self.average.network.state_dict(), metadata)
        save_checkpoint(self.out, self.config, {}, self.progress, self.network, self.average, self.optimiser)

    def validate(self) -> dict[str, float]:
        """Measure the fraction of palms proposed, and the recall at rates of false images, on other recordings."""
        self.save()
        detector = HandDetector(TorchDetectionNetworks(self.average.network), DETECTOR_ALONE)
        proposed, positives, negatives = [], [], []
        for index in range(self.config.validation_images):
            image = self.validation[index]
            palms = image.palms[image.visible >= 0.5]
            candidates = detector.propose(image.depth, image.camera, DISTANCES)
            detections = detector.detect(image.depth, image.camera, DISTANCES)
            for palm in palms:
                proposed.append(bool((np.linalg.norm(candidates - palm, axis=1) < NEAR).any()))
                near = [d.logit for d in detections if np.linalg.norm(d.palm - palm) < NEAR]
                positives.append(max(near, default=-np.inf))
            without = detector.detect(image.without, image.camera, DISTANCES)
            negatives.append(max((d.logit for d in without), default=-np.inf))
        result = {"proposed": float(np.mean(proposed))}
        for rate in (0.1, 0.03):
            threshold = np.quantile(negatives, 1 - rate)
            result[f"recall_at_{rate}"] = float(np.mean(np.array(positives) > threshold))
        for name, value in result.items():
            self._log.add_scalar(f"validation/{name}", value, self.progress.samples)
        log.info(
            "%d images: %s", self.progress.samples, ", ".join(f"{name} {value:.3f}" for name, value in result.items())
        )
        return result


def _loss(logits: Tensor, offsets: Tensor, half: float, batch: dict[str, Tensor]) -> tuple[Tensor, dict[str, float]]:
    logits, offsets = logits.float(), offsets.float()
    presence = functional.binary_cross_entropy_with_logits(logits, batch["label"])
    positive = batch["label"] > 0
    place = functional.smooth_l1_loss(offsets[positive], batch["offset"][positive] / half, beta=0.1)
    return presence + 2 * place, {"presence": presence.item(), "offset": place.item()}


def _labels(samples) -> dict[str, np.ndarray]:
    return {name: getattr(samples, name) for name in ReplayBuffer.LABELS}


def _tensors(batch: dict[str, np.ndarray]) -> dict[str, Tensor]:
    tensors = {name: torch.from_numpy(np.asarray(value, np.float32)) for name, value in batch.items()}
    return {name: value[:, None] if value.ndim == 3 else value for name, value in tensors.items()}
