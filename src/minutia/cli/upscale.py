"""`minutia upscale`: files and folders in, larger pictures out."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Mapping
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING, final

import typer

from minutia.cli import options as opt
from minutia.cli.console import (
    INTERRUPTED,
    byte_streams,
    console,
    errors,
    in_words,
    left_at_once,
    plain,
    remark,
    stop_on_signal,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

    from minutia.batch import Encoding, Job, Journal, Naming, Options, Outcome, Place, Plan
    from minutia.errors import MinutiaError
    from minutia.upscaler import Upscaler

DONE = {"done": "done", "current": "up to date", "skipped": "skipped", "failed": "failed"}
FORESEEN = DONE | {"done": "to make", "failed": "would fail"}
INTERRUPTION = "Ctrl-C stops a batch after the current picture, a second Ctrl-C at once. No half-written file is left."
PROMISE = "Finishing this picture; press Ctrl-C again to stop at once."


def upscale(
    paths: opt.Paths = None,
    output: opt.Output = None,
    model: opt.Model = None,
    scale: opt.Scale = None,
    form: opt.Format = None,
    recursive: opt.Recursive = False,
    width: opt.Width = None,
    height: opt.Height = None,
    long_side: opt.LongSide = None,
    short_side: opt.ShortSide = None,
    megapixels: opt.Megapixels = None,
    fit: opt.Fit = None,
    from_list: opt.FromList = None,
    suffix: opt.Suffix = None,
    overwrite: opt.Overwrite = False,
    dry_run: opt.DryRun = False,
    resume: opt.Resume = False,
    journal: opt.JournalFile = None,
    fail_fast: opt.FailFast = False,
    strength: opt.Strength = 1.0,
    denoise: opt.Denoise = 1.0,
    quality: opt.Quality = 95,
    compression: opt.Compression = "deflate",
    pyramid: opt.Pyramid = False,
    strip: opt.Strip = False,
    color_lock: opt.ColorLock = None,
    tta: opt.Tta = False,
    value_range: opt.Range = None,
    max_pixels: opt.MaxPixels = 2**30,
    allow_truncated: opt.AllowTruncated = False,
    tile: opt.Tile = None,
    memory: opt.Memory = None,
    jobs: opt.Jobs = None,
    engine: opt.Engine = "auto",
    device: opt.Device = "auto",
    precision: opt.Precision = "auto",
) -> None:
    """Enlarge pictures. photo.jpg becomes photo_x4.jpg beside it, or goes into the folder -o."""
    from minutia import batch
    from minutia.upscaler import Upscaler

    sides = {"width": width, "height": height, "long_side": long_side, "short_side": short_side}
    size = batch.read_target({"scale": scale, **sides, "megapixels": megapixels, "fit": fit})
    card, target = batch.choose_model(model, size)
    written = batch.Encoding(quality=quality, compression=compression, pyramid=pyramid)
    trusted = batch.Limits(max_pixels, allow_truncated)
    wanted = batch.Output(target=target, encoding=written, strip=strip, limits=trusted)
    ways = {"overwrite": overwrite, "resume": resume, "fail_fast": fail_fast}
    options = batch.Options(output=wanted, **ways, memory=opt.bytes_of(memory, "--memory"), num_threads=jobs)
    seen = batch.read_range(value_range)
    load = partial(Upscaler, card, strength=strength, denoise=denoise, color_lock=color_lock, tta=tta, tile=tile)
    with left_at_once(), _streams(paths, from_list, output, form) as place:
        naming = batch.Naming(output=place.output, suffix=suffix, extension=form, mark=batch.mark(card, target))
        plan = _plan(place.paths, naming, written, recursive=recursive)
        where = batch.place_of(journal, naming.folder, resume=resume, num_jobs=len(plan.jobs))
        # Which takes time: not before all mistakes.
        upscaler = load(engine=engine, device=device, precision=precision, value_range=seen)
        kept = None if where is None else batch.Journal(where, batch.settings_of(upscaler, wanted, precision))
        (_foretell if dry_run else _run)(_Report(place, plan), upscaler, options, kept)


def _streams(
    paths: list[Path] | None, from_list: Path | None, output: Path | None, form: str | None
) -> AbstractContextManager[Place]:
    from minutia.batch import gather, replaced_streams

    stdin, stdout = byte_streams()
    return replaced_streams(gather(paths or [], from_list, stdin), output, form, stdin, stdout)


def _plan(paths: Sequence[Path], naming: Naming, written: Encoding, *, recursive: bool) -> Plan:
    """Settle what is made, and say what is left out, and which settings have no effect on any of the files."""
    from minutia.batch import kinds_of, plan_jobs, unused_settings

    plan = plan_jobs(paths, naming, recursive=recursive)
    if plan.foreign:
        remark(f"Left out: {len(plan.foreign)} in formats that cannot be read ({kinds_of(plan.foreign)}).", "yellow")
    for sentence in unused_settings(written, (job.target for job in plan.jobs)):
        remark(sentence, "yellow")
    return plan


def _run(report: _Report, upscaler: Upscaler, options: Options, journal: Journal | None) -> None:
    from minutia.batch import run_jobs
    from minutia.cli.bars import PictureBars

    if journal is not None:
        journal.require_writable()
    report.say(f"{upscaler.card.name}, {upscaler.description}")
    jobs = report.plan.jobs
    places = {job: index for index, job in enumerate(jobs)}
    began = time.perf_counter()
    try:
        patience = int(len(jobs) > 1)
        with stop_on_signal(PROMISE, patience=patience) as should_stop, PictureBars(report.screen, len(jobs)) as bars:

            def show(job: Job, done: int, total: int) -> None:
                bars.show(places[job], job.source.name, done, total)

            outcomes = run_jobs(jobs, upscaler, options, journal=journal, progress=show, should_stop=should_stop)
            with closing(outcomes):
                for outcome in outcomes:
                    report.tell(outcome)
            stopped = should_stop() and len(report.outcomes) < len(jobs)
    except KeyboardInterrupt:
        report.say_stopped(options)
        raise
    report.summarise(DONE, in_words(time.perf_counter() - began))
    if stopped:
        report.say_stopped(options)
        raise typer.Exit(INTERRUPTED)
    if report.failures:
        raise typer.Exit(1)


def _foretell(report: _Report, upscaler: Upscaler, options: Options, journal: Journal | None) -> None:
    from minutia.batch import foretell

    report.say(f"{upscaler.card.name}, {upscaler.description}; nothing is written, times are estimated")
    seconds = 0.0
    for outcome in foretell(report.plan.jobs, upscaler, options, journal=journal):
        report.tell(outcome, FORESEEN, about="about ")
        seconds += outcome.seconds
    report.summarise(FORESEEN, f"about {in_words(seconds)}")
    if report.failures:
        raise typer.Exit(1)


@final
class _Report:
    """What a batch prints while it runs, and at its end."""

    def __init__(self, place: Place, plan: Plan) -> None:
        self.plan = plan
        self.screen = errors if place.writes_stream else console
        self.outcomes: list[Outcome] = []
        self._folder = place.folder

    @property
    def failures(self) -> list[MinutiaError]:
        """What went wrong: with words that mean no picture, and with pictures."""
        failed = [outcome.error for outcome in self.outcomes if outcome.status == "failed" and outcome.error]
        return [*self.plan.problems, *failed]

    def say(self, words: str) -> None:
        """Print a line."""
        self.screen.print(self._named(words))

    def tell(self, outcome: Outcome, words: Mapping[str, str] = DONE, *, about: str = "") -> None:
        """Say what became of a picture. What is up to date is only counted: it may be thousands."""
        self.outcomes.append(outcome)
        job = outcome.job
        if outcome.status == "done":
            (height, width), (tall, wide) = outcome.before, outcome.after
            sizes = f"{width}x{height} -> {wide}x{tall}" + (
                f" ({outcome.num_pictures} of them)" if outcome.num_pictures > 1 else ""
            )
            self.say(f"{job.source}  {sizes}  {about}{in_words(outcome.seconds)}  {job.target}")
        elif outcome.status == "skipped":
            self.say(f"{job.source}  skipped: {outcome.error}")
        elif outcome.status == "failed" and len(self.plan.jobs) > 1:
            self.say(f"{job.source}  {words['failed']}")

    def summarise(self, words: Mapping[str, str], end: str) -> None:
        """Close with totals; what went wrong comes last, where it is seen."""
        counts = Counter[str](outcome.status for outcome in self.outcomes)
        parts = [f"{counts[status]} {word}" for status, word in words.items() if counts[status]]
        num_left = len(self.plan.jobs) - len(self.outcomes)
        if num_left:
            parts.append(f"{num_left} not begun")
        if len(self.plan.jobs) > 1 or counts["current"]:
            self.say(f"{', '.join(parts)}; {end}")
        for error in self.failures:
            remark(self._named(f"Error: {error}"), "red")

    def say_stopped(self, options: Options) -> None:
        """Say how to continue."""
        if len(self.plan.jobs) == 1:
            remark("Stopped; nothing was written.")
            return
        how = "the same command without --overwrite" if options.overwrite and not options.resume else "the same command"
        remark(f"Stopped after {len(self.outcomes)} of {len(self.plan.jobs)}; {how} continues from here.")

    def _named(self, words: str) -> str:
        """Call the files that stand for streams what the streams are called."""
        return plain(words if self._folder is None else words.replace(f"{self._folder}{os.sep}", ""))
