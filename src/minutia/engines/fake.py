"""An engine without a network, for tests of whatever stands above engines."""

from __future__ import annotations

from typing import final

import numpy as np

from minutia.types import Tensor


@final
class FakeEngine:
    """Enlarges by repeating pixels, each first replaced by a weighted sum of its neighbours up to `radius` away.

    Like a convolutional network it sees zeros beyond the border and depends on exactly the (2 * radius + 1)^2 nearest
    pixels; sums are taken in one order everywhere, so that equal neighbourhoods give equal bits.
    """

    description = "no network"
    device = "cpu"
    precision = "fp32"

    def __init__(self, scale: int = 4, radius: int = 1) -> None:
        self.scale = scale
        self.radius = radius
        random = np.random.default_rng(radius)
        weights = random.uniform(0.5, 1.0, (2 * radius + 1, 2 * radius + 1)).astype(np.float32)
        self.weights = weights / weights.sum()

    def run(self, x: Tensor) -> Tensor:
        """Enlarge (N, C, H, W) to (N, C, H * scale, W * scale)."""
        radius = self.radius
        height, width = x.shape[2:]
        padded = np.pad(x, ((0, 0), (0, 0), (radius, radius), (radius, radius)))
        y = np.zeros_like(x)
        for (row, column), weight in np.ndenumerate(self.weights):
            y += weight * padded[:, :, row : row + height, column : column + width]
        return y.repeat(self.scale, axis=2).repeat(self.scale, axis=3)
