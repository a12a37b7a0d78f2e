"""A picture that was sent, and the limits of the server."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeAlias

from minutia.errors import MinutiaError
from minutia.web.parameters import Order

State: TypeAlias = Literal["waiting", "working", "done", "failed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """Limits of the server."""

    max_bytes: int = 100 * 2**20
    """Largest file that is accepted."""
    max_pixels: int = 2**26
    """Most pixels of an input, all its frames or pages together."""
    max_output_pixels: int = 2**30
    """Most pixels of a result."""
    max_waiting: int = 16
    """Most pictures that wait or are being sent."""
    seconds: float = 3600
    """Longest time that the network may take for a picture."""
    keep_seconds: float = 3600
    """How long a result is kept."""
    max_kept: int = 64
    """Most results that are kept; the oldest are deleted first."""
    max_kept_bytes: int = 4 * 2**30
    """Total size of the results that are kept. The newest is kept however large it is."""


class Busy(MinutiaError):
    """The queue is full."""


@dataclass(slots=True)
class Task:
    """A picture that was sent, and what has become of it."""

    key: str
    """Nobody can guess it: who knows it may fetch the picture."""
    folder: Path
    order: Order
    state: State = "waiting"
    progress: float = 0.0
    """0 to 1."""
    after: tuple[int, int] | None = None
    """Height and width of what was made."""
    warnings: list[str] = field(default_factory=list)
    """What was lost on the way, in sentences."""
    error: str | None = None
    seconds: float = 0.0
    """How long it took, reading and writing included."""
    num_bytes: int = 0
    """Of the file that was made."""
    ended: float | None = None
    """When, by time.monotonic()."""
    is_dropped: bool = False

    @property
    def result(self) -> Path:
        """What is made."""
        return self.order.job.target
