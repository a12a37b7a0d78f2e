"""`minutia video`: enlarges a video."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from minutia.cli import options as opt
from minutia.cli.console import INTERRUPTED, console, errors
from minutia.errors import needs_extra
from minutia.types import Progress as Report

Output: TypeAlias = Annotated[
    Path | None, typer.Option("-o", "--output", metavar="PATH", help="Folder or file; by default beside the video.")
]
Codec: TypeAlias = Annotated[
    str | None, typer.Option(metavar="NAME", help="FFmpeg encoder; by default libx264, in WebM libvpx-vp9.")
]
Crf: TypeAlias = Annotated[
    int | None,
    typer.Option(
        min=0, max=63, metavar="N", help="Constant rate factor: lower values give better quality and larger files."
    ),
]
SegmentSeconds: TypeAlias = Annotated[
    float,
    typer.Option(min=0.1, metavar="SECONDS", help="Length of a segment; at most one is processed again after a stop."),
]


def video(
    film: Annotated[Path, typer.Argument(metavar="VIDEO", help="MP4, MOV, MKV, WebM or any other video.")],
    output: Output = None,
    model: opt.Model = None,
    scale: opt.Scale = None,
    width: opt.Width = None,
    height: opt.Height = None,
    fit: opt.Fit = None,
    strength: opt.Strength = 1.0,
    denoise: opt.Denoise = 1.0,
    color_lock: opt.ColorLock = None,
    tta: opt.Tta = False,
    tile: opt.Tile = None,
    engine: opt.Engine = "auto",
    device: opt.Device = "auto",
    precision: opt.Precision = "auto",
    codec: Codec = None,
    crf: Crf = None,
    segment_seconds: SegmentSeconds = 10,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an existing output.")] = False,
) -> None:
    """Enlarge a video. After a stop, the same command continues."""
    with needs_extra("Enlarging videos", "video"):
        from minutia.video import choose_target, upscale_video
    from minutia import batch
    from minutia.upscaler import Upscaler

    asked = batch.read_target({"scale": scale, "width": width, "height": height, "fit": fit})
    card, size = batch.choose_model(model, asked)
    target = choose_target(film, output, batch.mark(card, size))
    load = partial(Upscaler, card, strength=strength, denoise=denoise, color_lock=color_lock, tta=tta, tile=tile)
    upscaler = load(engine=engine, device=device, precision=precision)
    console.print(f"{card.name}, {upscaler.description}")
    with _shown() as show:
        summary = upscale_video(
            film,
            target,
            upscaler,
            size=size,
            codec=codec,
            crf=crf,
            segment_seconds=segment_seconds,
            overwrite=overwrite,
            progress=show,
        )
    sizes = " -> ".join(f"{across}x{down}" for down, across in (summary.before, summary.after))
    kept = f", {summary.num_kept} of them by an earlier run" if summary.num_kept else ""
    console.print(f"{film}  {sizes}  {summary.num_frames} frames{kept}  {summary.seconds:.1f} s  {target}")


@contextmanager
def _shown() -> Iterator[Report]:
    """Show frames on a bar with time left, from the first on; after Ctrl-C, say how to continue."""
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
        errors.print(f"Stopped{where}; the same command continues after the last complete segment.")
        raise typer.Exit(INTERRUPTED) from None
    finally:
        bar.stop()
