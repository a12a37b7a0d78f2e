from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minutia.engines import FakeEngine
from minutia.enlarge import Network, enlarge
from minutia.errors import OutOfMemory
from minutia.image.tiles import plan
from minutia.types import Picture, Tensor

sides = st.integers(1, 70)


@settings(deadline=None, max_examples=200)
@given(sides, sides, st.integers(1, 40), st.integers(0, 12))
def test_cores_cover_every_pixel_once_and_windows_see_far_enough(height: int, width: int, tile: int, halo: int) -> None:
    covered = np.zeros((height, width), int)
    for piece in plan(height, width, tile, halo):
        for span, length in ((piece.rows, height), (piece.columns, width)):
            assert span.stop - span.start == min(tile + 2 * halo, length)
            assert 0 <= span.start <= max(0, span.core_start - halo)
            assert min(length, span.core_stop + halo) <= span.stop <= length
        covered[piece.rows.core_start : piece.rows.core_stop, piece.columns.core_start : piece.columns.core_stop] += 1
    assert (covered == 1).all()


@settings(deadline=None, max_examples=60)
@given(sides, sides, st.integers(1, 40), st.integers(0, 4), st.integers(0, 2**32 - 1))
def test_tiled_equals_whole_to_the_last_bit(height: int, width: int, tile: int, radius: int, seed: int) -> None:
    """16-bit outputs, where a difference of the last bits of a float can show."""
    pixels = np.random.default_rng(seed).integers(0, 65536, (height, width, 3), dtype=np.uint16)
    engine = FakeEngine(scale=2, radius=radius)
    whole = enlarge(Picture(pixels), Network(engine, halo=radius, tile=0))
    tiled = enlarge(Picture(pixels), Network(engine, halo=radius, tile=tile))
    assert np.array_equal(tiled.pixels, whole.pixels)


def test_a_halo_too_small_is_seen() -> None:
    """The test above can fail."""
    pixels = np.random.default_rng(0).integers(0, 65536, (40, 40, 3), dtype=np.uint16)
    engine = FakeEngine(scale=2, radius=3)
    whole = enlarge(Picture(pixels), Network(engine, halo=2, tile=0))
    assert not np.array_equal(enlarge(Picture(pixels), Network(engine, halo=2, tile=9)).pixels, whole.pixels)


@pytest.mark.parametrize("num_pixels", [900, 300, 20])
def test_what_is_too_much_at_once_is_cut_in_halves(photo: np.ndarray, num_pixels: int) -> None:
    class Cramped(FakeEngine):
        def run(self, x: Tensor) -> Tensor:
            if x[0, 0].size > num_pixels:
                raise OutOfMemory("too much")
            return super().run(x)

    picture = Picture(photo[:31, :45])
    wanted = enlarge(picture, Network(FakeEngine(4, radius=2), halo=2, color_lock=True))
    network = Network(Cramped(4, radius=2), halo=2, color_lock=True)
    if num_pixels < 100:
        with pytest.raises(OutOfMemory, match="too much"):
            enlarge(picture, network)
    else:
        assert np.array_equal(enlarge(picture, network).pixels, wanted.pixels)
