"""Several devices as one: whichever is free takes what comes next."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from queue import SimpleQueue
from typing import final

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

    def enlarge(self, pixels: Pixels, core: Area, *, lock: bool) -> Pixels | None:
        """Turn pixels into others, see `minutia.types.EnlargesPixels`."""
        with self._one() as engine:
            return engine.enlarge(pixels, core, lock=lock) if isinstance(engine, EnlargesPixels) else None

    @contextmanager
    def _one(self) -> Iterator[Engine]:
        engine = self._free.get()
        try:
            yield engine
        finally:
            self._free.put(engine)
