"""FingerPoseNet (Tewolde, Manjotho, Sarker, Niu, Neural Networks 187, 2025, 107315), built from the paper's abstract.

Only the abstract is public. Each block's docstring gives the part of the abstract that it implements, and our
interpretation of it.
"""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from ... import skeleton
from .fusion import Averaging, Fusion
from .readout import DenseReadout, DirectReadout, Estimates
from .resnet import ResNet
from .subtasks import BaseMap, DenseHead, DirectHead, Extraction, Sharing


@dataclass(frozen=True)
class NetworkConfig:
    """The configuration of a network, stored with its weights.

    Attributes:
        backbone, width, stride_in_1x1, norm_eps: see `resnet.ResNet`.
        base_channels: channels of the shared base map.
        task_channels: channels of each subtask's features.
        six_subtasks: the six of `skeleton.SUBTASKS`, or one subtask for all 21 joints.
        sharing: residual feature sharing between the subtasks.
        fusion: the fusion layer, or the mean of each base joint's two estimates.
        dense: dense regression, or fully connected layers.
        fine: the base map also uses the backbone's first stage, see `BaseMap`.
    """

    backbone: str = "resnet50"
    width: int = 64
    stride_in_1x1: bool = True
    norm_eps: float = 1e-3
    base_channels: int = 256
    task_channels: int = 64
    six_subtasks: bool = True
    sharing: bool = True
    fusion: bool = True
    dense: bool = True
    fine: bool = False

    @property
    def tasks(self) -> tuple[tuple[int, ...], ...]:
        """The joints of each subtask."""
        return tuple(skeleton.SUBTASKS.values()) if self.six_subtasks else (tuple(range(len(skeleton.JOINTS))),)

    @property
    def joints_of_estimates(self) -> tuple[int, ...]:
        """Estimate -> its joint, subtask by subtask. The full network has 26 estimates."""
        return tuple(joint for joints in self.tasks for joint in joints)


class TrunkOutput(NamedTuple):
    """The output of the part of the network that may run in 16 bits."""

    maps: Tensor
    """Output of the heads after sharing (before it in a network without sharing): see `DenseHead`, `DirectHead`."""
    features: Tensor
    """The features that `maps` was computed from."""
    logits: Tensor
    """(B, 2): right hand; hand present."""
    maps_before: Tensor
    """As `maps`, from the features before sharing; for training."""
    features_before: Tensor


class Trunk(nn.Module):
    """Image -> maps.

    Abstract: a pre-trained ResNet-50 gives the base map, six subtasks (five fingers and the palm) learn their own
    features from it. Our addition: handedness and presence are classified from the deepest stage, whose receptive field
    covers the whole hand.
    """

    def __init__(self, config: NetworkConfig):
        super().__init__()
        self.backbone = ResNet(config.backbone, config.width, config.stride_in_1x1, config.norm_eps)
        self.base_map = BaseMap(self.backbone.stage_channels, config.base_channels, config.fine)
        tasks = len(config.tasks)
        counts = tuple(len(joints) for joints in config.tasks)
        make_head = DenseHead if config.dense else DirectHead
        self.dense = config.dense
        self.extraction = Extraction(tasks, config.base_channels, config.task_channels)
        self.head_before = make_head(counts, config.task_channels)
        self.sharing, self.head = None, None
        if config.sharing:
            self.sharing = Sharing(tasks, config.base_channels, config.task_channels)
            self.head = make_head(counts, config.task_channels)
        self.classify = nn.Linear(self.backbone.stage_channels[-1], 2)

    def forward(self, image: Tensor) -> TrunkOutput:
        """Image (B, 1, S, S) in [-1, 1], S a multiple of 32."""
        return self.deep(self.backbone.shallow(image))

    def deep(self, stride4: Tensor) -> TrunkOutput:
        """Output of `ResNet.shallow` -> what `forward` gives."""
        stages = self.backbone.deep(stride4)
        logits = self.classify(stages[-1].mean((2, 3)))
        base = self.base_map(stride4, stages)
        features = self.extraction(base)
        maps_before, features_before = self._regress(self.head_before, features)
        if self.sharing is None:
            return TrunkOutput(maps_before, features_before, logits, maps_before, features_before)
        maps, features = self._regress(self.head, self.sharing(base, features))
        return TrunkOutput(maps, features, logits, maps_before, features_before)

    def _regress(self, head: nn.Module, features: Tensor) -> tuple[Tensor, Tensor]:
        return (head(features), features) if self.dense else head(features)


class Readout(nn.Module):
    """Maps -> joints, in float32: keep it out of autocast and of 16-bit engines."""

    def __init__(self, config: NetworkConfig):
        super().__init__()
        tasks_of_estimates = tuple(task for task, joints in enumerate(config.tasks) for _ in joints)
        if config.dense:
            self.integrate = DenseReadout(tasks_of_estimates, config.task_channels)
        else:
            self.integrate = DirectReadout(tasks_of_estimates, DirectHead.HIDDEN)
        consolidate = Fusion if config.fusion else Averaging
        self.consolidate = consolidate(config.joints_of_estimates, self.integrate.evidence_channels)

    def forward(self, image: Tensor, maps: Tensor, features: Tensor) -> tuple[Tensor, Tensor]:
        """The trunk's input, `maps` and `features` -> uvd (B, 21, 3) and its standard deviation (B, 21, 3)."""
        return self.consolidate(self.integrate(image, maps, features))


class NetworkOutput(NamedTuple):
    """The network's prediction for a batch of crops; coordinates as in `crop.Crop`."""

    uvd: Tensor
    """(B, 21, 3)."""
    sigma: Tensor
    """(B, 21, 3) standard deviation of each coordinate."""
    logits: Tensor
    """(B, 2): right hand; hand present."""


class TrainingOutput(NamedTuple):
    """The output and the intermediate results that the losses use."""

    output: NetworkOutput
    trunk: TrunkOutput
    before: Estimates
    after: Estimates


class FingerPoseNet(nn.Module):
    """The whole network: a trunk that may run in 16 bits and a readout that must not."""

    def __init__(self, config: NetworkConfig):
        super().__init__()
        self.config = config
        self.trunk = Trunk(config)
        self.readout = Readout(config)

    def forward(self, image: Tensor) -> NetworkOutput:
        """Image (B, 1, S, S) float32 as `crop.Crop.image` makes it, S a multiple of 32."""
        trunk = self.trunk(image)
        with torch.autocast(image.device.type, enabled=False):
            uvd, sigma = self.readout(image, trunk.maps, trunk.features)
        return NetworkOutput(uvd, sigma, trunk.logits.float())

    def forward_training(self, image: Tensor) -> TrainingOutput:
        """As `forward`, with the subtasks' estimates before and after sharing."""
        trunk = self.trunk(image)
        with torch.autocast(image.device.type, enabled=False):
            after = self.readout.integrate(image, trunk.maps, trunk.features)
            before = self.readout.integrate(image, trunk.maps_before, trunk.features_before)
            uvd, sigma = self.readout.consolidate(after)
        return TrainingOutput(NetworkOutput(uvd, sigma, trunk.logits.float()), trunk, before, after)
