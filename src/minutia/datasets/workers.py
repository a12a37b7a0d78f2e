"""Parallel work on many files, on all cores."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

MAX_WORKERS = 8
"""Each may hold a large picture as float64, several times."""


def in_order(work: Callable[[Item], Result], items: Sequence[Item]) -> Iterator[Result]:
    """Do the work on each item, several at once, and give the results in the order of the items.

    Whatever the work raises comes out at its place; what has not begun by then is not done.
    """
    pool = ThreadPoolExecutor(min(MAX_WORKERS, os.cpu_count() or 1))
    try:
        for future in [pool.submit(work, item) for item in items]:
            yield future.result()
    finally:
        pool.shutdown(cancel_futures=True)
