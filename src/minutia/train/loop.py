"""The training itself: one visible loop over two phases, which can be stopped and resumed at any step."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from accelerate import Accelerator
from torch import Tensor

from minutia.errors import TrainingError
from minutia.image.pairs import Pair
from minutia.nets.weights import save_weights
from minutia.train.checkpoint import Place, load_checkpoint, read_place, save_checkpoint
from minutia.train.config import Recipe
from minutia.train.curves import draw_curves
from minutia.train.data import PictureBank
from minutia.train.log import Log, Row
from minutia.train.phases import Phase
from minutia.train.schedule import learning_rate
from minutia.train.setup import (
    describe_device,
    load_pictures,
    make_accelerator,
    make_judge,
    make_phase,
    prepare_folder,
    weights_path,
)
from minutia.train.validation import validate
from minutia.types import Progress, ignore_progress

CHECKPOINT = "last.safetensors"

Report = Callable[[Row], None]
"""Called with each row of the log, as it is written."""


def ignore_row(row: Row) -> None:
    """Do nothing: the report of whoever does not ask for any."""
    del row


@dataclass(frozen=True, slots=True)
class Run:
    """What stays the same through a run."""

    recipe: Recipe
    accelerator: Accelerator
    bank: PictureBank
    validation: list[Pair]
    report: Report
    should_stop: Callable[[], bool]

    @property
    def folder(self) -> Path:
        """Where everything is written."""
        return self.recipe.folder

    @property
    def phases(self) -> dict[str, int]:
        """Steps of each phase, in order."""
        return {name: phase.steps for name, phase in self.recipe.phases.items()}


def train(
    recipe: Recipe,
    *,
    resume: bool = False,
    report: Report = ignore_row,
    progress: Progress = ignore_progress,
    should_stop: Callable[[], bool] = lambda: False,
) -> bool:
    """Train by a recipe, from the beginning or from where its run folder stands.

    Args:
        report: called with every row of the log.
        progress: called while pictures are decoded.
        should_stop: asked after each step; True writes a checkpoint and returns.

    Returns:
        Whether the run is finished.

    Raises:
        TrainingError: the folder is taken, there is nothing to resume, or a loss is not finite.
        DataError: pictures are missing, broken or do not pair.
    """
    checkpoint = recipe.folder / CHECKPOINT
    if checkpoint.exists() and not resume:
        raise TrainingError(
            f"{recipe.folder} holds a run; add --resume to go on with it, or --set run=FOLDER to begin another."
        )
    place = start = read_place(checkpoint) if resume else Place("content")
    # All that a run may lack is looked for before its first step, and before anything is written.
    accelerator = make_accelerator(recipe.hardware)
    judge = make_judge(recipe, accelerator.device)
    bank, validation = load_pictures(recipe, accelerator.device, progress)
    prepare_folder(recipe)
    run = Run(recipe, accelerator, bank, validation, report, should_stop)
    for name in list(run.phases)[list(run.phases).index(place.phase) :]:
        place = place if place.phase == name else Place(name, seconds=place.seconds)
        phase = make_phase(recipe, name, accelerator, judge)
        if resume and name == start.phase:
            load_checkpoint(checkpoint, phase)
        place = _run_phase(run, phase, place)
        if place.step < phase.config.steps:
            return False
    return True


def _run_phase(run: Run, phase: Phase, place: Place) -> Place:
    """Train a phase from where it stands to its end, or to where it is asked to stop."""
    every, steps = run.recipe.every, phase.config.steps
    before, began = place.seconds, time.perf_counter()
    with closing(Log(run.folder, run.phases, phase.name, place.step)) as log:
        while place.step < steps:
            log.add(phase.step(*_batch(run, phase, place.step), place.step))
            done = place.step + 1
            place = replace(place, step=done, seconds=before + time.perf_counter() - began)
            stopped = run.should_stop()
            last = stopped or done == steps
            to_validate = done % every.validation == 0 or done == steps
            to_save = done % every.checkpoint == 0 or last
            if done % every.log == 0 or to_validate or to_save:
                run.report(log.flush(done, learning_rate(phase.config.schedule, done - 1, steps)))
            if to_validate:
                place = _validate(run, phase, log, place)
            if to_save:
                _keep_weights(run, phase, place, "last")
                save_checkpoint(run.folder / CHECKPOINT, phase, place)
            if to_validate or to_save:
                log.pause()
            if stopped:
                break
    return place


def _batch(run: Run, phase: Phase, step: int) -> tuple[Tensor, Tensor]:
    config = phase.config
    seed = 2 * run.recipe.seed + list(run.phases).index(phase.name)
    return run.bank.batch(config.batch_size, config.lr_crop, seed=seed, step=step, augment=run.recipe.data.augment)


def _validate(run: Run, phase: Phase, log: Log, place: Place) -> Place:
    """Score the averaged generator, draw sheet and curves, keep the weights where they are the best so far."""
    recipe = run.recipe
    sheet = run.folder / "samples" / f"{phase.name}-{place.step:07d}.png"
    found = validate(
        phase.ema,
        run.validation,
        recipe.network.scale,
        run.accelerator.device,
        phase.judge,
        sheet,
        recipe.validation.num_samples,
    )
    run.report(log.write(place.step, found.figures()))
    draw_curves(log.path, run.phases, run.folder / "curves.png")
    if place.best is not None and found.goodness <= place.best:
        return place
    _keep_weights(run, phase, place, "best")
    return replace(place, best=found.goodness)


def _keep_weights(run: Run, phase: Phase, place: Place, which: Literal["best", "last"]) -> None:
    """Write the averaged generator as `minutia export` takes it, with how it came about."""
    recipe, names = run.recipe, list(run.phases)
    earlier = {f"{name}_steps": run.phases[name] for name in names[: names.index(phase.name)]}
    facts = {
        "recipe": recipe.name,
        **earlier,
        f"{phase.name}_steps": place.step,
        "batch": f"{phase.config.batch_size} crops of {phase.config.lr_crop}x{phase.config.lr_crop} LR pixels",
        "seconds": round(place.seconds),
        "device": describe_device(run.accelerator.device),
    }
    path = weights_path(run.folder, phase.name, which)
    save_weights(path, recipe.network, phase.ema.module.state_dict(), training=facts)
