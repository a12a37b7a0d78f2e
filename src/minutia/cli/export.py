"""`minutia export`: from a training run to a model that `minutia upscale` uses."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from minutia.cli.console import console
from minutia.errors import needs_extra


def export(
    source: Annotated[
        Path, typer.Argument(metavar="RUN", help="Run folder, or a weights file: of one, or of ESRGAN and its kin.")
    ],
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="Model folder to make; its name becomes the model's.")
    ],
    summary: Annotated[str, typer.Option(metavar="TEXT", help="One sentence on what the model is.")] = "",
    licence: Annotated[str, typer.Option(metavar="TEXT", help="Licence of the weights.")] = "not stated",
    training_data: Annotated[str, typer.Option(metavar="TEXT", help="What the model was trained on.")] = "not stated",
    intended_use: Annotated[str, typer.Option(metavar="TEXT", help="What the model is for.")] = "not stated",
    limits: Annotated[str, typer.Option(metavar="TEXT", help="What the model cannot do.")] = "not stated",
    faithful: Annotated[
        str,
        typer.Option(
            metavar="MODEL",
            help="Content model of the same shape, for --strength: its name, or a folder beside this one.",
        ),
    ] = "",
    gentle: Annotated[
        str,
        typer.Option(
            metavar="MODEL", help="Model of the same shape that leaves grain, for --denoise: its name, or a folder."
        ),
    ] = "",
    halo: Annotated[
        int | None,
        typer.Option(
            metavar="N", help="Input pixels around each tile; less than the network sees is faster and not exact."
        ),
    ] = None,
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
        faithful=faithful,
        gentle=gentle,
        halo=halo,
        overwrite=overwrite,
    )
    console.print(f"{card.model_path} enlarges {card.scale} times; it was compared with the network on several sizes.")
    # A bare word would be the name of a bundled model before it is that of a folder.
    place = folder if folder.name != str(folder) else f".{os.sep}{folder}"
    console.print(f"  minutia upscale PICTURE -m {place}")
