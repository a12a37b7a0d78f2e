from __future__ import annotations

import numpy as np
import pytest
import torch
from skimage import data
from torch import Tensor, nn

from minutia.image.pairs import Pair
from minutia.image.resize import downscale
from minutia.nets.minutianet import MinutiaNetSpec
from minutia.train import validation
from minutia.train.validation import validate

SPEC = MinutiaNetSpec(scale=2, num_blocks=1, num_features=4)


class Watched(nn.Module):
    """A network that notes what it sees at once."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.network, self.seen = SPEC.build(), set[tuple[int, ...]]()

    def forward(self, x: Tensor) -> Tensor:
        self.seen.add(tuple(x.shape[2:]))
        y: Tensor = self.network(x)
        return y


def test_large_pictures_are_enlarged_in_tiles_and_no_seam_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    hr = np.ascontiguousarray(data.astronaut()[:128, :180])
    pair, cpu = Pair("astronaut", hr, downscale(hr, 2)), torch.device("cpu")
    network = Watched()
    whole = validate(network, [pair], SPEC, cpu, num_shown=1)
    assert network.seen == {(64, 90)}
    monkeypatch.setattr(validation, "TILE", 16)
    network.seen.clear()
    tiled = validate(network, [pair], SPEC, cpu, num_shown=1)
    assert all(max(sides) <= 16 + 2 * SPEC.halo() < 64 for sides in network.seen)
    assert tiled.psnr == pytest.approx(whole.psnr, abs=1e-3)
    # Rounding to 8 bits may tip, nothing else.
    assert np.abs(tiled.shown[0].sr.astype(int) - whole.shown[0].sr).max() <= 1
