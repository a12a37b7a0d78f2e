"""The results, also as JSON, every number with its unit in its name."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True)
class Limit:
    """Speed of matrix multiplication on a device."""

    device: str
    precision: str
    tflop_per_s: float


@dataclass(frozen=True, slots=True)
class Speed:
    """A network in an engine: the median time of one picture, and what follows from it."""

    model: str
    engine: str
    """What runs where and how precisely, for people."""
    device: str
    precision: str
    input_megapixels: float
    """Of the picture, before it is enlarged."""
    tflop: float
    """Work in one picture, in millions of millions of operations."""
    seconds: float
    limit: Limit | None
    """Of its device at its precision; None where that could not be measured."""

    @property
    def input_megapixels_per_s(self) -> float:
        """How fast pictures go in."""
        return self.input_megapixels / self.seconds

    @property
    def seconds_per_input_megapixel(self) -> float:
        """The same, the other way round."""
        return self.seconds / self.input_megapixels

    @property
    def tflop_per_s(self) -> float:
        """Rate of operations."""
        return self.tflop / self.seconds

    @property
    def share_of_limit(self) -> float | None:
        """Rate of operations relative to that of matrix multiplication."""
        return None if self.limit is None else self.tflop_per_s / self.limit.tflop_per_s


@dataclass(frozen=True, slots=True)
class Start:
    """A whole command, from the start of its process to its end."""

    command: str
    seconds: float
    share_of_limit: float | None
    """Its network's work over all of these seconds, in the rate of matrix products; None where it has next to none."""


@dataclass(frozen=True, slots=True)
class Report:
    """All that `run_bench` measures; times are medians."""

    machine: dict[str, str | int | None]
    side: int
    """Of the picture that networks enlarge, in pixels."""
    runs: int
    limits: tuple[Limit, ...]
    speeds: tuple[Speed, ...]
    starts: tuple[Start, ...]
    left_out: tuple[str, ...]
    """A sentence for every engine that could not be measured."""


def to_json(report: Report) -> str:
    """Write a report as JSON."""
    table = {
        "machine": report.machine,
        "input_side_pixels": report.side,
        "num_runs": report.runs,
        "limits": [asdict(limit) for limit in report.limits],
        "networks": [_of_speed(speed) for speed in report.speeds],
        "starts": [asdict(start) for start in report.starts],
        "left_out": report.left_out,
    }
    return json.dumps(table, indent=2) + "\n"


def _of_speed(speed: Speed) -> dict[str, str | float | None]:
    return {
        "model": speed.model,
        "engine": speed.engine,
        "device": speed.device,
        "precision": speed.precision,
        "seconds": speed.seconds,
        "input_megapixels_per_s": speed.input_megapixels_per_s,
        "seconds_per_input_megapixel": speed.seconds_per_input_megapixel,
        "tflop_per_input_megapixel": speed.tflop / speed.input_megapixels,
        "tflop_per_s": speed.tflop_per_s,
        "share_of_limit": speed.share_of_limit,
    }
