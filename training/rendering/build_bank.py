"""Build the bank of hand shapes from the `anny` body model: `./run training build_bank`.

Extracts right hand and forearm from bodies of many ages, builds and proportions, and writes `hand_bank.npz`. So
rendering needs no body model. Anny's code is Apache-2.0, its mesh data (MakeHuman) CC0.
"""

import argparse
from pathlib import Path

import numpy as np
import torch

from fingerpose_ros.files import write_arrays

from .body_model import load_body_model
from .hands import BANK, BONES

TIP_VERTICES = (2664, 1911, 2103, 2298, 2487)
"""Right-hand fingertips, thumb first, in the 13,718-vertex mesh."""

KNUCKLE_SHIFT = {"finger2-1.R": 0.0075, "finger5-1.R": 0.0075}
"""Metres by which the rig's knuckles lie too far distal of where anatomists (and the datasets) put them."""

LOCAL_CHANGES = {
    "r-hand-fingers-length-incr": 0.6,
    "r-hand-fingers-diameter-incr": 0.7,
    "r-hand-scale-incr": 0.5,
    "r-hand-fingers-distance-incr": 0.4,
    "r-lowerarm-fat-incr": 0.6,
    "r-lowerarm-muscle-incr": 0.6,
}
"""Local shape parameter -> standard deviation of its normal distribution (clipped to +-1)."""


def sample_bodies(model, count: int, children: np.ndarray, rng: np.random.Generator) -> torch.Tensor:
    """Blend-shape coefficients (count, n) of random bodies; `children` (count,) bool picks young ages."""
    phenotypes = {name: torch.tensor(rng.uniform(0, 1, count)).float() for name in model.phenotype_labels}
    age = np.where(children, rng.uniform(0.1, 0.5, count), rng.uniform(0.6, 1.0, count))
    phenotypes["age"] = torch.tensor(age).float()
    changes = {
        name: torch.tensor(np.clip(rng.normal(0, sd, count), -1, 1)).float() for name, sd in LOCAL_CHANGES.items()
    }
    return model.get_phenotype_blendshape_coefficients(**phenotypes, local_changes=changes)


def main(argv: list[str]) -> None:
    parser = argparse.ArgumentParser(
        prog="./run training build_bank", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--adults", type=int, default=192)
    parser.add_argument("--children", type=int, default=64)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=BANK)
    args = parser.parse_args(argv)

    model = load_body_model()
    names = [f"{bone}.R" for bone in BONES]
    bones = [model.bone_labels.index(name) for name in names]

    dense = torch.zeros(model.template_vertices.shape[0], model.bone_count)
    dense.scatter_add_(1, model.vertex_bone_indices.long(), model.vertex_bone_weights.float())
    ours = dense[:, bones]
    kept = (ours.sum(1) > 0.5).numpy()
    faces = model.faces.numpy()
    faces = faces[kept[faces].all(1)]
    vertices = np.flatnonzero(kept)
    renumber = np.full(len(kept), -1)
    renumber[vertices] = np.arange(len(vertices))
    weights = ours[vertices].numpy()
    weights /= weights.sum(1, keepdims=True)
    order = np.argsort(-weights, axis=1)[:, :4]
    strongest = np.take_along_axis(weights, order, 1)

    children = np.arange(args.adults + args.children) >= args.adults
    coefficients = sample_bodies(model, len(children), children, np.random.default_rng(args.seed))
    with torch.no_grad():
        rest = model.get_rest_model(coefficients.to(model.dtype))
    poses = rest["rest_bone_poses"][:, bones].numpy().astype(np.float64)
    for name, shift in KNUCKLE_SHIFT.items():
        bone = names.index(name)
        metacarpal = names.index(name.replace("finger", "metacarpal").replace("5-1", "4").replace("2-1", "1"))
        along = poses[:, bone, :3, 3] - poses[:, metacarpal, :3, 3]
        poses[:, bone, :3, 3] -= shift * along / np.linalg.norm(along, axis=1, keepdims=True)

    # Everything in the frame of the wrist bone, so that half precision keeps a tenth of a millimetre.
    to_wrist = np.linalg.inv(poses[:, names.index("wrist.R")])
    points = rest["rest_vertices"].numpy().astype(np.float64)[:, vertices]
    points = points @ to_wrist[:, :3, :3].swapaxes(1, 2) + to_wrist[:, None, :3, 3]
    poses = to_wrist[:, None] @ poses

    # Faces from the fingertips up the arm: cutting the arm, or the hand off it, is taking a part of this list.
    faces = renumber[faces]
    faces = faces[np.argsort(-points[:, :, 1].mean(0)[faces].min(1))]
    write_arrays(
        args.out,
        vertices=points.astype(np.float16),
        faces=faces.astype(np.int16),
        bone_index=order.astype(np.uint8),
        bone_weight=(strongest / strongest.sum(1, keepdims=True)).astype(np.float16),
        rest_poses=poses.astype(np.float32),
        tips=renumber[list(TIP_VERTICES)].astype(np.int16),
        child=children,
    )
    print(f"{args.out}: {len(children)} shapes, {len(vertices)} vertices, {len(faces)} triangles, "
          f"{args.out.stat().st_size / 1e6:.1f} MB")  # fmt: skip
