"""Whether a device trains faster in bf16."""

import torch

from fingerpose_ros.perception.backends.processor import is_slow_in_bf16


def is_faster_in_bf16(device: torch.device) -> bool:
    """Whether a device is faster in bf16 than in float32: only with instructions for it."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    capabilities = torch.cpu.get_capabilities()
    instructions = ("avx512_bf16", "amx_bf16", "bf16")  # the last is ARM's
    return not is_slow_in_bf16() and any(capabilities.get(name) for name in instructions)
