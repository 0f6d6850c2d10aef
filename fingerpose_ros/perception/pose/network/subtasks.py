"""Base map, the six subtasks and the sharing between them: from backbone features to one set of maps per subtask.

The six subtasks run together: their features are adjacent channels, and every convolution is grouped.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

DENSE_CHANNELS = 4
"""Channels per estimate: the logit of the cell's weight, and an offset along u, v and d."""


def conv_norm(channels_in: int, channels_out: int, kernel: int, groups: int = 1) -> nn.Sequential:
    """A convolution that keeps the size, and batch normalisation."""
    convolution = nn.Conv2d(channels_in, channels_out, kernel, padding=kernel // 2, groups=groups, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(channels_out))


class BaseMap(nn.Module):
    """The backbone's three deepest stages, or all four, in one map at stride 8.

    Abstract: a shared base feature map from a pre-trained ResNet-50, used by all subtasks. The abstract does not give
    its stride. A stride of 32 leaves 4 x 4 cells of a 128 pixel crop, too few to separate fingers. So we merge the
    stages from the top down (feature pyramid, Lin et al., CVPR 2017). In a 96 pixel crop a cell of stride 8 is wider
    than a finger. So `fine` adds the first stage at stride 4, through a strided 2x2 convolution.
    """

    def __init__(self, stage_channels: tuple[int, int, int, int], channels: int, fine: bool):
        super().__init__()
        self.lateral = nn.ModuleList(conv_norm(c, channels, 1) for c in stage_channels[1:])
        self.fine = None
        if fine:
            norm = nn.BatchNorm2d(channels)
            nn.init.zeros_(norm.weight)
            self.fine = nn.Sequential(nn.Conv2d(stage_channels[0], channels, 2, stride=2, bias=False), norm)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, stride4: Tensor, stages: tuple[Tensor, Tensor, Tensor]) -> Tensor:
        """The first stage, at stride 4, and those at strides 8, 16, 32 -> (B, channels, S / 8, S / 8)."""
        stride8, stride16, stride32 = (lateral(x) for lateral, x in zip(self.lateral, stages, strict=True))
        if self.fine is not None:
            stride8 = stride8 + self.fine(stride4)
        stride16 = stride16 + functional.interpolate(stride32, scale_factor=2.0, mode="nearest")
        return self.relu(stride8 + functional.interpolate(stride16, scale_factor=2.0, mode="nearest"))


class Extraction(nn.Module):
    """Each subtask's own features from the base map.

    Abstract: each finger-level subtask extracts its own features. Our interpretation: a 1x1 and a 3x3 convolution each.
    """

    def __init__(self, tasks: int, base_channels: int, channels: int):
        super().__init__()
        self.reduce = conv_norm(base_channels, tasks * channels, 1)
        self.refine = conv_norm(tasks * channels, tasks * channels, 3, tasks)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, base: Tensor) -> Tensor:
        """Base map (B, base_channels, h, w) -> (B, tasks * channels, h, w)."""
        return self.relu(self.refine(self.relu(self.reduce(base))))


class Sharing(nn.Module):
    """Residual feature sharing: every subtask's features are enhanced with the residuals of all subtasks.

    Abstract: a residual feature sharing approach, scaled up to mine supplementary information from all subtasks.

    Our interpretation is a scaled CrossInfoNet (Du et al., CVPR 2019). As there, a subtask's residual is the base map
    minus the subtask's features, R_j = P(base) - F_j. It holds the information that the subtask did not use.
    CrossInfoNet gives one residual to one other task. Here one bottleneck with a 3x3 convolution (He et al., CVPR 2016)
    takes all six, and each subtask adds its output: F_i + G_i(R_1 ... R_6). The form of G is ours;
    `docs/ablation.md` gives the reasons. G is zero at initialisation.
    """

    def __init__(self, tasks: int, base_channels: int, channels: int):
        super().__init__()
        self.tasks = tasks
        self.project = conv_norm(base_channels, channels, 1)
        self.mine = nn.Sequential(
            conv_norm(tasks * channels, 2 * channels, 1),
            nn.ReLU(inplace=True),
            conv_norm(2 * channels, 2 * channels, 3),
            nn.ReLU(inplace=True),
            conv_norm(2 * channels, tasks * channels, 1),
        )
        nn.init.zeros_(self.mine[-1][1].weight)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, base: Tensor, features: Tensor) -> Tensor:
        """Base map and features (B, tasks * channels, h, w) -> enhanced features of the same shape."""
        residuals = self.project(base).repeat(1, self.tasks, 1, 1) - features
        return self.relu(features + self.mine(residuals))


class DenseHead(nn.Module):
    """Per cell and estimate, a weight and a 3D offset to the joint (AWR: Huang et al., AAAI 2020).

    Abstract: each subtask regresses its own 3D keypoints. Our interpretation: dense regression, because on public
    benchmarks its error is a quarter lower than that of fully connected layers. `DirectHead` is the other one.
    """

    def __init__(self, joints_per_task: tuple[int, ...], channels: int):
        super().__init__()
        tasks, most = len(joints_per_task), max(joints_per_task)
        self.most = most
        # Groups must be of one size, so a finger's is padded to the palm's size, and the padding is dropped.
        self.conv = nn.Conv2d(tasks * channels, tasks * most * DENSE_CHANNELS, 1, groups=tasks)
        nn.init.normal_(self.conv.weight, std=0.01)
        nn.init.zeros_(self.conv.bias)
        kept = [task * most + i for task, count in enumerate(joints_per_task) for i in range(count)]
        self.register_buffer("kept", torch.tensor(kept), persistent=False)

    def forward(self, features: Tensor) -> Tensor:
        """Features (B, tasks * channels, h, w) -> maps (B, estimates, 4, h, w)."""
        maps = self.conv(features)
        return maps.unflatten(1, (-1, DENSE_CHANNELS)).index_select(1, self.kept)


class DirectHead(nn.Module):
    """The literal interpretation: fully connected layers regress a subtask's coordinates from its pooled features."""

    GRID = 4
    HIDDEN = 256

    def __init__(self, joints_per_task: tuple[int, ...], channels: int):
        super().__init__()
        self.tasks = len(joints_per_task)
        self.hidden = nn.ModuleList(nn.Linear(channels * self.GRID**2, self.HIDDEN) for _ in joints_per_task)
        self.output = nn.ModuleList(nn.Linear(self.HIDDEN, 3 * count) for count in joints_per_task)

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Features (B, tasks * channels, h, w) -> uvd (B, estimates, 3) and hidden activations (B, tasks, 256)."""
        pooled = functional.adaptive_avg_pool2d(features, self.GRID).unflatten(1, (self.tasks, -1)).flatten(2)
        hidden = [functional.relu(layer(pooled[:, i])) for i, layer in enumerate(self.hidden)]
        with torch.autocast(features.device.type, enabled=False):  # bfloat16 would round coordinates to 0.3 mm
            uvd = [layer(h.float()) for layer, h in zip(self.output, hidden, strict=True)]
        return torch.cat(uvd, 1).unflatten(1, (-1, 3)), torch.stack(hidden, 1)
