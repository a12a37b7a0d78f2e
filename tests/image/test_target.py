from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minutia.errors import PictureError
from minutia.image.target import Target, num_passes


@pytest.mark.parametrize(
    ("target", "size"),
    [
        (Target("scale", 2.5), (250, 500)),
        (Target("scale", 1), (100, 200)),
        (Target("width", 3000), (1500, 3000)),
        (Target("height", 333), (333, 666)),
        (Target("long_side", 1000), (500, 1000)),
        (Target("short_side", 1000), (1000, 2000)),
        (Target("megapixels", 2), (1000, 2000)),
        (Target("fit", 3840, 2160), (1920, 3840)),
        (Target("fit", 3840, 1000), (1000, 2000)),
        (Target("width", 333, step=2), (166, 332)),
    ],
)
def test_wishes(target: Target, size: tuple[int, int]) -> None:
    assert target.size(100, 200) == size


@pytest.mark.parametrize(
    "target",
    [
        Target("scale", 0.5),
        Target("width", 199),
        Target("fit", 3840, 50),
        Target("megapixels", 0.01),
        Target("scale", float("nan")),
    ],
)
def test_pictures_are_never_made_smaller(target: Target) -> None:
    with pytest.raises(PictureError, match="200x100 would become smaller; Minutia does not"):
        target.size(100, 200)


def test_wishes_that_are_none() -> None:
    with pytest.raises(PictureError, match="Unknown target 'longside'; known are scale, "):
        Target("longside", 200)  # type: ignore[arg-type]
    with pytest.raises(PictureError, match="fit needs the width and the height"):
        Target("fit", 1920)


@given(st.integers(1, 5000), st.integers(1, 5000), st.floats(1, 50), st.integers(2, 4))
def test_passes_reach_the_size_and_no_fewer_would(height: int, width: int, factor: float, scale: int) -> None:
    size = Target("scale", factor).size(height, width)
    passes = num_passes(height, width, size, scale)
    assert height * scale**passes >= size[0]
    assert width * scale**passes >= size[1]
    assert passes == 1 or height * scale ** (passes - 1) < size[0] or width * scale ** (passes - 1) < size[1]
