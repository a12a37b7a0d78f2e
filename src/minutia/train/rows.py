"""Rows of the diary of a run, as everything that looks back on it reads them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TypeAlias

Row: TypeAlias = dict[str, str | int | float]
"""Figures by name, with `phase`, `step` and perhaps `epoch`; a validation is told by its `psnr`."""


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
