"""`minutia video`: a film in, a larger film out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from minutia.cli.console import INTERRUPTED, console, errors
from minutia.cli.options import Device, Engine, Precision
from minutia.errors import MissingExtra
from minutia.types import Progress as Report


def video(
    film: Annotated[Path, typer.Argument(metavar="FILM", help="An MP4, MOV, MKV, WebM or any other film.")],
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Folder or file to write to; by default beside the film.")
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
    codec: Annotated[
        str | None, typer.Option(help="Encoder, as FFmpeg calls it; by default libx264, in WebM libvpx-vp9.")
    ] = None,
    crf: Annotated[
        int | None, typer.Option(min=0, max=63, help="Quality of the codec: less is better, and larger.")
    ] = None,
    segment_seconds: Annotated[
        float, typer.Option(min=0.1, help="What has to be made again at most after a stop, in seconds of the film.")
    ] = 10,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an output that exists.")] = False,
) -> None:
    """Enlarge a film. Stopped at any moment, the same command goes on from there."""
    try:
        from minutia.video import choose_target, upscale_video
    except ImportError as error:
        raise MissingExtra("Enlarging films", "video") from error
    from minutia.upscaler import Upscaler
    from minutia.zoo.catalog import find_model

    card = find_model(model, scale)
    target = choose_target(film, output, card.scale)
    upscaler = Upscaler(card, engine=engine, device=device, precision=precision, tile=tile)
    console.print(f"{card.name}, {upscaler.description}")
    with _shown() as show:
        summary = upscale_video(
            film,
            target,
            upscaler,
            codec=codec,
            crf=crf,
            segment_seconds=segment_seconds,
            overwrite=overwrite,
            progress=show,
        )
    width, height = summary.size
    sizes = f"{width}x{height} -> {width * card.scale}x{height * card.scale}"
    kept = f", {summary.num_kept} of them by an earlier run" if summary.num_kept else ""
    console.print(f"{film}  {sizes}  {summary.num_frames} frames{kept}  {summary.seconds:.1f} s  {target}")


@contextmanager
def _shown() -> Iterator[Report]:
    """Show frames on a bar with time left, from the first on; after Ctrl-C, say how to go on."""
    from minutia.cli.bars import make_bar

    bar = make_bar()
    at = (0, 0)

    def show(done: int, total: int) -> None:
        nonlocal at
        at = (done, total)
        if not bar.tasks:  # Frames of an earlier run are where the bar begins: they tell nothing of this one's speed.
            bar.add_task("upscaling", completed=done)
            bar.start()
        bar.update(bar.tasks[0].id, completed=done, total=total)

    try:
        yield show
    except KeyboardInterrupt:
        bar.stop()
        where = f" at frame {at[0]} of {at[1]}" if at[1] else ""
        errors.print(f"Stopped{where}; the same command goes on from the last segment that is whole.")
        raise typer.Exit(INTERRUPTED) from None
    finally:
        bar.stop()
