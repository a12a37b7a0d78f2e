from __future__ import annotations

import numpy as np
import pytest
import torch

from minutia.engines import FakeEngine, torch_color_lock
from minutia.enlarge import Network, enlarge
from minutia.errors import OutOfMemory
from minutia.image import color_lock as locking
from minutia.image.color_lock import RADIUS, lock_colors
from minutia.types import Area, Picture, Pixels


def blurred(pixels: np.ndarray) -> np.ndarray:
    """Box mean of 15x15, of (H, W, C)."""
    windows = np.lib.stride_tricks.sliding_window_view(pixels.astype(float), (15, 15), axis=(0, 1))
    return windows.mean(axis=(-2, -1))


class Drifting:
    """Repeats pixels, each colour shifted, the one more to the right; and adds texture finer than a pixel."""

    scale = 4
    description = "drifting"

    def run(self, x: np.ndarray) -> np.ndarray:
        slope = np.linspace(0, 1, x.shape[3], dtype=np.float32)
        shifted = x + np.array([0.03, -0.02, 0.01], np.float32)[:, None, None] * slope
        y = shifted.repeat(4, axis=2).repeat(4, axis=3)
        y[:, :, ::2, ::2] += 0.04
        y[:, :, 1::2, ::2] -= 0.04
        return y


@pytest.mark.parametrize("lock", [False, True])
def test_mean_and_blurred_copy_match_the_source(photo: np.ndarray, lock: bool) -> None:
    photo = np.clip(photo, 20, 235)  # A drift that was clipped away cannot be mended everywhere.
    large = enlarge(Picture(photo), Network(Drifting(), halo=0, color_lock=lock)).pixels
    means = large.reshape(photo.shape[0], 4, photo.shape[1], 4, 3).mean(axis=(1, 3))
    mean = np.abs(means.mean(axis=(0, 1)) - photo.mean(axis=(0, 1))).max()
    blur = np.abs(blurred(means) - blurred(photo)).max()
    assert (mean < 0.5 and blur < 0.5) if lock else (mean > 2 and blur > 4)


def test_a_gpu_locks_as_the_processor_does(photo: np.ndarray) -> None:
    x = photo.transpose(2, 0, 1)[None].astype(np.float32) / 255
    y = Drifting().run(x)
    ours = torch_color_lock.lock_colors(torch.from_numpy(y.copy()), torch.from_numpy(x), 4)
    assert np.abs(ours.numpy() - lock_colors(y.copy(), x, 4)).max() < 1e-5


@pytest.mark.parametrize("lock", [False, True])
def test_an_engine_may_make_pixels_by_itself(photo: np.ndarray, lock: bool) -> None:
    class Painting(Drifting):
        num_pixels = 1000

        def enlarge(self, pixels: Pixels, core: Area, *, lock: bool) -> Pixels:
            if pixels[:, :, 0].size > self.num_pixels:
                raise OutOfMemory("too much")
            return np.full((*pixels.shape[:2], 3), lock, pixels.dtype).repeat(4, axis=0).repeat(4, axis=1)[core]

    for small in (photo[:20, :20], photo[:20, :20] * np.uint16(257)):
        assert (enlarge(Picture(small), Network(Painting(), halo=0, color_lock=lock)).pixels == lock).all()
    others = photo[:, :, :1], photo[:20, :20].astype(np.float32) / 255, photo  # Grey, floats, and too large.
    for other in others:
        whole, wanted = (
            enlarge(
                Picture(other),
                Network(each, halo=0, color_lock=lock, value_range=(0, 1) if other.dtype.kind == "f" else None),
            )
            for each in (Painting(), Drifting())
        )
        assert np.array_equal(whole.pixels, wanted.pixels)


def test_detail_stays(photo: np.ndarray) -> None:
    x = photo.transpose(2, 0, 1)[None].astype(np.float32) / 255
    x = np.clip(x, 0.2, 0.8)
    y = Drifting().run(x)
    locked = lock_colors(y.copy(), x, 4)
    texture, kept = y[:, :, ::2, ::2] - y[:, :, 1::2, ::2], locked[:, :, ::2, ::2] - locked[:, :, 1::2, ::2]
    assert np.abs(texture - kept).mean() < 0.002
    assert texture.mean() == pytest.approx(0.08, abs=1e-3)


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_locked_tiles_equal_the_whole(photo: np.ndarray, scale: int) -> None:
    engine = FakeEngine(scale, radius=2)
    whole = enlarge(Picture(photo), Network(engine, halo=2, color_lock=True, tile=0)).pixels
    tiled = enlarge(Picture(photo), Network(engine, halo=2, color_lock=True, tile=17)).pixels
    assert np.array_equal(whole, tiled)
    assert not np.array_equal(whole, enlarge(Picture(photo), Network(engine, halo=2, tile=0)).pixels)


def test_bands_do_not_show(photo: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    x = photo.transpose(2, 0, 1)[None].astype(np.float32) / 255
    y = Drifting().run(x)
    whole = lock_colors(y.copy(), x, 4)
    num_bands = []
    for pixels in (1, 12 * photo.shape[1]):
        monkeypatch.setattr(locking, "BAND", pixels)
        num_bands.append(len(locking._bands(x)))
        assert np.array_equal(lock_colors(y.copy(), x, 4), whole)
    assert num_bands[0] > num_bands[1] > 1


def test_a_correction_reaches_no_further_than_it_says() -> None:
    x = np.full((1, 1, 1, 81), 0.5, np.float32)
    y = x.repeat(4, axis=2).repeat(4, axis=3)
    spot = x.copy()
    spot[..., 40] += 0.1
    changed = np.flatnonzero((lock_colors(y.copy(), spot, 4) != lock_colors(y.copy(), x, 4))[0, 0, 0])
    assert changed.min() // 4 >= 40 - RADIUS
    assert changed.max() // 4 <= 40 + RADIUS
    assert changed.min() // 4 < 40 - RADIUS // 4
