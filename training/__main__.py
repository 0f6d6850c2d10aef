"""`./run training TOOL` runs one of the training tools. Without a tool it prints their list."""

import sys
from importlib import import_module

from fingerpose_ros.program import importing, interrupted, print_any_name

TOOLS = {
    "preview": ("rendering.preview", "render a contact sheet of hands with their labels"),
    "grips": ("rendering.grip_sheet", "draw every kind of object in every grip"),
    "build_bank": ("rendering.build_bank", "build the bank of hand shapes from the body model"),
    "build_body_bank": ("rendering.build_body_bank", "build the bank of bodies from the body model"),
    "retarget_poses": ("rendering.retarget_poses", "fit the rendered hand to tracked real hand poses"),
    "sample_bag": ("rendering.sample_bag", "render the recordings that ./run demo and ./run teleop play"),
    "imagenet": ("learning.imagenet", "convert a ResNet-50 trained on ImageNet into initial weights"),
    "train": ("learning.train", "train a network on rendered hands or on a benchmark"),
    "export": ("export.model_export", "make the model file that the node loads, from trained weights"),
    "export_detector": ("export.detector_export", "make the detector's file that the node loads, from trained weights"),
    "export_onnx": ("export.onnx_export", "write the networks as ONNX files, for TensorRT and other engines"),
    "model_card": ("export.model_card", "fill the tables of models/README.md from measured results"),
    "evaluate": ("evaluation.evaluate", "measure errors, false positives and benchmark scores"),
    "ablation": ("evaluation.ablation", "train and compare the network with and without each block"),
    "datasets": ("datasets.self_check", "check that the loaders read the five benchmarks' formats"),
    "pack": ("datasets.pack", "decode a benchmark once, for fast training"),
}
"""Name -> module of `training` with the tool's `main(argv)`, and what the tool does."""

EARLIER_NAMES = {"synth.preview": "preview", "synth.build_bank": "build_bank", "datasets.pack": "pack"}
"""Earlier names of tools, still accepted."""


def main(argv: list[str]) -> int:
    """Run one tool and return its exit code: 2 if there is no such tool."""
    if not argv or argv[0] in ("-h", "--help"):
        print(usage())
        return 0
    if not is_tool(argv[0]):
        return 2
    name = EARLIER_NAMES.get(argv[0], argv[0])
    print_any_name()
    program = f"./run training {name}"
    try:
        with importing(program):
            tool = import_module(f"training.{TOOLS[name][0]}")
        return tool.main(argv[1:]) or 0
    except OSError as error:  # a full disk, for instance
        print(f"{program}: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return interrupted(program)


def is_tool(name: str) -> bool:
    """Whether there is a tool of this name. If not, prints an error message with the list of tools."""
    if EARLIER_NAMES.get(name, name) in TOOLS:
        return True
    print(f"training: there is no tool {name!r}\n\n{usage()}", file=sys.stderr)
    return False


def usage() -> str:
    """The list of tools, one per line."""
    width = max(map(len, TOOLS))
    lines = [f"  {name:<{width}}  {purpose}" for name, (_, purpose) in TOOLS.items()]
    return "\n".join(
        ["Usage: ./run training TOOL [OPTIONS]", "", *lines, "", "./run training TOOL --help describes its options."]
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
