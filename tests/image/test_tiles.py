from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minutia.engines import FakeEngine
from minutia.enlarge import Network, enlarge
from minutia.errors import OutOfMemory
from minutia.image.tiles import spans
from minutia.types import Picture, Tensor

sides = st.integers(1, 70)


@settings(deadline=None, max_examples=300)
@given(st.integers(1, 400), st.integers(1, 40), st.integers(0, 12))
def test_cores_cover_every_place_once_and_windows_see_far_enough(length: int, tile: int, halo: int) -> None:
    found = spans(length, tile, halo)
    assert [0, *(span.core_stop for span in found)] == [*(span.core_start for span in found), length]
    window = found[0].stop
    assert window <= tile + 2 * halo
    for span in found:
        assert span.stop - span.start == window
        assert 0 <= span.start <= max(0, span.core_start - halo)
        assert min(length, span.core_stop + halo) <= span.stop <= length


@settings(deadline=None, max_examples=300)
@given(st.integers(1, 400), st.integers(1, 40), st.integers(0, 12))
def test_windows_are_as_few_and_as_small_as_they_can_be(length: int, tile: int, halo: int) -> None:
    found = spans(length, tile, halo)

    def reach(count: int, window: int) -> int:
        """Places that so many windows cover: each but the first sees 2 * halo of the one before it again."""
        return count * window - 2 * halo * (count - 1)

    count, window = len(found), found[0].stop
    assert count == 1 or reach(count - 1, tile + 2 * halo) < length
    assert reach(count, window - 1) < length <= reach(count, window)


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
