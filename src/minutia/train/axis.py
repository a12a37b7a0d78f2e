"""The axis on which all phases of a run are drawn."""

from __future__ import annotations

from typing import final

from minutia.train.plan import Plan, Span
from minutia.train.rows import Row


@final
class Axis:
    """One axis for all phases: in epochs where each of them is measured so, in steps otherwise."""

    def __init__(self, plan: Plan) -> None:
        shown = [span for span in plan.values() if span.steps]
        in_epochs = bool(shown) and all(span.steps_per_epoch for span in shown)
        self.unit = "epoch" if in_epochs else "step"
        self.per_step: dict[str, float] = {}
        self.starts: dict[str, float] = {}
        end = 0.0
        for name, span in plan.items():
            self.per_step[name] = _epochs_per_step(span) if in_epochs else 1.0
            self.starts[name] = end
            end += span.steps * self.per_step[name]
        self.ends = [start for start in self.starts.values() if start]
        """Where phases begin, but for the first."""

    def place(self, row: Row) -> float:
        """Tell where on the axis a row of the diary stands."""
        phase = str(row["phase"])
        return self.starts[phase] + int(row["step"]) * self.per_step[phase]


def _epochs_per_step(span: Span) -> float:
    return 1 / span.steps_per_epoch if span.steps_per_epoch else 0.0
