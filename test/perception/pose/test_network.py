"""The network: shapes, weights, subtasks and sharing, readout, fusion."""

import json

import numpy as np
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from fingerpose_ros.perception import skeleton
from fingerpose_ros.perception.pose.network import FingerPoseNet, load_network, save_network
from fingerpose_ros.perception.pose.network.fusion import Fusion
from fingerpose_ros.perception.pose.network.readout import FRONT, DenseReadout, Estimates, cell_depth, cell_positions
from fingerpose_ros.perception.pose.network.registry import CONFIGS, config_named
from fingerpose_ros.perception.pose.network.resnet import ResNet
from fingerpose_ros.perception.pose.network.subtasks import BaseMap, DenseHead, DirectHead, Sharing
from fingerpose_ros.perception.pose.network.weights import load_tensors, save_tensors
from training.evaluation.ablation import multiply_adds

SMALL = [name for name in CONFIGS if not name.startswith(("full", "literal"))]


@pytest.fixture(scope="module")
def small() -> FingerPoseNet:
    torch.manual_seed(0)
    return FingerPoseNet(config_named("small")).eval()


@pytest.mark.parametrize("size", [64, 96, 128])
@pytest.mark.parametrize("name", SMALL)
def test_every_network_predicts_21_joints_at_any_size(name, size):
    with torch.no_grad():
        out = FingerPoseNet(config_named(name)).eval()(torch.rand(2, 1, size, size))
    assert out.uvd.shape == out.sigma.shape == (2, 21, 3)
    assert out.logits.shape == (2, 2)
    assert out.uvd.isfinite().all() and (out.sigma > 0).all()


def test_the_literal_network_regresses_joints_with_fully_connected_layers():
    network = FingerPoseNet(config_named("literal")).eval()
    with torch.no_grad():
        out = network(torch.rand(1, 1, 64, 64))
    assert out.uvd.shape == out.sigma.shape == (1, 21, 3) and out.uvd.isfinite().all()
    assert isinstance(network.trunk.head, DirectHead) and len(network.trunk.head.output) == len(skeleton.SUBTASKS)


def test_an_unknown_network_is_rejected_by_name():
    with pytest.raises(ValueError, match=r"'fulll' is not one of full, "):
        config_named("fulll")


def test_full_network_has_torchvisions_resnet50_names_and_shapes():
    backbone = FingerPoseNet(config_named("full")).trunk.backbone
    state = backbone.state_dict()
    assert state["conv1.weight"].shape == (64, 1, 7, 7)
    assert state["layer1.0.downsample.0.weight"].shape == (256, 64, 1, 1)
    assert state["layer3.5.bn2.running_var"].shape == (256,)
    assert state["layer4.2.conv3.weight"].shape == (2048, 512, 1, 1)
    # 25,557,032 parameters in torchvision's documentation, less its classifier and two of three stem channels.
    assert sum(p.numel() for p in backbone.parameters()) == 25_557_032 - 2_049_000 - 2 * 64 * 49


def test_stride_in_1x1_selects_the_convolution_with_the_stride():
    for in_1x1, strides in ((True, ((2, 2), (1, 1))), (False, ((1, 1), (2, 2)))):
        block = ResNet("resnet50", 8, in_1x1, 1e-3).layer2[0]
        assert (block.conv1.stride, block.conv2.stride) == strides


def test_a_pretrained_colour_stem_gives_the_same_output_for_grey():
    torch.manual_seed(0)
    grey = ResNet("resnet18", 8, False, 1e-5).eval()
    state = {k: v.clone() for k, v in ResNet("resnet18", 8, False, 1e-5).state_dict().items()}
    state["conv1.weight"] = torch.randn(8, 3, 7, 7)
    state["fc.weight"] = torch.zeros(1000, 64)
    grey.load_pretrained(state)
    image = torch.rand(1, 1, 32, 32)
    colour = torch.nn.functional.conv2d(image.expand(1, 3, 32, 32), state["conv1.weight"], stride=2, padding=3)
    torch.testing.assert_close(grey.conv1(image), colour, atol=1e-4, rtol=1e-4)


def test_pretrained_weights_of_another_network_are_rejected():
    state = ResNet("resnet18", 8, False, 1e-5).state_dict()
    with pytest.raises(ValueError, match="not the weights of this backbone"):
        ResNet("resnet18", 16, False, 1e-5).load_pretrained(state)
    state.pop("layer2.0.conv1.weight")
    with pytest.raises(ValueError, match=r"layer2\.0\.conv1\.weight"):
        ResNet("resnet18", 8, False, 1e-5).load_pretrained(state)


def test_the_six_subtasks_have_26_estimates():
    joints = config_named("full").joints_of_estimates
    assert len(joints) == 26 and set(joints) == set(range(21))
    assert {j for j in joints if joints.count(j) == 2} == set(skeleton.BASE_JOINTS)


def test_a_fine_base_map_uses_the_whole_output_of_the_first_stage():
    torch.manual_seed(0)
    base_map = BaseMap((6, 8, 10, 12), 4, fine=True).eval()
    stages = [torch.randn(1, channels, 16 // 2**i, 16 // 2**i) for i, channels in enumerate((6, 8, 10, 12))]
    stages[0].requires_grad_(True)
    without = BaseMap((6, 8, 10, 12), 4, fine=False).eval()
    without.load_state_dict(base_map.state_dict(), strict=False)
    # The weights of `fine` are zero at initialisation.
    torch.testing.assert_close(base_map(stages[0], stages[1:]), without(stages[0], stages[1:]))
    torch.nn.init.ones_(base_map.fine[1].weight)
    base_map(stages[0], stages[1:]).sum().backward()
    assert (stages[0].grad.abs().sum(1) > 0).float().mean() > 0.9  # not all, because of the ReLU


def test_a_subtasks_head_uses_only_its_own_features():
    head = DenseHead((4, 6), 8)
    features = torch.randn(1, 16, 4, 4, requires_grad=True)
    head(features)[:, 4:].sum().backward()
    assert features.grad[:, 8:].abs().sum() > 0
    assert features.grad[:, :8].abs().sum() == 0


def test_sharing_adds_a_function_of_the_residuals_of_all_subtasks():
    torch.manual_seed(0)
    sharing = Sharing(3, 10, 4).eval()
    base, features = torch.randn(2, 10, 5, 5), torch.rand(2, 12, 5, 5)
    torch.testing.assert_close(sharing(base, features), features)  # zero at initialisation
    torch.nn.init.normal_(sharing.mine[-1][1].weight)
    residuals = (sharing.project(base)[:, None] - features.unflatten(1, (3, 4))).flatten(1, 2)
    expected = torch.relu(features + sharing.mine(residuals))
    torch.testing.assert_close(sharing(base, features), expected)
    assert not torch.allclose(expected, features)


def test_features_of_one_subtask_reach_another_only_through_sharing():
    network = FingerPoseNet(config_named("small")).eval()
    trunk, channels = network.trunk, network.config.task_channels
    torch.nn.init.ones_(trunk.sharing.mine[-1][1].weight)
    base, features = torch.randn(1, 96, 8, 8), torch.randn(1, 6 * channels, 8, 8, requires_grad=True)

    def reached(output):
        (gradient,) = torch.autograd.grad(output.sum(), features)
        return [float(task.abs().sum()) > 0 for task in gradient.split(channels, dim=1)]

    thumb = len(network.config.tasks[0])
    assert reached(trunk.extraction.refine(features)[:, :channels]) == [True] + 5 * [False]
    assert reached(trunk.head(features)[:, :thumb]) == [True] + 5 * [False]
    assert reached(trunk.sharing(base, features)[:, :channels]) == 6 * [True]


def test_cell_depth_is_the_mean_of_the_front_surface():
    image = torch.ones(1, 1, 16, 16)
    image[0, 0, :1, :8] = 0.5
    image[0, 0, 2, 0] = 0.5 - 0.9 * FRONT
    image[0, 0, 3:5, :8] = 0.9  # behind
    image[0, 0, 12, 12] = -0.25
    depth = cell_depth(image)
    torch.testing.assert_close(depth, torch.tensor([[(9 * 0.5 - 0.9 * FRONT) / 9, 0, 0, -0.25]]))


def test_readout_is_the_position_that_all_cells_vote_for():
    torch.manual_seed(0)
    image = torch.rand(2, 1, 32, 32) - 0.5
    joint = torch.tensor([0.3, -0.6, 0.2])
    depth = cell_depth(image)
    cells = torch.cat([cell_positions(4, 4, image.device).expand(2, 2, 16), depth[:, None]], 1)
    maps = torch.randn(2, 5, 4, 4, 4)
    maps[:, :, 1:] = (joint[:, None] - cells).view(2, 1, 3, 4, 4)
    estimates = DenseReadout((0, 0, 1, 1, 1), 8)(image, maps, torch.randn(2, 16, 4, 4))
    torch.testing.assert_close(estimates.uvd, joint.expand(2, 5, 3), atol=1e-5, rtol=1e-5)
    spread = estimates.evidence[..., 8:11]
    assert spread.max() < 2e-3


def test_a_cells_estimate_has_the_cells_position():
    """Cell positions, their order and the image's axes must fit together."""
    maps = torch.zeros(1, 1, 4, 4, 4)
    maps[0, 0, 0, 1, 2] = 50.0
    uvd = DenseReadout((0,), 2)(torch.ones(1, 1, 32, 32), maps, torch.zeros(1, 2, 4, 4)).uvd[0, 0]
    np.testing.assert_allclose(uvd, [0.25, -0.25, 0], atol=1e-5)


def test_fusion_is_initialised_to_the_mean_of_the_estimates():
    torch.manual_seed(0)
    joints = config_named("small").joints_of_estimates
    uvd = torch.randn(3, 26, 3)
    fused, _ = Fusion(joints, 10)(Estimates(uvd, torch.randn(3, 26, 10)))
    for joint in range(21):
        estimates = [i for i, j in enumerate(joints) if j == joint]
        torch.testing.assert_close(fused[:, joint], uvd[:, estimates].mean(1), atol=1e-5, rtol=1e-5)


def test_readout_stays_in_float32_under_autocast(small):
    image = torch.rand(2, 1, 64, 64)
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        out = small(image)
        trunk = small.trunk(image)
    assert trunk.maps.dtype == torch.bfloat16
    assert out.uvd.dtype == out.sigma.dtype == torch.float32
    with torch.no_grad():
        uvd, _ = small.readout(image, trunk.maps, trunk.features)
    torch.testing.assert_close(out.uvd, uvd)


@pytest.mark.parametrize("name", ("ablation_a", "ablation_b", "ablation_c"))
def test_ablations_have_the_same_number_of_multiply_adds(name):
    cost, whole = (multiply_adds(config_named(network), 64) for network in (name, "ablation_d"))
    assert cost == pytest.approx(whole, rel=0.05)


def test_multiply_adds_of_the_backbone_are_the_published_ones():
    """He et al. state 3.8 G for ResNet-50 at 224 pixels; ours has a grey stem and no classifier."""
    backbone = ResNet("resnet50", 64, stride_in_1x1=True, norm_eps=1e-3).eval()
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        backbone(torch.zeros(1, 1, 224, 224))
    ours = counter.get_total_flops() / 2
    assert ours == pytest.approx(3.8e9, rel=0.03)
    assert multiply_adds(config_named("full"), 224) > ours


def test_a_saved_network_is_loaded_unchanged(small, tmp_path):
    path = tmp_path / "network.safetensors"
    save_network(path, small, {"samples": "7"})
    image = torch.rand(1, 1, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(load_network(path)(image).uvd, small(image).uvd, atol=0, rtol=0)
    assert load_tensors(path)[1]["samples"] == "7"
    assert json.loads(load_tensors(path)[1]["fingerposenet"])["backbone"] == "resnet18"


def test_damaged_or_foreign_weights_are_rejected(small, tmp_path):
    path = tmp_path / "network.safetensors"
    with pytest.raises(FileNotFoundError):
        load_network(path)
    save_network(path, small)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match="not a complete safetensors file"):
        load_network(path)
    save_tensors(path, {"a": torch.zeros(1)}, {})
    with pytest.raises(ValueError, match="holds no FingerPoseNet"):
        load_network(path)
    tensors = small.state_dict()
    tensors.pop("trunk.classify.bias")
    save_tensors(path, tensors, {"fingerposenet": json.dumps(small.config.__dict__)})
    with pytest.raises(ValueError, match=r"trunk\.classify\.bias"):
        load_network(path)
