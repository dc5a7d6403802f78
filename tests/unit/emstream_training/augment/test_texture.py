"""Texture: that of the patch's mitochondria, without their membranes, in every place and section."""

from __future__ import annotations

import numpy as np

from emstream_training.augment.texture import grain_of, texture_of

SIDE = 128


def patch() -> tuple[np.ndarray, np.ndarray]:
    """Return pale smooth tissue, in it dark mitochondria with strong texture and a black membrane."""
    random = np.random.default_rng(2)
    image = random.normal(180, 2, (3, SIDE, SIDE))
    label = np.zeros((SIDE, SIDE), np.uint8)
    for y, x in ((10, 10), (70, 80)):
        image[:, y - 2 : y + 42, x - 2 : x + 32] = 0
        image[:, y : y + 40, x : x + 30] = random.normal(70, 20, (3, 40, 30))
        label[y - 2 : y + 42, x - 2 : x + 32] = 1
    return image.clip(0, 255).astype(np.uint8), label


def test_texture_is_that_of_mitochondria_everywhere() -> None:
    image, label = patch()
    texture = texture_of(image, label, np.random.default_rng(0))
    assert texture.shape == image.shape
    assert texture.dtype == np.float32
    for corner in (texture[:, :40, 60:], texture[:, 60:, :40]):  # where there is no mitochondrion
        assert 14 < corner.std() < 24
        assert abs(corner.mean()) < 5
        assert (corner < -60).mean() < 0.01  # no membranes


def test_without_mitochondria_it_is_the_patch_s_grain() -> None:
    image, label = patch()
    texture = texture_of(image, np.zeros_like(label), np.random.default_rng(0))
    assert all(np.array_equal(t, grain_of(plane)) for t, plane in zip(texture, image, strict=True))


def test_the_same_draw_gives_the_same_texture() -> None:
    first, second = (texture_of(*patch(), np.random.default_rng(3)) for _ in range(2))
    assert np.array_equal(first, second)
