"""`minutia upscale`: files and folders in, larger pictures out."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from minutia.cli.console import INTERRUPTED, console, errors, make_bar
from minutia.cli.options import Device, Engine, Precision

if TYPE_CHECKING:
    from minutia.batch import Outcome


def upscale(
    paths: Annotated[list[Path], typer.Argument(metavar="PATH", help="Pictures, and folders of pictures.")],
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Folder to write to; for one picture also a file.")
    ] = None,
    model: Annotated[
        str | None, typer.Option("-m", "--model", help="Name of a model (see minutia models), or its folder.")
    ] = None,
    scale: Annotated[
        int | None, typer.Option("-s", "--scale", help="Choose the model by how often it enlarges.")
    ] = None,
    tile: Annotated[
        int | None,
        typer.Option(
            "-t", "--tile", min=0, help="Side of a tile in pixels; smaller needs less memory. 0 cuts nothing."
        ),
    ] = None,
    engine: Engine = "auto",
    device: Device = "auto",
    precision: Precision = "auto",
    suffix: Annotated[
        str | None, typer.Option(help="Added to names; by default _x4 beside the source, nothing in another folder.")
    ] = None,
    form: Annotated[
        str | None, typer.Option("-f", "--format", help="png, jpg, webp, avif or tiff; by default the source's.")
    ] = None,
    quality: Annotated[int, typer.Option(min=1, max=100, help="Of JPEG, WebP and AVIF.")] = 95,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace outputs that exist.")] = False,
) -> None:
    """Enlarge pictures."""
    from minutia.batch import plan_jobs, run_jobs
    from minutia.upscaler import Upscaler
    from minutia.zoo.catalog import find_model

    card = find_model(model, scale)
    jobs = plan_jobs(paths, output, scale=card.scale, suffix=suffix, extension=form)
    upscaler = Upscaler(card, engine=engine, device=device, precision=precision, tile=tile)
    console.print(f"{card.name}, {upscaler.description}")
    outcomes: list[Outcome] = []
    began = time.perf_counter()
    try:
        with make_bar() as bar:
            task = bar.add_task("upscaling", total=len(jobs))

            def show(done: int, total: int) -> None:
                bar.update(task, completed=len(outcomes) + done / total)

            for outcome in run_jobs(jobs, upscaler, quality=quality, overwrite=overwrite, progress=show):
                outcomes.append(outcome)
                bar.update(task, completed=len(outcomes))
                _tell(outcome, card.scale)
    except KeyboardInterrupt:
        errors.print(f"Stopped after {len(outcomes)} of {len(jobs)}; the same command goes on from here.")
        raise typer.Exit(INTERRUPTED) from None
    _summarise(outcomes, time.perf_counter() - began)


def _tell(outcome: Outcome, scale: int) -> None:
    job, (width, height) = outcome.job, outcome.size
    if outcome.status == "done":
        sizes = f"{width}x{height} -> {width * scale}x{height * scale}"
        console.print(f"{job.source}  {sizes}  {outcome.seconds:.2f} s  {job.target}")
    elif outcome.status == "skipped":
        console.print(f"{job.source}  skipped, {job.target} exists")


def _summarise(outcomes: list[Outcome], seconds: float) -> None:
    """Close a batch with its totals; failures come last, where they are seen, and decide the exit status."""
    failures = [outcome for outcome in outcomes if outcome.status == "failed"]
    if len(outcomes) > 1:
        counts = {name: sum(o.status == name for o in outcomes) for name in ("done", "skipped", "failed")}
        words = ", ".join(f"{count} {name}" for name, count in counts.items() if count)
        console.print(f"{words}; {seconds:.1f} s")
    for outcome in failures:
        errors.print(f"Error: {outcome.error}", style="red")
    if failures:
        raise typer.Exit(1)
