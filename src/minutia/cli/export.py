"""`minutia export`: from a training run to a model that `minutia upscale` uses."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from minutia.cli.console import console
from minutia.errors import needs_extra

Source: TypeAlias = Annotated[
    Path,
    typer.Argument(
        metavar="RUN",
        help="Run folder, or a weights file: of a run, or of ESRGAN, Real-ESRGAN and similar networks.",
    ),
]
Folder: TypeAlias = Annotated[
    Path, typer.Argument(metavar="FOLDER", help="Model folder to make; its name becomes that of the model.")
]
TrainingData: TypeAlias = Annotated[str, typer.Option(metavar="TEXT", help="Data that the model was trained on.")]
Fidelity: TypeAlias = Annotated[
    str,
    typer.Option(
        metavar="MODEL",
        help="Fidelity model of the same network, to blend with by --strength: its name or folder.",
    ),
]
Grain: TypeAlias = Annotated[
    str,
    typer.Option(
        metavar="MODEL",
        help="Model of the same network that keeps grain, to blend with by --denoise: its name or folder.",
    ),
]
Halo: TypeAlias = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        help="Overlap around each tile in input pixels; less than the receptive field is faster, but not exact.",
    ),
]


def export(
    source: Source,
    folder: Folder,
    summary: Annotated[str, typer.Option(metavar="TEXT", help="One sentence that describes the model.")] = "",
    licence: Annotated[str, typer.Option(metavar="TEXT", help="Licence of the weights.")] = "not stated",
    training_data: TrainingData = "not stated",
    intended_use: Annotated[str, typer.Option(metavar="TEXT", help="Purpose of the model.")] = "not stated",
    limits: Annotated[str, typer.Option(metavar="TEXT", help="Limitations of the model.")] = "not stated",
    fidelity: Fidelity = "",
    grain: Grain = "",
    halo: Halo = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an existing model.")] = False,
) -> None:
    """Turn weights into a model folder: model.onnx and its card."""
    with needs_extra("Exporting", "train"):
        from minutia.export import export as run_export
    card = run_export(
        source,
        folder,
        summary=summary,
        licence=licence,
        training_data=training_data,
        intended_use=intended_use,
        limits=limits,
        fidelity=fidelity,
        grain=grain,
        halo=halo,
        overwrite=overwrite,
    )
    console.print(f"{card.model_path} enlarges {card.scale} times; it was compared with the network on several sizes.")
    # A bare word would be the name of a bundled model before it is that of a folder.
    place = folder if folder.name != str(folder) else f".{os.sep}{folder}"
    console.print(f"  minutia upscale PICTURE -m {place}")
