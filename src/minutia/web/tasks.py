"""What is known of a picture that was sent, and how much is taken on."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeAlias

from minutia.errors import MinutiaError
from minutia.web.wishes import Order

State: TypeAlias = Literal["waiting", "working", "done", "failed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """How much is taken on."""

    max_bytes: int = 100 * 2**20
    """Of a file that is sent."""
    max_pixels: int = 2**26
    """Of a picture that is sent, all its frames or pages together."""
    max_output_pixels: int = 2**30
    """Of what is made of it."""
    max_waiting: int = 16
    """Pictures that wait or are being sent; more are refused."""
    seconds: float = 3600
    """That the network may take for a picture."""
    keep_seconds: float = 3600
    """That a picture is kept after it is made."""
    max_kept: int = 64
    """Pictures that are kept; the oldest go first."""
    max_kept_bytes: int = 4 * 2**30
    """Of their files. The newest is kept however large it is."""


class Busy(MinutiaError):
    """As many pictures wait as may."""


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
