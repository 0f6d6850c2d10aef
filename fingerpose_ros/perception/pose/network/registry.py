"""Network configurations by name: the full model, the literal variant, a small one, and the ablations."""

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
"""Name -> configuration. The full network's backbone fits the ImageNet weights of Keras, or those of torchvision.

The ablations add one block at a time: (a) a shared map with one head for all joints, (b) six subtasks, (c) residual
sharing, (d) the fusion layer, which is the small network itself. (a) and (b) are widened to the same number of
multiply-adds."""


def config_named(name: str) -> NetworkConfig:
    """The configuration called `name`. Raises ValueError, listing the names, if there is none."""
    if name not in CONFIGS:
        raise ValueError(f"network {name!r} is not one of {', '.join(CONFIGS)}")
    return CONFIGS[name]
