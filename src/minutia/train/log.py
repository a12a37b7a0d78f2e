"""The log of a run: a JSON line for every `every.log` steps and for every validation, and the same for TensorBoard."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import final

import torch
from torch import Tensor
from torch.utils.tensorboard import SummaryWriter

from minutia.files import replacing
from minutia.train.plan import Plan
from minutia.train.processes import mean_over_processes
from minutia.train.rows import Row, read_rows
from minutia.train.watch import Collapsed


@final
class Log:
    """Gathers the losses of steps and writes their means.

    Rows carry `phase` and `step`, the number done, and `epoch`, from 1, where the phase is measured in epochs.
    """

    def __init__(self, folder: Path, plan: Plan, phase: str, step: int, *, writes: bool = True) -> None:
        """Open the diary of a run at a step of a phase; rows of what came later, of a run that was cut, are dropped.

        Of several processes one writes; the others bring the losses of their parts of the batches.
        """
        names = list(plan)
        self.path = folder / "log.jsonl"
        self.phase = phase
        self.span = plan[phase]
        self.board: SummaryWriter | None = None
        self.first = sum(plan[name].steps for name in names[: names.index(phase)])
        """Steps of the phases before, for TensorBoard's single axis."""
        self.pending: list[dict[str, Tensor]] = []
        self.since = time.perf_counter()
        if not writes:
            return
        kept = [
            row
            for row in read_rows(self.path)
            # A later phase may be none of the recipe's any more.
            if row["phase"] in names and (names.index(str(row["phase"])), row["step"]) <= (names.index(phase), step)
        ]
        with replacing(self.path) as temporary:
            temporary.write_text("".join(json.dumps(row) + "\n" for row in kept), encoding="utf-8")
        self.board = SummaryWriter(str(folder / "tensorboard"), purge_step=self.first + step + 1)

    def add(self, losses: dict[str, Tensor]) -> None:
        """Remember the losses of a step, without waiting for the device to have them."""
        self.pending.append(losses)

    def flush(self, step: int, rate: float) -> Row:
        """Write the means of the steps since the last flush, `step` being the number done.

        Raises:
            Collapsed: a loss is not finite; the message tells which and at which step.
        """
        names = list(self.pending[0])
        values = torch.stack([torch.stack([losses[name].float() for name in names]) for losses in self.pending])
        values = mean_over_processes(values).cpu().double()
        broken = (~torch.isfinite(values)).nonzero()
        if len(broken):
            row, column = (int(index) for index in broken[0])
            at = step - len(self.pending) + row + 1
            raise Collapsed(
                f"The loss {names[column]} of the {self.phase} phase is {float(values[row, column])} at step {at}"
            )
        means = dict(zip(names, values.mean(dim=0).tolist(), strict=True))
        seconds = (time.perf_counter() - self.since) / len(self.pending)
        self.pending = []
        self.since = time.perf_counter()
        return self.write(step, means | {"learning_rate": rate, "seconds_per_step": seconds})

    def write(self, step: int, figures: dict[str, float], words: dict[str, str] | None = None) -> Row:
        """Write one row now; words stand in the diary, not on TensorBoard."""
        epoch = self.span.epoch(step)
        row: Row = {"phase": self.phase, "step": step}
        if epoch is not None:
            row["epoch"] = epoch
        row |= figures
        row |= words or {}
        if self.board is None:
            return row
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")
        for name, value in figures.items():
            self.board.add_scalar(f"{self.phase}/{name}", value, self.first + step)
        return row

    def pause(self) -> None:
        """Begin timing anew, after something that was no training."""
        self.since = time.perf_counter()

    def close(self) -> None:
        """Finish the files."""
        if self.board is not None:
            self.board.close()
