"""The loaders of the five datasets, tested on fixtures in the official formats: samples, crops, and packed datasets."""

import shutil
from dataclasses import replace

import numpy as np
import pytest
from opened_datasets import FRAMES, OPTIONS, open_split

from fingerpose_ros.perception.pose.crop import Crop
from fingerpose_ros.perception.skeleton import JOINTS, SUBTASKS
from training.datasets import DATASETS, DatasetError, open_dataset
from training.datasets.batches import DatasetBatches
from training.datasets.centres import read_centres
from training.datasets.fixtures import CAMERAS, WRITERS
from training.datasets.hands2019 import cube_centre
from training.datasets.msra import CUBES_M, GESTURES
from training.datasets.nyu import cube_m, subject_of
from training.datasets.pack import crop_window, pack
from training.datasets.pack import main as pack_main
from training.datasets.self_check import main

WRITERS_ICVL = WRITERS["icvl"]
ROUNDING_M = {"icvl": 2e-6, "nyu": 1e-9, "msra": 1e-7, "hands2019": 1e-7, "ho3d": 1e-7}
"""Rounding of joints: ICVL stores thousandths of pixels, HO-3D single precision, the others at least 0.1 um."""
DEPTH_UNIT_M = {"icvl": 0.001, "nyu": 0.001, "msra": 1e-6, "hands2019": 0.001, "ho3d": 0.000125}


def opened(written, name: str, split: str):
    root, frames, joints = written[name]
    dataset = open_split(name, root, split)
    first_of = {"train": 0, "test": FRAMES // 2}
    if name == "msra":  # P0 is held out; the frames repeat
        first_of = {"train": len(GESTURES), "test": 0}
    first = first_of[split]
    return dataset, [frames[(first + i) % FRAMES] for i in range(len(dataset))], joints[first : first + len(dataset)]


@pytest.mark.parametrize("split", ["train", "test"])
@pytest.mark.parametrize("name", DATASETS)
def test_loaders_read_what_was_written(written, name, split):
    dataset, frames, joints = opened(written, name, split)
    assert len(dataset) == {"msra": 17 if split == "test" else 8 * 17}.get(name, FRAMES // 2)
    for i in range(min(len(dataset), 5)):
        sample = dataset[i]
        assert sample.camera == CAMERAS[name]
        assert sample.depth_m.shape == (sample.camera.height, sample.camera.width)
        assert sample.depth_m.dtype == np.float32
        known = sample.valid
        assert np.isnan(sample.joints_m[~known]).all()
        assert known.all() or (split == "test" and known.sum() == {"hands2019": 0, "ho3d": 1}[name])
        assert np.abs(sample.joints_m[known] - joints[i][known]).max(initial=0) < ROUNDING_M[name]
        invalid = sample.depth_m == 0
        assert name == "msra" or not invalid.any()
        error = np.abs(sample.depth_m - frames[i].depth_m)[~invalid].max()
        assert error <= 0.51 * DEPTH_UNIT_M[name]
        assert sample.name and sample.right == (name != "icvl")


@pytest.mark.parametrize("name", DATASETS)
def test_joints_lie_within_the_hand_in_the_image(written, name):
    dataset, _, _ = opened(written, name, "train")
    behind = []
    for i in range(2):
        sample = dataset[i]
        u, v = np.round(sample.camera.project(sample.joints_m)).astype(int).T
        surface = sample.depth_m[v, u]
        behind += [*(sample.joints_m[surface > 0, 2] - surface[surface > 0])]
    behind = np.array(behind)
    # Only flesh covers a joint, unless a finger occludes it. No joint is in front of the hand, except tips at its edge.
    assert np.median(behind) == pytest.approx(0.009, abs=0.008)
    assert (behind > -0.005).mean() > 0.8


@pytest.mark.parametrize("name", DATASETS)
def test_the_cube_contains_the_hand(written, name):
    for split in ("train", "test"):
        dataset, frames, _ = opened(written, name, split)
        sample = dataset[0]
        # HO-3D's test split has only the wrist, which can be half a hand away, also along the line of sight.
        tolerance = 0.1 if name == "ho3d" else 0.06
        assert np.linalg.norm(sample.centre_m - frames[0].joints_m.mean(0)) < tolerance
        uvd = Crop(sample.centre_m, sample.cube_m / 2).to_uvd(frames[0].joints_m)
        assert (np.abs(uvd) < (1.3 if name == "msra" else 1.01)).all()


@pytest.mark.parametrize("name", DATASETS)
def test_dataset_joints_map_to_our_slots_and_back(name):
    joints = DATASETS[name].joints
    points = np.random.default_rng(0).normal(0, 1, (len(joints.names), 3))
    hand, known = joints.to_hand(points, np.ones(len(points), bool))
    assert known.sum() == len(joints.slots) and np.isnan(hand[~known]).all()
    assert len(set(joints.slots.values())) == len(joints.slots), "a joint is in two slots"
    assert np.allclose(joints.evaluated_from_hand(hand), points[list(joints.evaluated)])
    assert set(joints.equivalent) <= set(joints.slots) <= set(JOINTS)
    groups = joints.groups()
    assert set(groups) == set(SUBTASKS) and all(groups.values())
    assert sorted({i for members in groups.values() for i in members}) == list(range(len(joints.evaluated)))
    assert len(joints.evaluated) == {"icvl": 16, "nyu": 14}.get(name, 21)


def test_a_joint_without_label_stays_unknown():
    joints = DATASETS["msra"].joints
    valid = np.ones(21, bool)
    valid[joints.names.index("index_tip")] = False
    _, known = joints.to_hand(np.zeros((21, 3)), valid)
    assert not known[JOINTS.index("index_tip")] and known.sum() == 20


def test_protocols_of_subjects_and_cubes(written):
    assert [subject_of("test", i) for i in (0, 2439, 2440, 8251)] == ["1", "1", "2", "2"]
    assert subject_of("train", 72_756) == "1"
    assert (cube_m("1"), cube_m("2")) == (0.30, 0.25)
    root = written["msra"][0]
    seen = set()
    for subject in CUBES_M:
        test, train = (open_dataset("msra", root, split, held_out=subject) for split in ("test", "train"))
        assert {test[i].subject for i in range(len(test))} == {subject}
        assert test[0].cube_m == CUBES_M[subject]
        assert len(train) + len(test) == 153 and all(subject != train[i].subject for i in range(0, len(train), 17))
        seen |= {test[i].name for i in range(len(test))}
    assert len(seen) == 153


def test_a_box_at_the_edge_is_extended_and_an_empty_one_has_no_centre():
    whole, clipped = cube_centre(np.array([200.0, 100, 400, 300])), cube_centre(np.array([0.0, 100, 120, 300]))
    assert np.isclose(whole[2], clipped[2]) and np.isclose(whole[1], clipped[1])
    assert DATASETS["hands2019"].camera.project(clipped)[0] == pytest.approx(20)
    assert np.isnan(cube_centre(np.array([5.0, 5, 5, 9]))).all()


def test_precomputed_centres_replace_the_truth(written, tmp_path):
    path = tmp_path / "centres.txt"
    path.write_text("10 20 400\ninvalid\n")
    sample = open_dataset("nyu", written["nyu"][0], "train", centres=path)[0]
    assert np.allclose(sample.centre_m, (0.010, -0.020, 0.400))
    assert np.isnan(open_dataset("nyu", written["nyu"][0], "train", centres=path)[1].centre_m).all()
    for bad, message in (("", "1 centres for 2"), ("1 2\n", "line 2"), ("1 2 -3\n", "line 2")):
        path.write_text("1 2 400\n" + bad)
        with pytest.raises(DatasetError, match=message):
            read_centres(path, 2)


def test_an_unknown_dataset_is_rejected(tmp_path):
    with pytest.raises(ValueError, match="no dataset 'nyc'"):
        open_dataset("nyc", tmp_path, "train")


@pytest.mark.parametrize("name", DATASETS)
def test_a_missing_dataset_is_reported(name, tmp_path):
    with pytest.raises(DatasetError, match=f"{tmp_path}.*No such file"):
        open_split(name, tmp_path, "train")


@pytest.mark.parametrize("name", DATASETS)
def test_batches_depend_only_on_seed_and_index(written, name):
    dataset, _, _ = opened(written, name, "train")
    batches = DatasetBatches(dataset, 64, 2, seed=5)
    first, again = batches[3], DatasetBatches(dataset, 64, 2, seed=5)[3]
    other = DatasetBatches(dataset, 64, 2, seed=6)[3]
    assert all(np.array_equal(first[key], again[key]) for key in first)
    assert not np.array_equal(first["image"], other["image"])
    assert first["image"].shape == (2, 1, 64, 64) and first["image"].dtype == np.float32
    assert first["image"].min() >= -1 and first["image"].max() <= 1 and (first["image"] < 1).mean() > 0.02
    assert first["uvd"].shape == (2, 21, 3) and first["uvd"].dtype == np.float32 and np.isfinite(first["uvd"]).all()
    assert (first["valid"].sum(1) == len(dataset.joints.slots)).all() and (first["valid"] | ~first["visible"]).all()
    assert first["present"].all() and first["right"].all()
    equivalent = DatasetBatches(dataset, 64, 2, seed=5, equivalent_only=True)[3]
    assert (equivalent["valid"].sum(1) == len(dataset.joints.equivalent)).all()
    assert np.array_equal(equivalent["image"], first["image"])


def test_an_epoch_contains_every_sample_once(written):
    dataset, _, _ = opened(written, "msra", "test")

    class Counting:
        joints, camera = dataset.joints, dataset.camera
        indices: tuple = ()

        def __len__(self):
            return len(dataset)

        def __getitem__(self, index):
            self.indices += (index,)
            return dataset[index]

    counting = Counting()
    for k in range(17):  # four epochs of 17 in batches of 4
        DatasetBatches(counting, 32, 4, seed=1)[k]
    epochs = [counting.indices[i : i + 17] for i in range(0, 68, 17)]
    assert all(sorted(epoch) == list(range(17)) for epoch in epochs) and len(set(epochs)) == 4


@pytest.mark.parametrize("name", DATASETS)
def test_labels_stay_on_the_hand_through_every_augmentation(written, name):
    """Joints move with the image: the depth at the label of a visible joint is the joint's depth in every crop."""
    dataset, _, _ = opened(written, name, "train")
    batches = DatasetBatches(dataset, 128, 2, seed=2)
    fractions = {"as labelled": [], "mirrored": [], "upside down": []}
    for k in range(6):
        batch = batches[k]
        for image, uvd, visible in zip(batch["image"][:, 0], batch["uvd"], batch["visible"], strict=True):
            u, v = np.floor((uvd[visible, :2] + 1) / 2 * 128).astype(int).T
            for name, surface in zip(fractions, (image[v, u], image[v, 127 - u], image[127 - v, u]), strict=True):
                fractions[name].append((np.abs(surface - uvd[visible, 2]) < 0.2).mean())
    # Some joints are occluded by other fingers; how many depends on the sampled poses.
    right, *wrong = (np.mean(values) for values in fractions.values())
    assert right > 0.6
    assert max(wrong) < right - 0.2


def test_left_hands_are_mirrored(written):
    """With the palm to the camera, the thumbs of ICVL's left hands and NYU's right hands are on the same side."""
    sides = {}
    for name in ("icvl", "nyu"):
        dataset, _, _ = opened(written, name, "train")
        batch = DatasetBatches(dataset, 64, 2, seed=0, augment=False)[0]
        thumb, little = (batch["uvd"][:, JOINTS.index(joint)] for joint in ("thumb_mcp", "little_pip"))
        sides[name] = np.sign(thumb[:, 0] - little[:, 0])
    assert np.array_equal(np.unique(sides["icvl"]), np.unique(sides["nyu"]))


@pytest.mark.parametrize("name", DATASETS)
def test_a_packed_dataset_has_the_same_data(written, name, tmp_path):
    dataset, _, _ = opened(written, name, "train")
    pack(dataset, name, "train", tmp_path, **OPTIONS.get(name, {}))
    packed = open_split(name, tmp_path, "train")
    assert len(packed) == len(dataset)
    for augment in (True, False):
        a, b = (DatasetBatches(source, 96, 4, seed=3, augment=augment)[0] for source in (dataset, packed))
        assert all(np.array_equal(a[key], b[key]) for key in ("uvd", "valid", "present", "right"))
        assert (np.abs(a["image"] - b["image"]) > 0.003).mean() < 1e-3
    for field in ("name", "subject", "sequence", "right", "cube_m"):
        assert getattr(packed[1], field) == getattr(dataset[1], field)
    with pytest.raises(DatasetError, match=r"contains .* train"):
        open_split(name, tmp_path, "test")
    with pytest.raises(FileExistsError):
        pack(dataset, name, "train", tmp_path)


def test_a_dataset_packed_with_other_options_is_rejected(written, tmp_path):
    root, _, _ = written["msra"]
    command = ["--dataset", "msra", "--root", str(root), "--out", str(tmp_path)]
    assert pack_main(command) == 2  # MSRA has no split without a subject
    assert pack_main([*command, "--held-out", "P3"]) == 0
    assert open_dataset("msra", tmp_path / "train", "train", held_out="P3")[0].subject == "P0"
    with pytest.raises(ValueError, match="packed with .*P3.*, not .*P4"):
        open_dataset("msra", tmp_path / "train", "train", held_out="P4")


def test_a_frame_with_an_empty_box_is_packed_whole_and_rejected_for_training(written, tmp_path):
    dataset, _, _ = opened(written, "hands2019", "test")
    sample = replace(dataset[0], centre_m=np.full(3, np.nan))
    depth, camera = crop_window(sample)
    assert np.array_equal(depth, sample.depth_m) and camera == sample.camera
    root = tmp_path / "hands2019"
    shutil.copytree(written["hands2019"][0], root)
    boxes = root / "training_bbs.txt"
    name = boxes.read_text().split()[0]
    boxes.write_text("\n".join([f"{name} 5 5 5 9", *boxes.read_text().splitlines()[1:]]) + "\n")
    with pytest.raises(DatasetError, match=f"the box of {name} .* is empty"):
        open_dataset("hands2019", root, "train")


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [("nyu", {"held_out": "P1"}, "nyu takes no held_out"), ("msra", {}, "held_out is ''")],
)
def test_unknown_and_missing_options_of_a_dataset_are_named(tmp_path, name, options, message):
    with pytest.raises(ValueError, match=message):
        open_dataset(name, tmp_path, "train", **options)


def test_a_damaged_packed_dataset_is_rejected(written, tmp_path):
    dataset, _, _ = opened(written, "nyu", "train")
    pack(dataset, "nyu", "train", tmp_path)
    windows = tmp_path / "windows.bin"
    whole = windows.read_bytes()
    windows.write_bytes(whole[:-1])
    with pytest.raises(DatasetError, match=r"windows\.bin"):
        open_dataset("nyu", tmp_path, "train")
    windows.write_bytes(whole[:100] + bytes([whole[100] ^ 255]) + whole[101:])
    with pytest.raises(DatasetError, match=r"windows\.bin, byte 0"):
        open_dataset("nyu", tmp_path, "train")[0]
    windows.write_bytes(whole)
    (tmp_path / "index.npz").write_bytes((tmp_path / "index.npz").read_bytes()[:-40])
    with pytest.raises(DatasetError, match=r"index\.npz"):
        open_dataset("nyu", tmp_path, "train")


def test_the_self_check_passes_and_detects_a_shift(capsys, monkeypatch):
    assert main(["--self-check"]) == 0
    assert capsys.readouterr().out.count("joints within") == 5
    monkeypatch.setitem(WRITERS, "icvl", lambda root, frames: WRITERS_ICVL(root, frames) + 1e-3)
    assert main(["--self-check"]) == 1
    assert "icvl: joints differ" in capsys.readouterr().err
