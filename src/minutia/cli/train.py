"""`minutia train`: a recipe in, a run folder out."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Annotated, final

import typer

from minutia.cli.console import INTERRUPTED, console, in_words, stop_on_signal
from minutia.cli.options import HrFolders, LrFolders
from minutia.errors import needs_extra

if TYPE_CHECKING:
    from minutia.train.config import Recipe
    from minutia.train.plan import Plan, Span
    from minutia.train.run import Batch, Listener, Outline

PROMISE = "Stopping after this step; progress is saved. Press Ctrl-C again to stop at once."

VALIDATION = ("psnr", "ssim", "perceptual", "training_psnr")
LOSSES = ("pixel", "perceptual", "adversarial", "discriminator")
"""Those that fit into a line of the terminal; the log has all of them."""


def train(
    recipe: Annotated[str, typer.Argument(metavar="RECIPE", help="Recipe file, or the name of a bundled recipe.")],
    hr: HrFolders = None,
    lr: LrFolders = None,
    epochs: Annotated[
        int | None,
        typer.Option(
            min=0,
            metavar="N",
            help="Epochs of the adversarial phase, or of content where that is the only phase; default: the recipe's.",
        ),
    ] = None,
    overrides: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Change a key of the recipe: --set content.steps=1000."),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Continue the run in the run folder, even if the recipe has changed.")
    ] = False,
) -> None:
    """Train a network on your own pictures.

    On several GPUs or machines: torchrun --nproc-per-node N -m minutia train RECIPE, or accelerate launch.
    """
    with needs_extra("Training", "train"):
        from minutia.train.loop import train as run_training
        from minutia.train.processes import disconnect, is_main_process
        from minutia.train.recipe import load_recipe
        from minutia.train.run import SILENT
    parsed = load_recipe(recipe, overrides or [], hr=hr, lr=lr, epochs=epochs)
    speaks = is_main_process()
    if not speaks:
        logging.getLogger("minutia").setLevel(logging.ERROR)
    with (
        stop_on_signal(PROMISE if speaks else "") as should_stop,
        _listening(should_stop) if speaks else nullcontext(SILENT) as listener,
    ):
        finished = run_training(parsed, resume=resume or None, listener=listener, should_stop=should_stop)
    disconnect()
    if speaks:
        _say_end(parsed, finished=finished)
    if not finished:
        raise typer.Exit(INTERRUPTED)


def _say_end(parsed: Recipe, *, finished: bool) -> None:
    if not finished:
        console.print(f"Stopped; the same command resumes the run. It is in {parsed.folder}.")
        return
    console.print(f"Done. {parsed.folder / 'README.txt'} lists the files; to use the model:")
    console.print(f"  minutia export {parsed.folder} MODEL_FOLDER")
    console.print("  minutia upscale PICTURE -m MODEL_FOLDER")


@contextmanager
def _listening(should_stop: Callable[[], bool]) -> Iterator[Listener]:
    from minutia.train.run import Listener

    def show_loading(done: int, total: int) -> None:
        display.show_loading(done, total)
        if should_stop():
            raise KeyboardInterrupt  # There is nothing yet to be kept.

    with _Display() as display:
        yield Listener(
            outline=display.show_outline,
            loading=show_loading,
            step=display.show_step,
            time_left=display.show_time_left,
            row=display.show_row,
        )


@final
class _Display:
    """Plan of a run, then its progress, with losses, speed and time left."""

    def __init__(self) -> None:
        self.plan: Plan = {}
        from minutia.cli.bars import make_bar

        self.bar = make_bar(has_words=True)
        self.task = self.bar.add_task("reading pictures", total=None, words="")
        self.phase = ""

    def __enter__(self) -> _Display:
        self.bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.bar.stop()

    def show_outline(self, outline: Outline) -> None:
        """Say how much there is to do, before it begins."""
        from minutia.memory import spell_bytes

        self.plan = outline.plan
        if outline.start is not None:
            self.bar.console.print(f"The run continues after step {outline.start.step} of {outline.start.phase}.")
        self.bar.console.print(
            f"{outline.num_training} training pictures ({spell_bytes(outline.num_bytes)} of memory), "
            f"{outline.num_held_out} validation pictures"
        )
        self.bar.console.print(f"device: {outline.device}")
        for name, span in outline.plan.items():
            if span.steps:
                self.bar.console.print(f"{name}: {_length(span)}")
            if name in outline.chosen:
                self.bar.console.print(f"  {_size(outline.chosen[name])}")
        if outline.num_processes > 1:
            self.bar.console.print(
                f"{outline.num_processes} processes; each holds all pictures, and computes a share of each batch"
            )

    def show_loading(self, done: int, total: int) -> None:
        """Show how many pictures are decoded."""
        self.bar.update(self.task, completed=done, total=total)

    def show_step(self, phase: str, done: int) -> None:
        """Move the bar."""
        if phase != self.phase:
            self.phase = phase
            self.bar.reset(self.task, total=self.plan[phase].steps, description=phase, words="")
        self.bar.update(self.task, completed=done)

    def show_time_left(self, phase: str, seconds: float) -> None:
        """Say how long a phase takes, estimated from its first steps."""
        self.bar.console.print(f"{phase}: about {in_words(seconds)} left, validations not included")

    def show_row(self, row: dict[str, str | int | float]) -> None:
        """Show a row of the log: losses on the bar, validations as lines that stay."""
        phase, step = str(row["phase"]), int(row["step"])
        place = f"epoch {row['epoch']}, step {step}" if "epoch" in row else f"step {step}"
        if "psnr" in row:
            figures = ", ".join(f"{name} {float(row[name]):.4f}" for name in VALIDATION if name in row)
            self.bar.console.print(f"{phase} {place}: {figures}")
            if "stopped" in row:
                self.bar.console.print(row["stopped"])
            return
        losses = " ".join(f"{name} {float(row[name]):.4f}" for name in LOSSES if name in row)
        speed = f"{float(row['seconds_per_step']):.2f} s/step"
        self.bar.update(self.task, words=f"{place}: {losses} {speed}")


def _length(span: Span) -> str:
    if span.steps_per_epoch is None:
        return f"{span.steps} steps"
    num_epochs = span.epoch(span.steps)
    return (
        f"{num_epochs} {'epoch' if num_epochs == 1 else 'epochs'} of {span.steps_per_epoch} steps, {span.steps} steps"
    )


def _size(batch: Batch) -> str:
    from minutia.memory import spell_bytes

    needed, free = spell_bytes(batch.num_bytes), spell_bytes(batch.num_free)
    return f"batches of {batch.num_crops} crops: a step needs about {needed} of memory, and {free} is free"
