"""Tables for documents."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Write a table, line by line."""
    return [f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *rows)]
