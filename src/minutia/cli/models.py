"""`minutia models`: the models that can be called by name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from minutia.cli.console import console, print_named
from minutia.markdown import table

if TYPE_CHECKING:
    from minutia.zoo.card import ModelCard

HEAD = ("name", "scale", "MB", "PSNR / SSIM", "licence", "description")


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
        for line in table(HEAD, map(_row, cards)):
            console.print(line)
        console.print()
    else:
        print_named((_name(card).replace(" ", "\n"), _description(card)) for card in cards)
    for convention, names in conventions.items():
        of = f" of {', '.join(names)}" if len(conventions) > 1 else ""
        console.print(f"Results{of}: {convention}.")


def _name(card: ModelCard) -> str:
    from minutia.zoo.catalog import DEFAULT_MODEL

    return f"{card.name} (default)" if card.name == DEFAULT_MODEL else card.name


def _megabytes(card: ModelCard) -> str:
    return f"{card.model_path.stat().st_size / 1e6:.1f}"


def _description(card: ModelCard) -> str:
    psnr = ", ".join(f"{figure.data} {figure.psnr:.2f}" for figure in card.figures)
    lines = [card.summary, f"x{card.scale}, {_megabytes(card)} MB, {card.licence}"]
    return "\n".join([*lines, f"PSNR, dB: {psnr}"] if psnr else lines)


def _row(card: ModelCard) -> tuple[str, ...]:
    figures = (f"{figure.data} {figure.psnr:.2f} / {figure.ssim:.4f}" for figure in card.figures)
    return (_name(card), f"x{card.scale}", _megabytes(card), "<br>".join(figures), card.licence, card.summary)
