"""Whole images with hands: right places, the same image without them, and nothing else changed."""

import numpy as np
import pytest

pytest.importorskip("warp", reason="rendering needs warp-lang, which is installed for training only")

from recorded_scene import table, write_recording

from training.rendering.composed_images import APART, ComposedImages
from training.rendering.image_region import ImageRegion


@pytest.fixture(scope="module")
def room(tmp_path_factory):
    return write_recording(tmp_path_factory.mktemp("recordings") / "room", [table()] * 2, sensor_model="kinect_v1")


@pytest.fixture(scope="module")
def images(room):
    dataset = ComposedImages(3, (room,))
    return [dataset[k] for k in range(16)]


def test_hands_are_where_their_palms_are(images):
    """Where a hand is visible, the surface at its palm is the hand's."""
    gaps, count = [], 0
    for image in images:
        for palm, joints, visible in zip(image.palms, image.joints, image.visible, strict=True):
            np.testing.assert_allclose(palm, joints[[0, 5, 9, 13, 17]].mean(0))
            column, row = np.round(image.camera.project(palm)).astype(int)
            inside = 0 <= row < image.camera.height and 0 <= column < image.camera.width
            count += 1
            if visible > 0.9 and inside and image.depth[row, column] > 0:
                gaps.append(palm[2] - image.depth[row, column])
    assert count > 15 and len(gaps) > 4
    assert -0.01 < np.median(gaps) < 0.06  # the palm lies within the hand, or an object is before it


def test_only_pixels_near_hands_change(images):
    for image in images:
        changed = image.depth != image.without
        assert image.depth.shape == image.without.shape and image.depth.dtype == np.float32
        assert changed.any() or not (image.visible > 0).any()
        rows, columns = np.nonzero(changed)
        if not len(image.palms):
            assert not len(rows)
            continue
        points = np.concatenate(list(image.joints))
        pixels = image.camera.project(points[points[:, 2] > 0.05])
        reach = image.camera.fx * 0.75 / points[:, 2].min()
        far = np.abs(np.stack([columns, rows], 1)[:, None] - pixels).max(2).min(1)
        assert (far < reach).all()


def test_hands_do_not_overlap_and_come_in_both_kinds(images):
    for image in images:
        apart = np.linalg.norm(image.palms[:, None] - image.palms, axis=2)
        assert (apart[~np.eye(len(apart), dtype=bool)] > APART).all()
    left = np.concatenate([image.left for image in images])
    assert 0.2 < left.mean() < 0.8


def test_backgrounds_are_recorded_or_rendered_and_images_are_reproducible(images, room):
    assert {image.source for image in images} == {"room", "rendered", "workplace"}
    again = ComposedImages(3, (room,))[5]
    assert np.array_equal(again.depth, images[5].depth) and np.array_equal(again.palms, images[5].palms)
    coarse = ComposedImages(3, (room,), min_focal=150)[5]
    assert coarse.depth.shape[0] < images[5].depth.shape[0]


def test_a_region_of_the_image_is_rendered_as_the_whole_would_be(images):
    """A point projects to the same pixel through the region's own view."""
    camera = next(image.camera for image in images if image.source == "room")
    points = np.array([[0.05, -0.02, 0.6], [-0.2, 0.1, 0.9]])
    region = ImageRegion(camera, 40, 90, 64)
    view = points @ region.to_view[:3, :3].T
    pixels = camera.fx * view[:, :2] / view[:, 2:] + region.side / 2 - 0.5 + (region.left, region.top)
    np.testing.assert_allclose(pixels, camera.project(points), atol=1e-6)
