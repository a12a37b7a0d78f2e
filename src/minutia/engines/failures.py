"""Errors of engines whose library fails while it runs."""

from __future__ import annotations

from minutia.errors import EngineError


def stopped(engine: str, shape: tuple[int, ...], error: Exception) -> EngineError:
    """Say that an engine did not enlarge (N, C, H, W), and the first line of why."""
    reason = str(error).strip().partition("\n")[0] or type(error).__name__
    return EngineError(f"{engine} failed on {shape[3]}x{shape[2]} pixels: {reason}; a smaller --tile may help.")
