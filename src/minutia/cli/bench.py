"""`minutia bench`: speed of this machine, and the share of it that models reach."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, cast

import typer

from minutia import types
from minutia.cli.console import console, remark
from minutia.cli.options import Device, Json, Precision
from minutia.files import require_place, write_text

if TYPE_CHECKING:
    from minutia.bench.report import Report


def bench(
    models: Annotated[
        list[str] | None,
        typer.Argument(metavar="[MODEL]...", help="Models, by name or folder; without any, the default model."),
    ] = None,
    json_file: Json = None,
    side: Annotated[int, typer.Option("--size", min=8, metavar="PIXELS", help="Side of the picture in pixels.")] = 256,
    runs: Annotated[int, typer.Option(min=1, metavar="N", help="Number of runs; medians are reported.")] = 5,
    engines: Annotated[
        list[str] | None,
        typer.Option(
            "--engine",
            metavar="NAME",
            help="openvino, torch or onnxruntime; may be repeated; by default all that are installed.",
        ),
    ] = None,
    device: Device = "auto",
    precision: Precision = "auto",
) -> None:
    """Measure speed: of this machine, of models, of whole commands."""
    from minutia.bench.report import to_json
    from minutia.bench.run import run_bench
    from minutia.cli.bars import progress_bar
    from minutia.zoo.catalog import find_model

    if json_file is not None:
        require_place(json_file)
    cards = [find_model(model) for model in models] if models else [find_model()]
    with progress_bar("measuring") as progress:
        report = run_bench(
            cards,
            engines=cast("list[types.EngineName]", engines or []),  # Typer has no lists of literals.
            device=device,
            precision=precision,
            side=side,
            runs=runs,
            progress=progress,
        )
    _show(report)
    if json_file is not None:
        write_text(json_file, to_json(report))


def _show(report: Report) -> None:
    from rich.table import Column, Table

    console.print(f"{report.machine['processor']}, {report.machine['num_cores']} cores; medians of {report.runs} runs")
    limits = Table("matrix multiplication", "TFLOP/s")
    for limit in report.limits:
        limits.add_row(f"{limit.device}, {limit.precision}", f"{limit.tflop_per_s:.3f}")
    networks = Table(Column("model", no_wrap=True), "engine", "MP/s", "s/MP", "TFLOP/s", "% of matmul")
    for speed in report.speeds:
        networks.add_row(
            speed.model,
            speed.engine,
            f"{speed.input_megapixels_per_s:.3f}",
            f"{speed.seconds_per_input_megapixel:.2f}",
            f"{speed.tflop_per_s:.3f}",
            _percent(speed.share_of_limit),
        )
    starts = Table("whole command", "s", "% of matmul")
    for start in report.starts:
        starts.add_row(start.command, f"{start.seconds:.2f}", _percent(start.share_of_limit))
    console.print(limits)
    console.print(networks)
    console.print(starts)
    console.print(
        f"MP: megapixels of the input, here {report.side}x{report.side} pixels. % of matmul: share of the speed above."
    )
    for sentence in report.left_out:
        remark(sentence, "yellow")


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{share:.0%}"
