"""`minutia models`: what there is to choose from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from minutia.cli.console import console

if TYPE_CHECKING:
    from minutia.zoo.card import ModelCard

HEAD = ("name", "scale", "MB", "PSNR / SSIM", "licence", "what it is")


def models(
    markdown: Annotated[bool, typer.Option("--markdown", help="Print Markdown instead of a table.")] = False,
) -> None:
    """List the models that can be called by name."""
    from minutia.zoo.catalog import list_models

    cards = list_models()
    conventions: dict[str, list[str]] = {}
    for convention, name in dict.fromkeys((figure.convention, card.name) for card in cards for figure in card.figures):
        conventions.setdefault(convention, []).append(name)
    if markdown:
        for row in (HEAD, ("---",) * len(HEAD), *(_row(card, "<br>") for card in cards)):
            console.print(f"| {' | '.join(row)} |")
        console.print()
    else:
        from rich.table import Table

        table = Table(*HEAD)
        for card in cards:
            table.add_row(*_row(card, "\n"))
        console.print(table)
    for convention, names in conventions.items():
        of = f" of {', '.join(names)}" if len(conventions) > 1 else ""
        console.print(f"Figures{of}: {convention}.")


def _row(card: ModelCard, line_break: str) -> tuple[str, ...]:
    from minutia.zoo.catalog import DEFAULT_MODEL

    return (
        f"{card.name} (default)" if card.name == DEFAULT_MODEL else card.name,
        f"x{card.scale}",
        f"{card.model_path.stat().st_size / 1e6:.1f}",
        line_break.join(f"{figure.data} {figure.psnr:.2f} / {figure.ssim:.4f}" for figure in card.figures),
        card.licence,
        card.summary,
    )
