from __future__ import annotations

from pathlib import Path

import pytest

from minutia.engines.footprint import measure_pixel_bytes
from minutia.export import write_onnx
from minutia.nets.compact import CompactSpec
from minutia.nets.generators import GeneratorSpec
from minutia.nets.rrdb import RRDBSpec
from minutia.nets.srresnet import SRResNetSpec

VALUE = 4
"""Bytes."""


@pytest.mark.parametrize(
    ("spec", "num_values"),
    [
        # The 3 of the input, which is added at the end, and 12 before the pixel shuffle, after it and once more.
        (CompactSpec(num_blocks=2, num_features=8, scale=2), 3 + 3 * 12),
        # 8 features at four times the size, before and after a convolution, and once more.
        (RRDBSpec(num_blocks=1, num_features=8, num_growth=4), 3 * 8 * 16),
        (SRResNetSpec(num_blocks=1, num_features=8, norm="none"), 3 * 8 * 16),
    ],
)
def test_the_largest_maps_that_are_needed_at_once_are_counted(
    spec: GeneratorSpec, num_values: int, tmp_path: Path
) -> None:
    write_onnx(spec.build(), spec, tmp_path / "model.onnx")
    assert measure_pixel_bytes(tmp_path / "model.onnx") == num_values * VALUE
