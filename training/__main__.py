"""`./run training TOOL`: every tool of `training`, by name. Without a tool, the list of them."""

import sys
from importlib import import_module

TOOLS = {
    "preview": ("rendering.preview", "draw a sheet of rendered hands with their labels"),
    "build_bank": ("rendering.build_bank", "build the bank of hand shapes from the body model"),
    "sample_bag": ("rendering.sample_bag", "render the recording that ./run demo plays"),
    "imagenet": ("learning.imagenet", "convert a ResNet-50 trained on ImageNet into what training starts from"),
    "train": ("learning.train", "train a network on rendered hands or on a benchmark"),
    "export": ("export.model_export", "make the model file that the product loads from trained weights"),
    "model_card": ("export.model_card", "fill the tables of models/README.md from measured figures"),
    "evaluate": ("evaluation.evaluate", "measure errors, false positives and scores"),
    "ablation": ("evaluation.ablation", "measure what each block of the network brings"),
    "datasets": ("datasets.self_check", "check that the loaders read the five benchmarks' formats"),
    "pack": ("datasets.pack", "decode a benchmark once, for fast training"),
}
"""Name -> the module below `training` whose `main(argv)` it is, and what it does."""

EARLIER_NAMES = {"synth.preview": "preview", "synth.build_bank": "build_bank", "datasets.pack": "pack"}
"""Names that tools had before they had a list."""


def main(argv: list[str]) -> int:
    """Run one tool; its exit code. 2 if there is no such tool."""
    if not argv or argv[0] in ("-h", "--help"):
        print(usage())
        return 0
    name = EARLIER_NAMES.get(argv[0], argv[0])
    if name not in TOOLS:
        print(f"training: there is no tool {argv[0]!r}\n\n{usage()}", file=sys.stderr)
        return 2
    module = import_module(f"training.{TOOLS[name][0]}")
    return module.main(argv[1:]) or 0


def usage() -> str:
    """All tools, a line each."""
    width = max(map(len, TOOLS))
    lines = [f"  {name:<{width}}  {purpose}" for name, (_, purpose) in TOOLS.items()]
    return "\n".join(
        ["Usage: ./run training TOOL [OPTIONS]", "", *lines, "", "./run training TOOL --help explains one."]
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
