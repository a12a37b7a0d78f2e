"""`minutia models`: what there is to choose from."""

from __future__ import annotations

from rich.table import Table

from minutia.cli.console import console


def models() -> None:
    """List the models that can be called by name."""
    from minutia.zoo.catalog import DEFAULT_MODEL, list_models

    cards = list_models()
    table = Table("name", "scale", "MB", "PSNR-Y / SSIM-Y", "licence", "what it is")
    for card in cards:
        figures = "\n".join(f"{figure.data} {figure.psnr:.2f} / {figure.ssim:.4f}" for figure in card.figures)
        name = f"{card.name} (default)" if card.name == DEFAULT_MODEL else card.name
        megabytes = f"{card.model_path.stat().st_size / 1e6:.1f}"
        table.add_row(name, f"x{card.scale}", megabytes, figures, card.licence, card.summary)
    console.print(table)
    for convention in sorted({figure.convention for card in cards for figure in card.figures}):
        console.print(f"Figures: {convention}.")
