from __future__ import annotations

import numpy as np
import pytest

from minutia.engines import FakeEngine


@pytest.mark.parametrize("radius", [0, 1, 3])
def test_an_output_pixel_depends_on_exactly_the_radius(radius: int) -> None:
    engine = FakeEngine(scale=2, radius=radius)
    x = np.random.default_rng(0).random((1, 1, 11, 11), dtype=np.float32)
    before = engine.run(x)
    assert before.shape == (1, 1, 22, 22)
    assert before.dtype == np.float32
    for row, column in np.ndindex(11, 11):
        changed = x.copy()
        changed[0, 0, row, column] += 1
        near = max(abs(row - 5), abs(column - 5)) <= radius
        assert (engine.run(changed) != before)[0, 0, 10:12, 10:12].all() == near


def test_beyond_the_border_is_black() -> None:
    y = FakeEngine(scale=1, radius=1).run(np.ones((1, 1, 5, 5), np.float32))
    assert y[0, 0, 2, 2] == pytest.approx(1)
    assert y[0, 0, 0, 2] < 0.8
