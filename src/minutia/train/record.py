"""What a run writes at a validation: scores, sheets, curves, and weights."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Literal

from minutia.nets.weights import save_weights
from minutia.train.checkpoint import Place
from minutia.train.curves import draw_curves
from minutia.train.folder import weights_path, write_readme
from minutia.train.log import Log
from minutia.train.phases import Phase
from minutia.train.report import write_report
from minutia.train.rows import goodness, read_rows
from minutia.train.run import Run
from minutia.train.samples import draw_samples, moment, save_crops
from minutia.train.setup import describe_device
from minutia.train.validation import scoring, validate
from minutia.train.watch import Collapsed, find_collapse

NAMES = {"psnr": "PSNR", "ssim": "SSIM", "perceptual": "the perceptual distance"}
"""What the figures that choose the best weights are called in words."""


def validate_and_keep(run: Run, phase: Phase, log: Log, place: Place) -> Place:
    """Score the averaged generator, keep its weights where they are the best so far; renew sheets, curves, report.

    Raises:
        Collapsed: the network makes no pictures any more.
    """
    recipe, pictures = run.recipe, run.pictures
    network, spec, device = phase.ema, recipe.network, run.accelerator.device
    score, num_shown = scoring(recipe), recipe.validation.num_samples
    found = validate(network, pictures.validation, spec, device, phase.judge, num_shown, score=score)
    figures = found.figures() | {"bicubic_psnr": pictures.bicubic_psnr}
    sheet = _sheet_path(run, phase, place.step)
    draw_samples(found.shown, recipe, phase.name, sheet)
    save_crops(found.shown, recipe, phase.name, place.step)
    if pictures.training:
        known = validate(network, pictures.training, spec, device, num_shown=len(pictures.training), score=score)
        figures["training_psnr"] = known.psnr
        draw_samples(known.shown, recipe, phase.name, sheet.with_stem(f"{sheet.stem}-training"))
    before, place = place, _compare(place, goodness(figures, phase.config.best))
    words = _tell_early_end(run, phase, place)
    run.listener.row(log.write(place.step, figures, {"stopped": words} if words else None))
    collapse = find_collapse(read_rows(log.path), place.since)
    if collapse:
        raise Collapsed(collapse)
    if place.best != before.best:
        keep_weights(run, phase, place, "best")
    draw_curves(log.path, run.plan, run.folder / "curves.png")
    write_report(recipe, run.plan, sheet)
    write_readme(recipe)
    return place


def was_validated(phase: Phase, log: Log, place: Place) -> bool:
    """Tell whether the weights of a place have been scored."""
    return any((row["phase"], row["step"]) == (phase.name, place.step) and "psnr" in row for row in read_rows(log.path))


def is_over(run: Run, place: Place) -> bool:
    """Tell whether a phase has had its steps, or has had enough of them."""
    patience = run.recipe.phases[place.phase].patience
    return place.step >= run.plan[place.phase].steps or (patience is not None and place.num_worse >= patience)


def _compare(place: Place, good: float) -> Place:
    """Take a validation's goodness into account."""
    if place.best is None or good > place.best:
        return replace(place, best=good, num_worse=0)
    return replace(place, num_worse=place.num_worse + 1)


def _tell_early_end(run: Run, phase: Phase, place: Place) -> str:
    """Say that a phase ends before it has had its steps, and why; empty where it does not."""
    steps = run.plan[phase.name].steps
    if place.step >= steps or not is_over(run, place):
        return ""
    times = "validation was" if place.num_worse == 1 else f"{place.num_worse} validations were"
    return (
        f"The {phase.name} phase stopped early, after {place.step} of {steps} steps: the last {times} no better by "
        f"{NAMES[phase.config.best]} than one before, whose weights are the best."
    )


def keep_weights(run: Run, phase: Phase, place: Place, which: Literal["best", "last"]) -> None:
    """Write the averaged generator as `minutia export` takes it, with how it came about."""
    recipe, names = run.recipe, list(run.plan)
    earlier = {f"{name}_steps": run.plan[name].steps for name in names[: names.index(phase.name)]}
    facts = {
        "recipe": recipe.name,
        **earlier,
        f"{phase.name}_steps": place.step,
        "batch": f"{phase.config.num_crops} crops of {phase.config.lr_crop}x{phase.config.lr_crop} LR pixels",
        "seconds": round(place.seconds),
        "device": describe_device(run.accelerator.device),
    }
    path = weights_path(run.folder, phase.name, which)
    save_weights(path, recipe.network, phase.ema.module.state_dict(), facts, recipe.normalisation)


def _sheet_path(run: Run, phase: Phase, step: int) -> Path:
    """Where a sheet is kept: named by the epoch where one ends, by the step otherwise."""
    epoch = run.plan[phase.name].finished_epoch(step)
    name = moment(phase.name, step) if epoch is None else f"{phase.name}-epoch-{epoch:04d}"
    return run.folder / "samples" / f"{name}.png"
