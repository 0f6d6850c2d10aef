"""Every network by name: the full model, the literal variant, a small one, and the ablations."""

from dataclasses import replace

from .fingerposenet import NetworkConfig

FULL = NetworkConfig(fine=True)
SMALL = NetworkConfig(backbone="resnet18", width=32, base_channels=96, task_channels=32)

CONFIGS = {
    "full": FULL,
    "full_torchvision": replace(FULL, stride_in_1x1=False, norm_eps=1e-5),
    "literal": replace(FULL, dense=False),
    "small": SMALL,
    "small_literal": replace(SMALL, dense=False),
    "ablation_a": replace(SMALL, task_channels=120, six_subtasks=False, sharing=False, fusion=False),
    "ablation_b": replace(SMALL, task_channels=48, sharing=False, fusion=False),
    "ablation_c": replace(SMALL, fusion=False),
    "ablation_d": SMALL,
}
"""Name -> configuration. The full network's backbone is made for ImageNet weights of Keras's, or of torchvision's. The
ablations add one block at a time: (a) a shared map with one head for all joints, (b) six
subtasks without sharing, (c) with residual sharing, (d) with the fusion layer: the small network itself. The first two
are widened until they cost as many multiply-adds."""


def config_named(name: str) -> NetworkConfig:
    """The configuration called `name`. Raises ValueError naming those there are."""
    if name not in CONFIGS:
        raise ValueError(f"network {name!r} is not one of {', '.join(CONFIGS)}")
    return CONFIGS[name]
