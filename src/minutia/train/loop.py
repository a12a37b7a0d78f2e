"""The training itself: one visible loop over two phases, which can be stopped and resumed at any step."""

from __future__ import annotations

import logging
import shutil
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace

from torch import Tensor

from minutia.errors import TrainingError
from minutia.files import replacing
from minutia.train.batches import batch_seed, make_batch
from minutia.train.checkpoint import Place, load_checkpoint, read_place, save_checkpoint
from minutia.train.config import Recipe
from minutia.train.folder import prepare_folder
from minutia.train.log import Log
from minutia.train.losses import PerceptualLoss
from minutia.train.normalising import settle_normalisation
from minutia.train.pace import Pace
from minutia.train.phases import Phase
from minutia.train.pictures import choose_pictures, load_pictures
from minutia.train.plan import due, make_plan
from minutia.train.record import keep_weights, validate_and_keep
from minutia.train.run import SILENT, Listener, Outline, Run
from minutia.train.schedule import learning_rate
from minutia.train.setup import make_accelerator, make_judge, make_phase
from minutia.train.watch import SLOWER, Collapsed

logger = logging.getLogger(__name__)

CHECKPOINT = "last.safetensors"
GOOD = "good.safetensors"
"""The checkpoint of the last validation that showed pictures."""


def train(
    recipe: Recipe,
    *,
    resume: bool = False,
    listener: Listener = SILENT,
    should_stop: Callable[[], bool] = lambda: False,
) -> bool:
    """Train by a recipe, from the beginning or from where its run folder stands.

    Args:
        listener: is told how the run fares.
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
    run, judge = _prepare(recipe, listener, should_stop, resume=resume)
    names = list(run.plan)
    for name in names[names.index(place.phase) :]:
        place = place if place.phase == name else Place(name, seconds=place.seconds)
        phase = make_phase(recipe, name, run.accelerator, judge)
        if resume and name == start.phase:
            load_checkpoint(checkpoint, phase)
        place = _run_watched(run, phase, place)
        if place.step < run.plan[name].steps:
            return False
    return True


def _prepare(
    recipe: Recipe, listener: Listener, should_stop: Callable[[], bool], *, resume: bool
) -> tuple[Run, PerceptualLoss | None]:
    """Gather what a run needs, and make its folder."""
    accelerator = make_accelerator(recipe.hardware)
    judge = make_judge(recipe, accelerator.device)
    chosen, network = choose_pictures(recipe), recipe.network
    plan = make_plan(recipe, len(chosen.training))
    num_bytes = chosen.num_bytes(network.scale, network.channels, normalised=recipe.data.normalisation is not None)
    listener.outline(Outline(len(chosen.training), len(chosen.held_out), num_bytes, plan))
    recipe = settle_normalisation(recipe, chosen.training, listener.loading, resume=resume)
    pictures = load_pictures(recipe, chosen, accelerator.device, listener.loading)
    prepare_folder(recipe)
    return Run(recipe, accelerator, pictures, plan, listener, should_stop), judge


def _run_watched(run: Run, phase: Phase, place: Place) -> Place:
    """Train a phase; where it breaks down, go back once to where it had not, and on more slowly."""
    while True:
        try:
            return _run_phase(run, phase, place)
        except Collapsed as collapse:
            good = run.folder / GOOD
            may_go_back = run.recipe.watch.recover and place.rate_factor == 1 and good.exists()
            if not may_go_back or read_place(good).phase != phase.name:
                advice = "lower the learning rate or the weight of a loss, then --resume"
                raise TrainingError(f"{collapse}; the last checkpoint is kept: {advice}.") from collapse
            load_checkpoint(good, phase)
            place = replace(read_place(good), rate_factor=SLOWER)
            save_checkpoint(run.folder / CHECKPOINT, phase, place)
            logger.warning("%s; the run goes back to step %d, and on at %g of the rate.", collapse, place.step, SLOWER)


def _run_phase(run: Run, phase: Phase, place: Place) -> Place:
    """Train a phase from where it stands to its end, or to where it is asked to stop."""
    span = run.plan[phase.name]
    pace = Pace(place.step, span.steps, run.accelerator.device)
    before, began = place.seconds, time.perf_counter()
    with closing(Log(run.folder, run.plan, phase.name, place.step)) as log:
        while place.step < span.steps:
            rate = place.rate_factor * learning_rate(phase.config.schedule, place.step, span.steps)
            log.add(phase.step(*_batch(run, phase, place.step), place.step, rate))
            done = place.step + 1
            place = replace(place, step=done, seconds=before + time.perf_counter() - began)
            _tell(run, phase, pace, done)
            stopped = run.should_stop()
            now = due(run.recipe, span, done, stopped=stopped)
            if now.row:
                run.listener.row(log.flush(done, rate))
            if now.validation:
                place = validate_and_keep(run, phase, log, place)
            if now.checkpoint:
                keep_weights(run, phase, place, "last")
                save_checkpoint(run.folder / CHECKPOINT, phase, place)
                log.pause()
            if now.validation:
                with replacing(run.folder / GOOD) as temporary:
                    shutil.copyfile(run.folder / CHECKPOINT, temporary)
            if stopped:
                break
    return place


def _tell(run: Run, phase: Phase, pace: Pace, done: int) -> None:
    run.listener.step(phase.name, done)
    seconds = pace.seconds_left(done)
    if seconds is not None:
        run.listener.time_left(phase.name, seconds)


def _batch(run: Run, phase: Phase, step: int) -> tuple[Tensor, Tensor]:
    config, recipe = phase.config, run.recipe
    seed = batch_seed(recipe, phase.name)
    crops = make_batch(run.pictures.bank, recipe.data, config.batch_size, config.lr_crop, seed=seed, step=step)
    return crops.lr, crops.hr
