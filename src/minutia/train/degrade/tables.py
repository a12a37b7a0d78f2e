"""The tables of degradations that come with Minutia, by name."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "tables"


def known_degradations() -> dict[str, Path]:
    """Files of the tables, by name."""
    return {path.stem: path for path in sorted(FOLDER.glob("*.toml"))}


def read_table(name: str) -> dict[str, Any]:
    """Read a table as it is written.

    Raises:
        ValueError: there is none of this name.
    """
    path = known_degradations().get(name)
    if path is None:
        raise ValueError(f"there is no degradation called {name!r}; known are {', '.join(known_degradations())}.")
    return tomllib.loads(path.read_text(encoding="utf-8"))
