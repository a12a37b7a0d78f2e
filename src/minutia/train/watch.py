"""Tell that a run has broken down, so that it can go back to where it had not."""

from __future__ import annotations

from collections.abc import Sequence

from minutia.errors import TrainingError
from minutia.train.rows import Row

COLLAPSE_DB = 4.0
"""A network whose PSNR falls so far below the best of its phase makes no pictures any more."""

SLOWER = 0.25
"""Factor on the learning rates after a run went back."""


class Collapsed(TrainingError):
    """A run has broken down; for a user who does not want it to go back, an error like others."""


def find_collapse(rows: Sequence[Row], since: int = 0) -> str:
    """Say how the last validation shows that its phase has broken down; empty where it does not.

    Args:
        since: step after which figures can be compared.
    """
    last = [row for row in rows if "psnr" in row][-1]
    phase = [row for row in rows if row["phase"] == last["phase"] and "psnr" in row and int(row["step"]) > since]
    best = max([*phase, last], key=lambda row: float(row["psnr"]))
    lost = float(best["psnr"]) - float(last["psnr"])
    # Written so that what is no number is a collapse.
    if lost <= COLLAPSE_DB:
        return ""
    return (
        f"The {last['phase']} phase has broken down: validation PSNR is {float(last['psnr']):.1f} dB at step "
        f"{last['step']}, after {float(best['psnr']):.1f} at step {best['step']}"
    )
