"""The training itself: one visible loop over two phases, which can be stopped and resumed at any step."""

from __future__ import annotations

import logging
import shutil
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path

from torch import Tensor

from minutia.errors import TrainingError
from minutia.files import replacing
from minutia.train.batches import batch_seed, make_batch
from minutia.train.checkpoint import Place, load_checkpoint, read_place, save_checkpoint
from minutia.train.config import Recipe
from minutia.train.folder import CHECKPOINT, prepare_folder
from minutia.train.hold import Hold
from minutia.train.log import Log
from minutia.train.memory import shortage_told
from minutia.train.normalising import settle_normalisation
from minutia.train.outline import plan_run
from minutia.train.pace import Pace
from minutia.train.phases import Phase
from minutia.train.pictures import choose_pictures, load_pictures
from minutia.train.plan import due, shorten
from minutia.train.processes import connect
from minutia.train.record import is_over, keep_weights, validate_and_keep, was_validated
from minutia.train.resuming import find_start
from minutia.train.run import SILENT, Listener, Run
from minutia.train.schedule import learning_rate
from minutia.train.setup import make_accelerator, make_judge, make_phase, require_starts, start_discriminator
from minutia.train.watch import SLOWER, Collapsed

logger = logging.getLogger(__name__)

GOOD = "good.safetensors"
"""The checkpoint of the last validation that showed pictures."""


def train(
    recipe: Recipe,
    *,
    resume: bool | None = None,
    listener: Listener = SILENT,
    should_stop: Callable[[], bool] = lambda: False,
) -> bool:
    """Train by a recipe, from the beginning or from where its run folder stands.

    Args:
        resume: go on where the folder stands, whatever recipe it began with; False begins. None goes on with a run of
            this very recipe, and begins where there is none.
        listener: is told how the run fares.
        should_stop: asked after each step; True writes a checkpoint and returns.

    Returns:
        Whether the run is finished.

    Raises:
        TrainingError: the folder holds another run or is another process's, there is nothing to resume, a loss is not
            finite, a step does not fit into the memory, or a batch does not divide among the processes.
        DataError: pictures are missing, broken or do not pair.
    """
    accelerator = make_accelerator(recipe.hardware)
    processes = connect()
    with closing(Hold(recipe.folder)) as hold:
        start = processes.decide(partial(find_start, recipe, hold, resume=resume))
        resume, place = start is not None, start or Place("content")
        # All that a run may lack is looked for before its first step, and before anything is written.
        if start is None:
            require_starts(recipe)
        files = choose_pictures(recipe)
        judge = make_judge(recipe, accelerator)
        recipe, outline = plan_run(recipe, files, accelerator, processes, judge, resume=resume)
        listener = listener if processes.is_main else SILENT
        listener.outline(replace(outline, start=start))
        recipe = settle_normalisation(recipe, files.training, listener.loading, resume=resume)
        pictures = load_pictures(recipe, files, accelerator.device, listener.loading)
        if start is None:
            processes.decide(partial(_begin, recipe, hold))
        _check_shared(recipe.folder)
        plan = shorten(outline.plan, place.ended)
        run = Run(recipe, accelerator, pictures, plan, listener, should_stop, processes)
        names = list(run.plan)
        for name in names[names.index(place.phase) :]:
            place = place if place.phase == name else Place(name, seconds=place.seconds, ended=place.ended)
            phase = make_phase(recipe, name, accelerator, judge)
            if start is not None and name == start.phase:
                _take_up(run, phase, place)
            else:
                start_discriminator(phase)
            place = _run_watched(run, phase, place)
            if not is_over(run, place):
                break
            place = replace(place, ended=place.ended | {name: place.step})
            run = replace(run, plan=shorten(run.plan, place.ended))
        # Nobody leaves before the last checkpoint is written: launchers end all processes soon after the first.
        processes.any(False)
        return is_over(run, place)


def _begin(recipe: Recipe, hold: Hold) -> None:
    """Make the folder of a run that begins, unless another process was quicker."""
    hold.take()
    if (recipe.folder / CHECKPOINT).exists():
        raise TrainingError(
            f"Another process has trained in {recipe.folder} meanwhile; the same command continues there."
        )
    prepare_folder(recipe)


def _take_up(run: Run, phase: Phase, place: Place) -> None:
    """Bring a phase to where it stood, and write down the recipe by which it goes on."""
    checkpoint = run.folder / CHECKPOINT
    load_checkpoint(checkpoint, phase)
    # First what other settings mean for the state, should the run die before its next checkpoint.
    if run.processes.is_main and place != read_place(checkpoint):
        save_checkpoint(checkpoint, phase, place)
    run.processes.decide(partial(prepare_folder, run.recipe))


def _check_shared(folder: Path) -> None:
    """Refuse machines that do not see the folder which the main process has made."""
    if not folder.exists():
        raise TrainingError(
            f"The run folder {folder} is not visible to all processes; put it on a disk that they share."
        )


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
            since, place = place.since, replace(read_place(good), rate_factor=SLOWER)
            if place.step <= since:
                place = replace(place, best=None, num_worse=0, since=since)
            if run.processes.is_main:
                save_checkpoint(run.folder / CHECKPOINT, phase, place)
            logger.warning(
                "%s; the run returns to step %d and continues at %g of the learning rate.", collapse, place.step, SLOWER
            )


def _run_phase(run: Run, phase: Phase, place: Place) -> Place:
    """Train a phase from where it stands to its end, or to where it is asked to stop."""
    span = run.plan[phase.name]
    pace = Pace(place.step, span.steps, run.accelerator.device)
    before, began = place.seconds, time.perf_counter()
    config = phase.config
    with closing(Log(run.folder, run.plan, phase.name, place.step, writes=run.processes.is_main)) as log:
        # Its steps were lowered to where it stands.
        if place.step and is_over(run, place) and not run.processes.decide(partial(was_validated, phase, log, place)):
            place = run.processes.decide(partial(validate_and_keep, run, phase, log, place))
            if run.processes.is_main:
                _keep(run, phase, place, good=True)
        while not is_over(run, place):
            rate = place.rate_factor * learning_rate(config.schedule, place.step, span.steps)
            with shortage_told(phase.name, config.num_crops, config.lr_crop):
                log.add(phase.step(*_batch(run, phase, place.step), place.step, rate))
            done = place.step + 1
            place = replace(place, step=done, seconds=before + time.perf_counter() - began)
            _tell(run, phase, pace, done)
            stopped = run.processes.any(run.should_stop())
            now = due(run.recipe, span, done, stopped=stopped)
            if now.row:
                run.listener.row(log.flush(done, rate))
            if now.validation:
                place = run.processes.decide(partial(validate_and_keep, run, phase, log, place))
            if now.checkpoint and run.processes.is_main:
                _keep(run, phase, place, good=now.validation)
            if now.checkpoint:
                log.pause()
            if stopped:
                break
    return place


def _keep(run: Run, phase: Phase, place: Place, *, good: bool) -> None:
    keep_weights(run, phase, place, "last")
    save_checkpoint(run.folder / CHECKPOINT, phase, place)
    if good:
        with replacing(run.folder / GOOD) as temporary:
            shutil.copyfile(run.folder / CHECKPOINT, temporary)


def _tell(run: Run, phase: Phase, pace: Pace, done: int) -> None:
    run.listener.step(phase.name, done)
    seconds = pace.seconds_left(done)
    if seconds is not None:
        run.listener.time_left(phase.name, seconds)


def _batch(run: Run, phase: Phase, step: int) -> tuple[Tensor, Tensor]:
    """Cut this process's crops of the batch that all have together."""
    config, recipe = phase.config, run.recipe
    own, seed = run.processes.own(config.num_crops), batch_seed(recipe, phase.name)
    return make_batch(
        run.pictures.bank,
        recipe.data,
        config.num_crops,
        config.lr_crop,
        seed=seed,
        step=step,
        own=own,
        candidates=config.candidates,
    ).pair
