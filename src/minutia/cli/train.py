"""`minutia train`: a recipe in, a run folder out."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any, final

import typer
from rich.progress import TextColumn

from minutia.cli.console import INTERRUPTED, console, make_bar
from minutia.errors import MissingExtra


def train(
    recipe: Annotated[str, typer.Argument(help="Recipe file, or the name of a bundled recipe.")],
    overrides: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Change a key of the recipe: --set data.hr=PICTURES."),
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on where the run folder stands.")] = False,
) -> None:
    """Train a network on your own pictures."""
    try:
        from minutia.train.loop import train as run_training
        from minutia.train.recipe import load_recipe
    except ImportError as error:
        raise MissingExtra("Training", "train") from error
    parsed = load_recipe(recipe, overrides or [])
    steps = {name: phase.steps for name, phase in parsed.phases.items()}
    with _stop_on_signal() as stopper, _Display(steps) as display:
        finished = run_training(
            parsed,
            resume=resume,
            report=display.show_row,
            progress=display.show_loading,
            should_stop=lambda: stopper.asked,
        )
    if not finished:
        console.print(f"Stopped; the same command with --resume goes on. The run is in {parsed.folder}.")
        raise typer.Exit(INTERRUPTED)
    console.print(f"Done. Weights, curves.png and samples are in {parsed.folder}; to use the model:")
    console.print(f"  minutia export {parsed.folder} MODEL_FOLDER")


@final
class _Stopper:
    """Whether somebody asked the run to stop."""

    asked = False


@contextmanager
def _stop_on_signal() -> Iterator[_Stopper]:
    """Turn Ctrl-C and a terminating signal into a request to stop after the step; a second Ctrl-C stops at once."""
    stopper = _Stopper()
    old: dict[int, Any] = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def ask(number: int, frame: object) -> None:
        del frame
        stopper.asked = True
        signal.signal(number, old[number])

    for number in old:
        signal.signal(number, ask)
    try:
        yield stopper
    finally:
        for number, handler in old.items():
            signal.signal(number, handler)


@final
class _Display:
    """Progress of a run, with losses, speed and time left."""

    def __init__(self, steps: dict[str, int]) -> None:
        self.steps = steps
        self.bar = make_bar(TextColumn("{task.fields[words]}"))
        self.task = self.bar.add_task("reading pictures", total=None, words="")
        self.phase = ""

    def __enter__(self) -> _Display:
        self.bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.bar.stop()

    def show_loading(self, done: int, total: int) -> None:
        """Show how many pictures are decoded."""
        self.bar.update(self.task, completed=done, total=total)

    def show_row(self, row: dict[str, str | int | float]) -> None:
        """Show a row of the log: losses on the bar, validations as lines that stay."""
        phase, step = str(row["phase"]), int(row["step"])
        if phase != self.phase:
            self.phase = phase
            self.bar.reset(self.task, total=self.steps[phase], description=phase, completed=step, words="")
        if "psnr" in row:
            names = [name for name in ("psnr", "ssim", "perceptual") if name in row]
            figures = ", ".join(f"{name} {float(row[name]):.4f}" for name in names)
            self.bar.console.print(f"{phase} step {step}: {figures}")
            return
        # The line has to fit a terminal; the log has all of them.
        hidden = {"phase", "step", "seconds_per_step", "learning_rate", "logit_real", "logit_fake"}
        losses = " ".join(f"{name} {float(value):.4f}" for name, value in row.items() if name not in hidden)
        speed = f"{float(row['seconds_per_step']):.2f} s/step"
        self.bar.update(self.task, completed=step, words=f"{losses} {speed}")
