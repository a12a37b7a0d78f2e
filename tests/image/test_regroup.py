import gc
import weakref
from collections.abc import Iterator

import numpy as np
import pytest

from minutia.image.regroup import regrouped

ROWS = np.arange(40).reshape(20, 2, 1)


@pytest.mark.parametrize("heights", [[20], [4] * 5, [1, 19], [3, 4, 2, 11], [8, 8, 4], [1] * 20, [7, 1, 12]])
@pytest.mark.parametrize("num_rows", [1, 4, 7, 20, 50])
def test_rows_come_by_another_number(heights: list[int], num_rows: int) -> None:
    edges = np.cumsum([0, *heights])
    given = list(regrouped((ROWS[top : top + height] for top, height in zip(edges, heights, strict=False)), num_rows))
    assert np.array_equal(np.concatenate(given), ROWS)
    assert {len(rows) for rows in given[:-1]} <= {num_rows}
    assert 0 < len(given[-1]) <= num_rows


def test_a_strip_is_let_go_before_the_next_is_made() -> None:
    made: list[weakref.ref[np.ndarray]] = []

    def strips() -> Iterator[np.ndarray]:
        for height in (8, 9, 4, 3):
            gc.collect()
            assert all(strip() is None for strip in made)
            strip = np.zeros((height, 2, 1))
            made.append(weakref.ref(strip))
            yield strip
            del strip

    assert sum(len(rows) for rows in regrouped(strips(), 4)) == 24
    for _ in regrouped(strips(), 4):  # What a consumer holds are no views either.
        pass
