"""Line charts as SVG that takes its colours from the page it stands in, and needs nothing else."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import TypeAlias

WIDTH, HEIGHT = 640, 260
LEFT, RIGHT, TOP, BOTTOM = 62, 14, 12, 36
"""Room for labels, in the units of the drawing."""

MAX_POINTS = 400
"""Of a line; of more, every so many are drawn."""

NUM_TICKS = 4

Point: TypeAlias = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Line:
    """A line and what it is called."""

    name: str
    points: Sequence[Point]


@dataclass(frozen=True, slots=True)
class _Frame:
    """Which values are drawn where."""

    x_min: float
    x_max: float
    y_min: float
    y_max: float

    def x(self, value: float) -> float:
        return LEFT + (value - self.x_min) / (self.x_max - self.x_min) * (WIDTH - LEFT - RIGHT)

    def y(self, value: float) -> float:
        return HEIGHT - BOTTOM - (value - self.y_min) / (self.y_max - self.y_min) * (HEIGHT - TOP - BOTTOM)


def draw_chart(lines: Sequence[Line], unit: str, *, ends: Sequence[float] = (), best: Sequence[Point] = ()) -> str:
    """Draw lines over `unit` as an SVG element; empty where there are no points.

    Args:
        ends: places on the x axis with a dashed line, where a phase ends.
        best: points with a ring around them.
    """
    points = [point for line in lines for point in line.points]
    if not points:
        return ""
    frame = _frame(points)
    parts = _grid(frame, unit)
    parts += [f'<path class="end" d="M{frame.x(end):.1f} {TOP}V{HEIGHT - BOTTOM}"/>' for end in ends]
    for index, line in enumerate(lines):
        if line.points:
            parts.append(_line(line.points, frame, index))
    for x, y in best:
        parts.append(f'<circle class="best" cx="{frame.x(x):.1f}" cy="{frame.y(y):.1f}" r="7"/>')
    names = ", ".join(line.name for line in lines if line.points)
    return f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(names)}">{"".join(parts)}</svg>'


def draw_legend(lines: Sequence[Line]) -> str:
    """Name the lines that have points, in their colours."""
    named = [(index, line.name) for index, line in enumerate(lines) if line.points]
    return "".join(f'<span class="name line{index}">{escape(name)}</span>' for index, name in named)


def find_ticks(low: float, high: float) -> list[float]:
    """Choose round values between two: 1, 2 or 5 times a power of ten apart."""
    raw = (high - low) / NUM_TICKS
    power = 10 ** math.floor(math.log10(raw))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= raw)
    first = math.ceil(low / step)
    return [count * step for count in range(first, math.floor(high / step) + 1)]


def _frame(points: Sequence[Point]) -> _Frame:
    xs, ys = [x for x, _ in points], [y for _, y in points]
    margin = 0.06 * (max(ys) - min(ys)) or 0.1 * abs(ys[0]) or 1.0
    return _Frame(0.0, max(*xs, 1e-9), min(ys) - margin, max(ys) + margin)


def _grid(frame: _Frame, unit: str) -> list[str]:
    parts = []
    for tick in find_ticks(frame.y_min, frame.y_max):
        y = frame.y(tick)
        parts.append(f'<path class="grid" d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{y + 5:.1f}" text-anchor="end">{tick:.4g}</text>')
    below = HEIGHT - BOTTOM + 18
    for tick in find_ticks(frame.x_min, frame.x_max):
        parts += [f'<text x="{frame.x(tick):.1f}" y="{below}" text-anchor="middle">{tick:,.6g}</text>']
    parts.append(f'<text x="{WIDTH - RIGHT}" y="{HEIGHT - 3}" text-anchor="end">{escape(unit)}</text>')
    return parts


def _line(points: Sequence[Point], frame: _Frame, index: int) -> str:
    every = -(-len(points) // MAX_POINTS)
    drawn = [*points[:-1:every], points[-1]]
    places = " ".join(f"{frame.x(x):.1f},{frame.y(y):.1f}" for x, y in drawn)
    dots = "".join(f'<circle r="3" cx="{frame.x(x):.1f}" cy="{frame.y(y):.1f}"/>' for x, y in drawn[:40])
    return f'<g class="line{index}"><polyline points="{places}"/>{dots if len(drawn) <= 40 else ""}</g>'
