"""Results as Markdown and JSON; the convention stands beside the figures."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from minutia.evaluate.benchmark import Result


def to_json(results: Sequence[Result]) -> str:
    """Write every picture's figures and the means as JSON."""
    table: list[dict[str, Any]] = [
        {
            "model": result.model,
            "data": result.data,
            "scale": result.scale,
            "convention": result.convention,
            "psnr": result.mean.psnr,
            "ssim": result.mean.ssim,
            "pictures": {name: {"psnr": score.psnr, "ssim": score.ssim} for name, score in result.pictures.items()},
        }
        for result in results
    ]
    return json.dumps(table, indent=2)


def to_markdown(results: Sequence[Result], *, pictures: bool = False) -> str:
    """Write a table of the means, and one of every picture where `pictures` asks for it."""
    lines = _table(["data", "scale", "model", "PSNR-Y, dB", "SSIM-Y"], [_mean_row(result) for result in results])
    if pictures:
        rows = [
            [result.data, name, result.model, f"{score.psnr:.2f}", f"{score.ssim:.4f}"]
            for result in results
            for name, score in result.pictures.items()
        ]
        lines += ["", *_table(["data", "picture", "model", "PSNR-Y, dB", "SSIM-Y"], rows)]
    conventions = sorted({result.convention for result in results})
    return "\n".join([*lines, "", *(f"Convention: {convention}." for convention in conventions)]) + "\n"


def _mean_row(result: Result) -> list[str]:
    mean = result.mean
    return [result.data, f"x{result.scale}", result.model, f"{mean.psnr:.2f}", f"{mean.ssim:.4f}"]


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    return [f"| {' | '.join(row)} |" for row in [head, ["---"] * len(head), *rows]]
