"""Rows of the diary of a run, as everything that looks back on it reads them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

Row: TypeAlias = dict[str, str | int | float]
"""Figures by name, with `phase`, `step` and perhaps `epoch`; a validation is told by its `psnr`.

`stopped` tells in words that the phase ended early with that validation, and why."""


def goodness(figures: Mapping[str, str | int | float], best: str) -> float:
    """Tell how good a validation is by the figure called `best`; higher is better, also of distances."""
    return -float(figures[best]) if best == "perceptual" else float(figures[best])


def early_ends(rows: Sequence[Row]) -> list[str]:
    """Gather the sentences that tell why phases ended early."""
    return [str(row["stopped"]) for row in rows if "stopped" in row]


def read_rows(path: Path) -> list[Row]:
    """Read a diary; empty where there is none yet. A last line cut short is left out."""
    if not path.exists():
        return []
    rows: list[Row] = []
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            rows.append(json.loads(line))
        except json.JSONDecodeError:
            break
    return rows
