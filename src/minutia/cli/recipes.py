"""`minutia recipes`: what there is to train by, and what a recipe may say."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from minutia.cli.console import console
from minutia.errors import MissingExtra, RecipeError

if TYPE_CHECKING:
    from minutia.train.config import Recipe
    from minutia.train.keys import Key
    from minutia.train.phase_config import Adversarial, Content

Table: TypeAlias = list[tuple[str, str, str]]


def recipes(
    name: Annotated[
        str | None, typer.Argument(metavar="[RECIPE]", help="Print this one, as a beginning of your own.")
    ] = None,
    keys: Annotated[
        bool,
        typer.Option(
            "--keys", help="List all that a recipe may say; the steps of a degradation are in docs/degradations.md."
        ),
    ] = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print Markdown instead of a table.")] = False,
) -> None:
    """List the recipes that can be called by name. With a name: print it; `minutia recipes minutia-x4 > mine.toml`."""
    try:
        from minutia.train.keys import recipe_keys
        from minutia.train.recipe import bundled_recipes, load_recipe, read_summary
    except ImportError as error:
        raise MissingExtra("Training", "train") from error
    bundled = bundled_recipes()
    if name is not None:
        if keys or markdown:
            raise typer.BadParameter("A recipe is printed as it is; leave out --keys and --markdown.")
        if name not in bundled:
            raise RecipeError(f"There is no bundled recipe {name!r}; there are {', '.join(bundled)}.")
        typer.echo(bundled[name].read_text(encoding="utf-8"), nl=False)
        return
    if keys:
        table = [("\n".join(names), key.default, _meaning(key)) for names, key in recipe_keys().items()]
        _print_markdown("key", "default", "what it means", table) if markdown else _print_keys(table)
    else:
        loaded = {one: load_recipe(path, hr=Path("PICTURES")) for one, path in bundled.items()}
        table = [(one, read_summary(path), _phases(loaded[one])) for one, path in bundled.items()]
        _print_markdown("name", "what it is", "phases", table) if markdown else _print_recipes(table)


def _print_markdown(name: str, second: str, third: str, table: Table) -> None:
    marked = [("<br>".join(f"`{one}`" for one in names.splitlines()), *words) for names, *words in table]
    for row in ((name, second, third), ("---",) * 3, *marked):
        console.print(f"|{'|'.join(f' {cell} ' if cell else ' ' for cell in row)}|")


def _print_recipes(table: Table) -> None:
    from rich.table import Table as Grid

    grid = Grid.grid(padding=(0, 2))
    grid.add_column(no_wrap=True, style="bold")
    for name, *words in table:
        grid.add_row(name, "\n".join([*words, ""]))
    console.print(grid)


def _print_keys(table: Table) -> None:
    from rich.padding import Padding
    from rich.table import Table as Grid

    grid = Grid.grid()
    for names, default, meaning in table:
        for name in names.splitlines():
            grid.add_row(f"{name} = {default}" if default not in ("", "needed") else name, style="bold")
        words = " ".join([*(["Needed."] if default == "needed" else []), meaning])
        grid.add_row(Padding(words, (0, 0, 1, 4)) if words else "")
    console.print(grid)


def _meaning(key: Key) -> str:
    return " ".join(filter(None, [key.words, f"One of {', '.join(key.choices)}." if key.choices else ""]))


def _phases(recipe: Recipe) -> str:
    """Tell of the network, and how long each phase is."""
    lengths = (f"{name} {_length(phase)}" for name, phase in recipe.phases.items())
    return f"{recipe.network.kind}, x{recipe.network.scale}: {', '.join(lengths)}"


def _length(phase: Content | Adversarial) -> str:
    count, unit = (phase.steps, "step") if phase.steps is not None else (phase.epochs, "epoch")
    return f"{count:,} {unit}{'s' * (count != 1)} of {phase.batch_size} crops of {phase.lr_crop}x{phase.lr_crop}"
