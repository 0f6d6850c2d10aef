"""Conversion of ImageNet weights."""

import json
import os
import tarfile
from pathlib import Path

import numpy as np
import pytest
import torch

from fingerpose_ros.perception.pose.network.registry import config_named
from fingerpose_ros.perception.pose.network.resnet import ResNet
from fingerpose_ros.perception.pose.network.weights import save_tensors
from training.learning import imagenet


def test_torchvision_checkpoint_converts_and_loads(tmp_path):
    source = ResNet("resnet50", 64, **imagenet.TORCHVISION).state_dict()
    source["conv1.weight"] = torch.randn(64, 3, 7, 7)
    source |= {"fc.weight": torch.zeros(1000, 2048), "fc.bias": torch.zeros(1000)}
    torch.save(source, tmp_path / "resnet50.pth")
    state, metadata, _ = imagenet.convert(tmp_path / "resnet50.pth")
    out = tmp_path / "out.safetensors"
    save_tensors(out, {k: v for k, v in state.items() if not k.startswith("fc.")}, metadata)
    backbone = ResNet("resnet50", 64, **imagenet.TORCHVISION)
    imagenet.load_backbone(out, backbone, imagenet.TORCHVISION)
    assert torch.equal(backbone.layer3[2].conv2.weight, source["layer3.2.conv2.weight"])
    gain = imagenet.DEPTH_GAIN["torchvision"]
    torch.testing.assert_close(backbone.conv1.weight, gain * source["conv1.weight"].sum(1, keepdim=True))
    network = config_named("full_torchvision")
    assert {"stride_in_1x1": network.stride_in_1x1, "norm_eps": network.norm_eps} == imagenet.TORCHVISION
    with pytest.raises(ValueError, match="stride_in_1x1 .* `network: full_torchvision`"):
        imagenet.load_backbone(out, ResNet("resnet50", 64, **imagenet.KERAS), imagenet.KERAS)
    with pytest.raises(FileNotFoundError, match=r"no .*/none\.safetensors: .*training imagenet"):
        imagenet.load_backbone(tmp_path / "none.safetensors", backbone, imagenet.TORCHVISION)


@pytest.mark.parametrize(("origin", "kind"), [("keras", imagenet.KERAS), ("torchvision", imagenet.TORCHVISION)])
def test_initial_stem_has_the_same_output_for_depth_as_the_colour_stem_for_grey(tmp_path, origin, kind):
    torch.manual_seed(0)
    pretrained = ResNet("resnet50", 64, **kind).eval()
    colour = torch.nn.Conv2d(3, 64, 7, 2, 3, bias=False)
    torch.nn.init.normal_(colour.weight, std=0.1)
    pretrained.bn1.running_var.uniform_(4, 20)
    pretrained.bn1.running_mean.normal_()
    state = {**pretrained.state_dict(), "conv1.weight": colour.weight.data}
    save_tensors(tmp_path / "w.safetensors", state, {"origin": origin, **{k: json.dumps(v) for k, v in kind.items()}})
    backbone = ResNet("resnet50", 64, **kind).eval()
    imagenet.load_backbone(tmp_path / "w.safetensors", backbone, kind)
    depth = torch.rand(1, 1, 32, 32) * 2 - 1
    with torch.no_grad():
        grey = (depth * imagenet.DEPTH_GAIN[origin]).expand(1, 3, 32, 32)
        torch.testing.assert_close(
            backbone.bn1(backbone.conv1(depth)), pretrained.bn1(colour(grey)), atol=1e-4, rtol=1e-4
        )
    assert backbone.conv1.weight.std() < 3


def test_files_of_another_format_are_rejected_with_their_name(tmp_path):
    other = tmp_path / "other.tgz"
    with tarfile.open(other, "w:gz") as tar:
        tar.add(__file__, "package/index.js")
    (tmp_path / "torn.tgz").write_bytes(other.read_bytes()[:40])
    (tmp_path / "text.pth").write_text("not a checkpoint")
    (tmp_path / "picture.png").write_bytes(b"")
    for name, message in {
        "other.tgz": "is not the npm archive", "torn.tgz": "is not the npm archive",
        "text.pth": "is not a PyTorch checkpoint", "picture.png": "is neither",
    }.items():  # fmt: skip
        with pytest.raises(ValueError, match=rf"{name} {message}"):
            imagenet.convert(tmp_path / name)
    with pytest.raises(FileNotFoundError):
        imagenet.convert(tmp_path / "none.tgz")


@pytest.mark.skipif("FINGERPOSE_IMAGENET" not in os.environ, reason="FINGERPOSE_IMAGENET names no npm archive")
def test_converted_imagenet_weights_classify_a_uniform():
    """The portrait in matplotlib's sample data shows an admiral in uniform."""
    import cv2
    from matplotlib import cbook

    with cbook.get_sample_data("grace_hopper.jpg") as file:
        picture = cv2.imdecode(np.frombuffer(file.read(), np.uint8), cv2.IMREAD_COLOR)
    state, metadata, labels = imagenet.convert(Path(os.environ["FINGERPOSE_IMAGENET"]))
    classes, probabilities = imagenet.classify(state, metadata["origin"], picture)
    assert labels[classes[0]] == "military_uniform" and probabilities[0] > 0.9
