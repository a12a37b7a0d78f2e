"""`minutia preview`: draws the training pairs of a recipe."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from minutia.cli.console import console
from minutia.cli.options import HrFolders, LrFolders
from minutia.errors import OutputExists, PictureError, needs_extra
from minutia.files import require_place


def preview(
    recipe: Annotated[str, typer.Argument(metavar="RECIPE", help="Recipe file, or the name of a bundled recipe.")],
    hr: HrFolders = None,
    lr: LrFolders = None,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="PNG file to write.")] = Path(
        "preview.png"
    ),
    count: Annotated[int, typer.Option(min=1, max=200, metavar="N", help="Number of pairs on the sheet.")] = 12,
    overrides: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Change a key of the recipe.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an existing file.")] = False,
) -> None:
    """Draw the training pairs of a recipe. Crops of the pictures, and the low-resolution inputs made of them."""
    with needs_extra("Training", "train"):
        from minutia.train.preview import draw_preview
        from minutia.train.recipe import load_recipe
    parsed = load_recipe(recipe, overrides or [], hr=hr, lr=lr)
    if output.suffix.lower() != ".png":
        raise PictureError(f"The sheet is a PNG file; give -o a name that ends in .png, not {output}.")
    if output.exists() and not overwrite:
        raise OutputExists(f"{output} exists; add --overwrite to replace it.")
    require_place(output)
    draw_preview(parsed, output, count)
    console.print(f"{output}: {count} pairs, the first crops of the content phase.")
