"""The ResNet backbone (He et al., CVPR 2016) for one-channel depth; parameter names as in torchvision's checkpoints."""

import torch
from torch import Tensor, nn


class BottleneckBlock(nn.Module):
    """1x1, 3x3, 1x1 convolution with a skip. `stride_in_1x1` puts the stride where the 2015 paper and Keras have it."""

    expansion = 4

    def __init__(self, channels_in: int, channels: int, stride: int, stride_in_1x1: bool, norm_eps: float):
        super().__init__()
        first, second = (stride, 1) if stride_in_1x1 else (1, stride)
        self.conv1 = nn.Conv2d(channels_in, channels, 1, first, bias=False)
        self.bn1 = nn.BatchNorm2d(channels, eps=norm_eps)
        self.conv2 = nn.Conv2d(channels, channels, 3, second, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels, eps=norm_eps)
        self.conv3 = nn.Conv2d(channels, channels * self.expansion, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(channels * self.expansion, eps=norm_eps)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = _downsample(channels_in, channels * self.expansion, stride, norm_eps)

    def forward(self, x: Tensor) -> Tensor:
        y = self.relu(self.bn1(self.conv1(x)))
        y = self.relu(self.bn2(self.conv2(y)))
        y = self.bn3(self.conv3(y))
        return self.relu(y + (x if self.downsample is None else self.downsample(x)))


class BasicBlock(nn.Module):
    """Two 3x3 convolutions with a skip; `stride_in_1x1` is ignored."""

    expansion = 1

    def __init__(self, channels_in: int, channels: int, stride: int, stride_in_1x1: bool, norm_eps: float):
        super().__init__()
        self.conv1 = nn.Conv2d(channels_in, channels, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels, eps=norm_eps)
        self.conv2 = nn.Conv2d(channels, channels, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels, eps=norm_eps)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = _downsample(channels_in, channels, stride, norm_eps)

    def forward(self, x: Tensor) -> Tensor:
        y = self.relu(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y))
        return self.relu(y + (x if self.downsample is None else self.downsample(x)))


def _downsample(channels_in: int, channels_out: int, stride: int, norm_eps: float) -> nn.Module | None:
    if stride == 1 and channels_in == channels_out:
        return None
    return nn.Sequential(
        nn.Conv2d(channels_in, channels_out, 1, stride, bias=False), nn.BatchNorm2d(channels_out, eps=norm_eps)
    )


LAYOUTS = {"resnet18": (BasicBlock, (2, 2, 2, 2)), "resnet50": (BottleneckBlock, (3, 4, 6, 3))}
"""Name -> the block, and the number of blocks of each stage."""

STEM = ("conv1", "bn1")


class ResNet(nn.Module):
    """The convolutional part of a ResNet, without its classifier.

    Args:
        layout: a key of `LAYOUTS`.
        width: channels of the stem; 64 in the published networks.
        stride_in_1x1: which convolution of a bottleneck has the stride: True as in Keras, False as in torchvision.
            Weights trained with one setting are wrong for the other.
        norm_eps: epsilon of batch normalisation: 1e-3 in Keras, 1e-5 in torchvision.
    """

    def __init__(self, layout: str, width: int, stride_in_1x1: bool, norm_eps: float):
        super().__init__()
        if layout not in LAYOUTS:
            raise ValueError(f"backbone {layout!r} is not one of {', '.join(LAYOUTS)}")
        block, counts = LAYOUTS[layout]
        self.conv1 = nn.Conv2d(1, width, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(width, eps=norm_eps)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        channels_in, stage_channels = width, []
        for stage, count in enumerate(counts):
            channels, blocks = width * 2**stage, []
            for i in range(count):
                stride = 2 if i == 0 and stage > 0 else 1
                blocks.append(block(channels_in, channels, stride, stride_in_1x1, norm_eps))
                channels_in = channels * block.expansion
            setattr(self, f"layer{stage + 1}", nn.Sequential(*blocks))
            stage_channels.append(channels_in)
        self.stage_channels = tuple(stage_channels)
        """Channels of the outputs of `layer1` to `layer4`."""
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Image (B, 1, S, S) -> outputs of `layer2`, `layer3` and `layer4` at strides 8, 16 and 32."""
        return self.deep(self.shallow(image))

    def shallow(self, image: Tensor) -> Tensor:
        """Image (B, 1, S, S) -> output of `layer1` at stride 4. Keep it in float32: bfloat16 costs most accuracy."""
        return self.layer1(self.maxpool(self.relu(self.bn1(self.conv1(image)))))

    def deep(self, stride4: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Output of `shallow` -> what `forward` gives."""
        stride8 = self.layer2(stride4)
        stride16 = self.layer3(stride8)
        return stride8, stride16, self.layer4(stride16)

    def load_pretrained(self, state: dict[str, Tensor]) -> None:
        """Load a state dict with torchvision's names; a colour stem is summed to one channel, `fc` is ignored.

        Raises:
            ValueError: names or shapes that are not this network's.
        """
        state = {k: v for k, v in state.items() if not k.startswith("fc.")}
        if "conv1.weight" in state and state["conv1.weight"].shape[1] == 3:
            state["conv1.weight"] = state["conv1.weight"].sum(1, keepdim=True)
        own = self.state_dict()
        counters = {k for k in own if k.endswith("num_batches_tracked")}
        wrong = (own.keys() - counters) ^ (state.keys() - counters)
        wrong |= {k for k in own.keys() & state.keys() if own[k].shape != state[k].shape}
        if wrong:
            examples = ", ".join(sorted(wrong)[:3])
            raise ValueError(f"not the weights of this backbone: {len(wrong)} names or shapes differ, e.g. {examples}")
        with torch.no_grad():
            for name, tensor in own.items():
                if name in state:
                    tensor.copy_(state[name])
