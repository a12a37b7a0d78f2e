"""Self-ensemble: the mean over eight flips and rotations of a picture, each enlarged and turned back."""

from __future__ import annotations

from typing import final

import numpy as np

from minutia.types import Engine, Tensor


@final
class SelfEnsemble:
    """Any engine, asked eight times (Timofte et al. 2016, "Seven ways to improve example-based single image SR")."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    @property
    def scale(self) -> int:
        """As the engine's."""
        return self.engine.scale

    @property
    def description(self) -> str:
        """What runs where, eight times."""
        return f"{self.engine.description}, self-ensemble of 8"

    @property
    def device(self) -> str:
        """As the engine's."""
        return self.engine.device

    @property
    def precision(self) -> str:
        """As the engine's."""
        return self.engine.precision

    def run(self, x: Tensor) -> Tensor:
        """Enlarge a batch: (N, C, H, W) to (N, C, H * scale, W * scale), float32."""
        total: Tensor | None = None
        for turned in (False, True):
            for axes in ((), (2,), (3,), (2, 3)):
                seen = np.flip(x.swapaxes(2, 3) if turned else x, axes)
                y = np.flip(self.engine.run(np.ascontiguousarray(seen)), axes)
                y = y.swapaxes(2, 3) if turned else y
                total = y.copy() if total is None else total + y
        assert total is not None
        return total / np.float32(8)
