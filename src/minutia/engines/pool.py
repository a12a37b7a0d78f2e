"""Several devices as one: whichever is free takes what comes next."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from queue import SimpleQueue
from typing import final

from minutia.image.passes import enlarge_pixels
from minutia.types import Area, Engine, EnlargesPixels, Pixels, Tensor


@final
class EnginePool:
    """Engines with the same model on different devices; as many threads may run at once as there are engines."""

    def __init__(self, engines: Sequence[Engine]) -> None:
        self._free: SimpleQueue[Engine] = SimpleQueue()
        for engine in engines:
            self._free.put(engine)
        self.scale = engines[0].scale
        self.description = " and ".join(engine.description for engine in engines)
        self.device = engines[0].device
        self.precision = engines[0].precision

    def run(self, x: Tensor) -> Tensor:
        """Enlarge (N, C, H, W) to (N, C, H * scale, W * scale)."""
        with self._one() as engine:
            return engine.run(x)

    def enlarge(self, pixels: Pixels, core: Area, *, lock: bool) -> Pixels:
        """Turn pixels into others, see `minutia.image.passes.enlarge_pixels`."""
        with self._one() as engine:
            if isinstance(engine, EnlargesPixels):
                return engine.enlarge(pixels, core, lock=lock)
            return enlarge_pixels(engine, pixels, core, lock=lock)

    @contextmanager
    def _one(self) -> Iterator[Engine]:
        engine = self._free.get()
        try:
            yield engine
        finally:
            self._free.put(engine)
