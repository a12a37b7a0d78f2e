from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image
from skimage import data

from minutia.datasets.measures import (
    SAME_HASH,
    correlate,
    find_shift,
    has_jpeg_blocks,
    is_flat,
    perceptual_hash,
)
from minutia.image.color import luma
from minutia.image.resize import downscale


@pytest.fixture(scope="module")
def clean() -> np.ndarray:
    """(256, 256, 3) uint8, without blocks."""
    return downscale(np.asarray(data.astronaut()), 2)


def jpeg(pixels: np.ndarray, quality: int) -> np.ndarray:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=quality)
    with Image.open(file) as image:
        return np.asarray(image)


def bits_apart(a: np.ndarray, b: np.ndarray) -> int:
    return (perceptual_hash(luma(a)) ^ perceptual_hash(luma(b))).bit_count()


@pytest.mark.parametrize("quality", [50, 75, 85])
def test_blocks_of_a_jpeg_are_seen_wherever_the_grid_begins(clean: np.ndarray, quality: int) -> None:
    assert not has_jpeg_blocks(luma(clean))
    spoilt = jpeg(clean, quality)
    for top, left in ((0, 0), (3, 5), (7, 1)):
        assert has_jpeg_blocks(luma(spoilt[top:, left:]))
    assert not has_jpeg_blocks(luma(downscale(spoilt, 2)))


def test_small_pictures_and_patterns_are_not_taken_for_jpegs(clean: np.ndarray) -> None:
    assert not has_jpeg_blocks(luma(jpeg(clean, 50)[:40, :40]))
    assert not has_jpeg_blocks(luma(np.tile(clean[:8, :1], (32, 256, 1))))  # Bars: steps in one direction alone.
    assert not has_jpeg_blocks(np.random.default_rng(0).normal(128, 20, (256, 256)))


@pytest.mark.parametrize("factor", [1.5, 2, 4])
def test_enlarged_pictures_are_not_taken_for_jpegs(clean: np.ndarray, factor: float) -> None:
    """Their steps recur as well: every two or four pixels."""
    small, side = Image.fromarray(clean[:128, :128]), int(128 * factor)
    for method in (Image.Resampling.BICUBIC, Image.Resampling.LANCZOS, Image.Resampling.NEAREST):
        assert not has_jpeg_blocks(luma(np.asarray(small.resize((side, side), method))))


def test_hashes_know_a_picture_again(clean: np.ndarray) -> None:
    brighter = np.clip(clean.astype(np.float64) * 1.1 + 5, 0, 255).astype(np.uint8)
    for other in (jpeg(clean, 50), downscale(clean, 2), brighter, clean[2:-2, 2:-2]):
        assert bits_apart(clean, other) <= SAME_HASH
    for other in (clean[::-1], clean[:, ::-1], clean[:128, :128], clean[128:, 128:]):
        assert bits_apart(clean, other) > 2 * SAME_HASH


def test_flat_pictures() -> None:
    noise = np.random.default_rng(0)
    assert is_flat(np.full((9, 9), 200.0))
    assert is_flat(noise.normal(200, 2, (50, 50)))
    assert not is_flat(noise.normal(200, 5, (50, 50)))


@pytest.mark.parametrize(("down", "right"), [(0, 0), (1, 2), (-2, 3), (0, -1), (8, -12)])
def test_shifts_are_measured_to_a_fraction(clean: np.ndarray, down: int, right: int) -> None:
    still = luma(downscale(clean[20:-20, 20:-20], 4))
    moved = luma(downscale(clean[20 - down : 236 - down, 20 - right : 236 - right], 4))
    shift = find_shift(still, moved)
    assert (shift.down, shift.right) == pytest.approx((down / 4, right / 4), abs=0.05)
    assert shift.likeness > 0.6


def test_other_kernels_and_noise_are_no_shift(clean: np.ndarray) -> None:
    still = luma(downscale(clean, 4))
    noisy = still + np.random.default_rng(0).normal(0, 8, still.shape)
    for method in (Image.Resampling.BOX, Image.Resampling.LANCZOS, Image.Resampling.BILINEAR):
        other = luma(np.asarray(Image.fromarray(clean).resize((64, 64), method)))
        assert max(map(abs, (find_shift(still, other).down, find_shift(still, other).right))) < 0.05
    assert max(map(abs, (find_shift(still, noisy).down, find_shift(still, noisy).right))) < 0.1


def test_every_fourth_pixel_is_a_shift(clean: np.ndarray) -> None:
    shift = find_shift(luma(downscale(clean, 4)), luma(clean[::4, ::4]))
    assert (shift.down, shift.right) == pytest.approx((0.375, 0.375), abs=0.06)


def test_other_pictures_are_unlike(clean: np.ndarray) -> None:
    a, b = luma(clean[:128, :128]), luma(clean[128:, 128:])
    assert find_shift(a, b).likeness < 0.3
    assert abs(correlate(a, b)) < 0.5
    assert correlate(a, 2 * a + 3) == pytest.approx(1)
