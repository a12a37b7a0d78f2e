"""report.html: a run on one page that needs no network and no server, renewed at every validation."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path

from PIL import Image

from minutia.files import replacing
from minutia.metrics.fidelity import BAND_CONVENTION, CONVENTION
from minutia.train.advice import advise
from minutia.train.axis import Axis
from minutia.train.charts import Line, Point, draw_chart, draw_legend
from minutia.train.config import Recipe
from minutia.train.folder import versions_path
from minutia.train.plan import Plan
from minutia.train.recipe import dump_recipe
from minutia.train.rows import Row, early_ends, goodness, read_rows
from minutia.train.samples import BICUBIC, NUM_CROPS, ORIGINAL, crop_path, moment

REPORT = "report.html"
STYLE = Path(__file__).with_name("report.css")

CHARTS: dict[str, tuple[tuple[str, str], ...]] = {
    "Generator loss": (("generator", "weighted sum"),),
    "Generator loss, by term": (("pixel", "pixel"), ("perceptual", "perceptual"), ("adversarial", "adversarial")),
    "Discriminator loss": (("discriminator", "loss"),),
    "Discriminator logits": (("logit_real", "real pictures"), ("logit_fake", "generated pictures")),
    "PSNR, dB": (
        ("psnr", "validation pictures"),
        ("training_psnr", "training pictures"),
        ("bicubic_psnr", "bicubic"),
    ),
    "VGG distance, validation": (("perceptual", "distance"),),
    "Colour drift, in 1/255": (("colour_drift", "farthest channel"),),
}
"""Charts: titles, and the columns of each with their names."""

OF_VALIDATION = ("PSNR, dB", "VGG distance, validation", "Colour drift, in 1/255")

MAX_MOMENTS = 8
"""Validations of which crops are shown."""

SHEET_QUALITY = 85


def write_report(recipe: Recipe, plan: Plan, sheet: Path) -> None:
    """Write the report of a run as its folder stands.

    Args:
        sheet: the newest sample sheet.
    """
    folder = recipe.folder
    rows = read_rows(folder / "log.jsonl")
    validations = [row for row in rows if "psnr" in row]
    best = find_best(validations, {name: phase.best for name, phase in recipe.phases.items()})
    page = [
        _head(recipe, plan, rows, best),
        _advice(rows),
        _charts(rows, Axis(plan), best),
        _crops(folder, validations, best),
        f'<h2>Newest samples</h2><img class="sheet" alt="LR, bicubic, the network, HR" src="{_as_webp(sheet)}">',
        "<h2>Reproduce</h2>",
        _details("Recipe, with all defaults", dump_recipe(recipe)),
        _details("Versions", versions_path(folder).read_text(encoding="utf-8")),
        "</body></html>",
    ]
    with replacing(folder / REPORT) as temporary:
        temporary.write_text("\n".join(page), encoding="utf-8")


def find_best(validations: Sequence[Row], best: Mapping[str, str]) -> list[Row]:
    """Find the validation of each phase whose weights are kept, by the figure that `best` names for the phase."""
    found: dict[str, Row] = {}
    for row in validations:
        phase = str(row["phase"])
        if phase not in found or goodness(row, best[phase]) > goodness(found[phase], best[phase]):
            found[phase] = row
    return list(found.values())


def _head(recipe: Recipe, plan: Plan, rows: Sequence[Row], best: Sequence[Row]) -> str:
    last = rows[-1]
    phase, step = str(last["phase"]), int(last["step"])
    span = plan[phase]
    done = phase == list(plan)[-1] and (step >= span.steps or "stopped" in last)
    epochs = f"epoch {last['epoch']} of {span.epoch(span.steps)}, " if "epoch" in last else ""
    state = "Finished." if done else f"At {epochs}step {step} of {span.steps} of the {phase} phase."
    state = " ".join([state, *early_ends(rows)])
    figures = []
    for row in best:
        words = [f"{float(row['psnr']):.2f} dB", f"SSIM {float(row['ssim']):.4f}"]
        figures.append(f"<li><b>{', '.join(words)}</b>best {_place(row, ' weights, ')}</li>")
    bicubic = [float(row["bicubic_psnr"]) for row in best[-1:] if "bicubic_psnr" in row]
    figures += [f"<li><b>{psnr:.2f} dB</b>bicubic</li>" for psnr in bicubic]
    title = escape(recipe.name)
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{title}</title><style>{STYLE.read_text(encoding='utf-8')}</style></head><body>\n"
        f'<h1>{title}</h1><p class="faint">{escape(state)}</p><ul class="figures">{"".join(figures)}</ul>'
        f'<p class="faint">PSNR and SSIM: {escape(CONVENTION if recipe.is_photo else BAND_CONVENTION)}.</p>'
    )


def _advice(rows: Sequence[Row]) -> str:
    sentences = "".join(f"<li>{escape(sentence)}</li>" for sentence in advise(rows))
    body = f'<ul class="advice">{sentences}</ul>' if sentences else '<p class="faint">No problems were found.</p>'
    return f"<h2>Advice</h2>{body}"


def _charts(rows: Sequence[Row], axis: Axis, best: Sequence[Row]) -> str:
    parts = []
    for title, figures in CHARTS.items():
        measured = title in OF_VALIDATION
        shown = [row for row in rows if ("psnr" in row) == measured]
        lines = [Line(name, _points(shown, key, axis)) for key, name in figures]
        rings = _points(best, figures[0][0], axis) if measured and title != OF_VALIDATION[-1] else []
        chart = draw_chart(lines, axis.unit, ends=axis.ends, best=rings)
        if chart:
            legend = draw_legend(lines) if len(lines) > 1 else ""
            parts.append(f'<div class="chart"><h3>{escape(title)}</h3>{legend}{chart}</div>')
    rules = "A dashed line separates the phases. " if axis.ends else ""
    note = f'<p class="faint">{rules}A ring marks the best weights.</p>'
    return f'<h2>Curves</h2>{note}<div class="charts">{"".join(parts)}</div>'


def _points(rows: Sequence[Row], key: str, axis: Axis) -> list[Point]:
    return [(axis.place(row), float(row[key])) for row in rows if key in row]


def _crops(folder: Path, validations: Sequence[Row], best: Sequence[Row]) -> str:
    """Lay the same small parts of pictures side by side, from bicubic over the run to the original."""
    moments = _spread(validations, best)
    heads = [f"<th>{_place(row, '<br>')}{' <b>best</b>' if row in best else ''}</th>" for row in moments]
    lines = []
    for index in range(NUM_CROPS):
        names = [BICUBIC, *(moment(str(row["phase"]), int(row["step"])) for row in moments), ORIGINAL]
        paths = [crop_path(folder, name, index) for name in names]
        cells = [f'<td><img alt="" src="{_as_uri(path)}"></td>' for path in paths if path.exists()]
        if cells:
            lines.append(f"<tr>{''.join(cells)}</tr>")
    head = f"<tr><th>bicubic</th>{''.join(heads)}<th>original</th></tr>"
    return f'<h2>The same crops over time</h2><div class="crops"><table>{head}{"".join(lines)}</table></div>'


def _spread(validations: Sequence[Row], best: Sequence[Row]) -> list[Row]:
    """Choose moments from the whole run: the last, the best, and others between them."""
    if len(validations) <= MAX_MOMENTS:
        return list(validations)
    wanted = {len(validations) - 1, *(index for index, row in enumerate(validations) if row in best)}
    for count in range(MAX_MOMENTS):
        if len(wanted) < MAX_MOMENTS:
            wanted.add(count * (len(validations) - 1) // (MAX_MOMENTS - 1))
    return [validations[index] for index in sorted(wanted)]


def _place(row: Row, between: str) -> str:
    """Name a validation by its phase, and its epoch or step."""
    return f"{row['phase']}{between}" + (f"epoch {row['epoch']}" if "epoch" in row else f"step {row['step']}")


def _details(title: str, text: str) -> str:
    return f"<details><summary>{title}</summary><pre>{escape(text)}</pre></details>"


def _as_uri(path: Path) -> str:
    return "data:image/png;base64," + base64.b64encode(path.read_bytes()).decode()


def _as_webp(path: Path) -> str:
    """Embed a large picture with a loss that is not seen."""
    stream = io.BytesIO()
    with Image.open(path) as image:
        image.save(stream, "WEBP", quality=SHEET_QUALITY)
    return "data:image/webp;base64," + base64.b64encode(stream.getvalue()).decode()
