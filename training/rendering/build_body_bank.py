"""Build the bank of bodies from the `anny` body model: `./run training build_body_bank`.

Takes women, men and children of many builds, without hands and outer forearms (`hand_bank.npz` has these), and reduces
them to a coarse mesh that all share. Writes `body_bank.npz`, so rendering needs no body model. Anny's code is
Apache-2.0, its mesh data (MakeHuman) CC0.
"""

import argparse
from pathlib import Path

import numpy as np
import torch
import warp as wp

from fingerpose_ros.files import write_arrays
from training.progress import counter

from .body_model import load_body_model
from .body_shapes import BANK, BONES, PARENT, UNIT
from .decimation import cap, decimate

RIG = {
    "root": "pelvis", "spine05": "spine_low", "spine03": "spine_high", "spine01": "chest", "neck01": "neck",
    "head": "head",
    **{f"{theirs}.{s}": f"{ours}_{s.lower()}" for s in "LR" for theirs, ours in (
        ("clavicle", "shoulder"), ("upperarm01", "upper_arm"), ("upperarm02", "upper_arm_low"),
        ("lowerarm01", "forearm"), ("wrist", "hand"), ("upperleg01", "thigh"), ("lowerleg01", "shin"),
        ("foot", "foot"))},
}  # fmt: skip
"""Bone of anny's rig -> bone of ours; every other bone belongs to its nearest ancestor here."""

FINGERTIP = 2103
"""Right middle fingertip in the 13,718-vertex mesh."""

CUT = 0.68
"""Where the forearm is cut, as a fraction of the way from elbow to wrist."""

IMPORTANCE = {"head": 3.0, "neck": 1.5, "foot_l": 0.35, "foot_r": 0.35, "thigh_l": 0.7, "thigh_r": 0.7}
"""Factor on the squared error of a bone's surface; 1 for the others."""

FACE_IMPORTANCE = 7.0

HEIGHTS = {"woman": (1.48, 1.84), "man": (1.60, 1.98), "child": (0.95, 1.50)}
"""Range of the bodies' heights, metres."""

SHAPES = ("head-", "nose-", "chin-", "forehead-", "ear-", "cheek-", "mouth-", "neck-", "eyebrows-")
"""Local shape parameters that vary: names that contain one of these."""


def sample_phenotypes(model, kind: str, count: int, rng: np.random.Generator) -> tuple[dict, dict]:
    """Random phenotypes and local changes of `count` bodies of a kind of `HEIGHTS`."""
    phenotypes = {name: rng.uniform(0, 1, count) for name in model.phenotype_labels}
    phenotypes["age"] = rng.uniform(0.1, 0.45, count) if kind == "child" else rng.uniform(0.6, 1.0, count)
    if kind != "child":
        phenotypes["gender"] = rng.uniform(0, 0.15, count) + 0.85 * (kind == "woman")
    names = [name for name in model.local_change_labels if any(part in name for part in SHAPES)]
    common = {name.removeprefix("l-").removeprefix("r-"): None for name in names}
    common = {name: np.clip(rng.normal(0, 0.3, count), -0.8, 0.8) for name in common}
    changes = {name: torch.tensor(common[name.removeprefix("l-").removeprefix("r-")]).float() for name in names}
    return {name: torch.tensor(values).float() for name, values in phenotypes.items()}, changes


def sample_bodies(model, kind: str, count: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Vertices (count, V, 3) and bone heads (count, bones, 3) at rest of bodies with a permitted height."""
    vertices, heads = [], []
    shown = counter(f"bodies: {kind}", count, "bodies")
    while len(vertices) < count:
        phenotypes, changes = sample_phenotypes(model, kind, 16, rng)
        with torch.no_grad():
            coefficients = model.get_phenotype_blendshape_coefficients(**phenotypes, local_changes=changes)
            rest = model.get_rest_model(coefficients.to(model.dtype))
        points = rest["rest_vertices"].numpy().astype(np.float64)
        height = np.ptp(points[:, :, 2], axis=1)
        for i in np.flatnonzero((height > HEIGHTS[kind][0]) & (height < HEIGHTS[kind][1])):
            vertices.append(points[i])
            heads.append(rest["rest_bone_poses"].numpy()[i, :, :3, 3].astype(np.float64))
        shown.update(min(len(vertices), count) - shown.n)
    shown.close()
    return np.stack(vertices[:count]), np.stack(heads[:count])


@wp.kernel
def _find_visible(
    mesh: wp.uint64,
    points: wp.array(dtype=wp.vec3),
    normals: wp.array(dtype=wp.vec3),
    directions: wp.array(dtype=wp.vec3),
    seen: wp.array(dtype=int),
):
    i, k = wp.tid()
    if wp.dot(normals[i], directions[k]) > 0.15:
        hit = wp.mesh_query_ray(mesh, points[i] + 5.0e-4 * normals[i], directions[k], 0.6)
        if not hit.result:
            wp.atomic_add(seen, i, 1)


def visible(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Mask (V,) of the vertices that can be seen from outside, such as not the inside of the mouth."""
    across = np.cross(vertices[faces[:, 1]] - vertices[faces[:, 0]], vertices[faces[:, 2]] - vertices[faces[:, 0]])
    normals = np.zeros_like(vertices)
    for k in range(3):
        np.add.at(normals, faces[:, k], across)
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
    z = np.linspace(-0.98, 0.98, 100)
    turn = np.pi * (3 - np.sqrt(5)) * np.arange(100)
    directions = np.stack([np.sqrt(1 - z * z) * np.cos(turn), np.sqrt(1 - z * z) * np.sin(turn), z], axis=1)
    mesh = wp.Mesh(wp.array(vertices, dtype=wp.vec3), wp.array(faces.ravel(), dtype=int))
    arrays = [wp.array(values, dtype=wp.vec3) for values in (vertices, normals, directions)]
    seen = wp.zeros(len(vertices), dtype=int)
    wp.launch(_find_visible, dim=(len(vertices), len(directions)), inputs=[mesh.id, *arrays], outputs=[seen])
    return seen.numpy() > 1


def weights_of(model) -> np.ndarray:
    """Skinning weights (V, bones of `BONES`) of anny's mesh."""
    ours = []
    for bone, label in enumerate(model.bone_labels):
        ours.append(BONES.index(RIG[label]) if label in RIG else ours[model.bone_parents[bone]])
    weights = np.zeros((len(model.template_vertices), len(BONES)))
    rows = np.arange(len(weights))[:, None]
    np.add.at(weights, (rows, np.array(ours)[model.vertex_bone_indices.numpy()]), model.vertex_bone_weights.numpy())
    return weights


def reduce(vertices: np.ndarray, faces: np.ndarray, weights: np.ndarray, joints: np.ndarray, target: int) -> np.ndarray:
    """The faces (about `target`, 3) of the coarse mesh: without hands, with closed ends, fine at the face.

    `vertices` (V, 3) and `joints` (bones, 3) are of a mean body.
    """
    gone = np.zeros(len(vertices), bool)
    for s in "lr":
        elbow, wrist = (joints[BONES.index(f"{bone}_{s}")] for bone in ("forearm", "hand"))
        along = (vertices - elbow) @ (wrist - elbow) / ((wrist - elbow) ** 2).sum()
        of_arm = weights[:, [BONES.index(f"{bone}_{s}") for bone in ("forearm", "hand")]].sum(1)
        gone |= (of_arm > 0.5) & (along > CUT)
    seen = visible(vertices, faces)
    faces = faces[~gone[faces].any(1) & ~_hidden_parts(faces, seen)]
    head = vertices[weights[:, BONES.index("head")] > 0.5]
    front = np.quantile(head[:, 1], 0.5)
    strongest = weights.argmax(1)
    importance = np.array([IMPORTANCE.get(bone, 1.0) for bone in BONES])[strongest]
    face = (strongest == BONES.index("head")) & (vertices[:, 1] < front)
    importance = np.where(seen, np.where(face, FACE_IMPORTANCE, importance), 0.0)
    coarse = decimate(vertices, faces, target, importance)
    return np.concatenate([coarse, cap(coarse, vertices)])


def _hidden_parts(faces: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """Mask (F,) of faces of connected parts, like the tongue, that are hardly visible."""
    part = np.arange(len(seen))
    while True:
        lowest = part[faces].min(1)
        following = part.copy()
        for k in range(3):
            np.minimum.at(following, faces[:, k], lowest)
        if (following == part).all():
            break
        part = following
    share = np.bincount(part, seen) / np.maximum(np.bincount(part), 1)
    return share[part[faces[:, 0]]] < 0.1


def write_bank(path: Path, vertices: np.ndarray, faces: np.ndarray, weights: np.ndarray, joints: np.ndarray,
               hand_length: np.ndarray, kinds: list[str]):  # fmt: skip
    """Write bodies `vertices` (n, V, 3) with `joints` (n, bones, 3), and only the vertices that `faces` use."""
    used = np.unique(faces)
    order = np.argsort(-weights[used], axis=1)[:, :4]
    strongest = np.take_along_axis(weights[used], order, 1)
    origin = joints[:, :1]
    write_arrays(
        path,
        vertices=np.round((vertices[:, used] - origin) / UNIT).astype(np.int16),
        faces=np.searchsorted(used, faces).astype(np.int16),
        bone_index=order.astype(np.uint8),
        bone_weight=(strongest / strongest.sum(1, keepdims=True)).astype(np.float16),
        joints=(joints - origin).astype(np.float32),
        parents=np.array(PARENT, np.int8),
        height=np.ptp(vertices[:, :, 2], axis=1).astype(np.float32),
        hand_length=hand_length.astype(np.float32),
        child=np.array([kind == "child" for kind in kinds]),
        woman=np.array([kind == "woman" for kind in kinds]),
    )


def main(argv: list[str]) -> None:
    parser = argparse.ArgumentParser(
        prog="./run training build_body_bank", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--women", type=int, default=20)
    parser.add_argument("--men", type=int, default=20)
    parser.add_argument("--children", type=int, default=16)
    parser.add_argument("--triangles", type=int, default=2100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=BANK)
    args = parser.parse_args(argv)

    model = load_body_model()
    rng = np.random.default_rng(args.seed)
    counts = {"woman": args.women, "man": args.men, "child": args.children}
    kinds = [kind for kind, count in counts.items() for _ in range(count)]
    bodies = [sample_bodies(model, kind, count, rng) for kind, count in counts.items()]
    vertices, heads = (np.concatenate(parts) for parts in zip(*bodies, strict=True))
    ours = {name: label for label, name in RIG.items()}
    joints = heads[:, [model.bone_labels.index(ours[bone]) for bone in BONES]]
    chain = [heads[:, model.bone_labels.index(f"{bone}.R")] for bone in ("wrist", *(f"finger3-{k}" for k in (1, 2, 3)))]
    chain.append(vertices[:, FINGERTIP])
    hand_length = sum(np.linalg.norm(b - a, axis=1) for a, b in zip(chain[:-1], chain[1:], strict=True))

    weights, adults = weights_of(model), np.array([kind != "child" for kind in kinds])
    mean = vertices[adults].mean(0)
    faces = reduce(mean, model.faces.numpy(), weights, joints[adults].mean(0), args.triangles)
    write_bank(args.out, vertices, faces, weights, joints, hand_length, kinds)
    print(f"{args.out}: {len(kinds)} bodies, {len(np.unique(faces))} vertices, {len(faces)} triangles, "
          f"{args.out.stat().st_size / 1e6:.2f} MB")  # fmt: skip
