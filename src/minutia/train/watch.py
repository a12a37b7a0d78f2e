"""Detect divergence, so that a run can return to its last good validation."""

from __future__ import annotations

from collections.abc import Sequence

from minutia.errors import TrainingError
from minutia.train.rows import Row

COLLAPSE_DB = 4.0
"""A phase whose PSNR falls so far below its best has diverged."""

SLOWER = 0.25
"""Factor on the learning rates after divergence."""


class Collapsed(TrainingError):
    """A run has diverged; where it is not to recover, an error like others."""


def find_collapse(rows: Sequence[Row], since: int = 0) -> str:
    """Say how the last validation shows that its phase has diverged; empty where it does not.

    Args:
        since: step after which figures can be compared.
    """
    last = [row for row in rows if "psnr" in row][-1]
    phase = [row for row in rows if row["phase"] == last["phase"] and "psnr" in row and int(row["step"]) > since]
    best = max([*phase, last], key=lambda row: float(row["psnr"]))
    lost = float(best["psnr"]) - float(last["psnr"])
    # Written so that NaN is a collapse.
    if lost <= COLLAPSE_DB:
        return ""
    return (
        f"The {last['phase']} phase has diverged: validation PSNR is {float(last['psnr']):.1f} dB at step "
        f"{last['step']}, after {float(best['psnr']):.1f} at step {best['step']}"
    )
