"""Results as Markdown and JSON, with their conventions."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from minutia.evaluate.benchmark import Result
from minutia.evaluate.measures import Measure
from minutia.markdown import table


def to_json(results: Sequence[Result]) -> str:
    """Write every picture's figures and the means as JSON, which has no infinity: PSNR of equal pictures is null."""
    entries: list[dict[str, Any]] = [
        {
            "model": result.model,
            **result.about,
            "data": result.data,
            "scale": result.scale,
            "conventions": {each.key: each.convention for each in result.measures},
            **_finite(result.mean),
            "pictures": {name: _finite(figures) for name, figures in result.pictures.items()},
        }
        for result in results
    ]
    return json.dumps(entries, indent=2, allow_nan=False)


def to_markdown(results: Sequence[Result], *, pictures: bool = False) -> str:
    """Write a table of the means, and one of every picture where `pictures` asks for it."""
    titles = [each.title for each in results[0].measures]
    means = [
        [result.data, f"x{result.scale}", result.model, *shown(result.mean, result.measures)] for result in results
    ]
    lines = table(["data", "scale", "model", *titles], means)
    if pictures:
        rows = [
            [result.data, f"x{result.scale}", name, result.model, *shown(figures, result.measures)]
            for result in results
            for name, figures in result.pictures.items()
        ]
        lines += ["", *table(["data", "scale", "picture", "model", *titles], rows)]
    return "\n".join([*lines, "", *(f"Convention: {words}." for words in conventions(results))]) + "\n"


def shown(figures: Mapping[str, float], measures: Sequence[Measure]) -> list[str]:
    """Write figures with the digits of their measures."""
    return [f"{figures[each.key]:.{each.num_digits}f}" for each in measures]


def conventions(results: Sequence[Result]) -> list[str]:
    """List the conventions of all measures, each once."""
    return list(dict.fromkeys(each.convention for result in results for each in result.measures))


def _finite(figures: Mapping[str, float]) -> dict[str, float | None]:
    return {key: figure if math.isfinite(figure) else None for key, figure in figures.items()}
