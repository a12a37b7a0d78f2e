"""`minutia recipes`: the bundled recipes, and the keys of a recipe."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from minutia.cli.console import console, print_named
from minutia.errors import RecipeError, needs_extra
from minutia.markdown import table

if TYPE_CHECKING:
    from minutia.train.config import Recipe
    from minutia.train.keys import Key
    from minutia.train.phase_config import Adversarial, Content


def recipes(
    name: Annotated[
        str | None, typer.Argument(metavar="[RECIPE]", help="Print this recipe, as a template for your own.")
    ] = None,
    keys: Annotated[
        bool,
        typer.Option(
            "--keys", help="List all keys of a recipe; the steps of a degradation are in docs/degradations.md."
        ),
    ] = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print Markdown instead of a table.")] = False,
) -> None:
    """List the recipes that can be called by name. With a name: print it; `minutia recipes minutia-x4 > mine.toml`."""
    with needs_extra("Training", "train"):
        from minutia.train.keys import recipe_keys
        from minutia.train.recipe import bundled_recipes, load_recipe, read_summary
    bundled = bundled_recipes()
    if name is not None:
        if keys or markdown:
            raise typer.BadParameter("A recipe is printed unchanged; leave out --keys and --markdown.")
        if name not in bundled:
            raise RecipeError(f"There is no bundled recipe {name!r}; known are {', '.join(bundled)}.")
        typer.echo(bundled[name].read_text(encoding="utf-8"), nl=False)
        return
    if keys and markdown:
        _print_markdown(("key", "default", "meaning"), _rows(recipe_keys()))
    elif keys:
        _print_keys(recipe_keys())
    else:
        loaded = {one: load_recipe(path, hr=Path("PICTURES")) for one, path in bundled.items()}
        told = [(one, read_summary(path), _phases(loaded[one])) for one, path in bundled.items()]
        if markdown:
            _print_markdown(("name", "description", "phases"), [(f"`{one}`", *words) for one, *words in told])
        else:
            print_named((one, "\n".join(words)) for one, *words in told)


def _print_markdown(head: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    for line in table(head, rows):
        console.print(line)


def _rows(keys: dict[tuple[str, ...], Key]) -> list[tuple[str, str, str]]:
    return [("<br>".join(f"`{name}`" for name in names), key.default, _meaning(key)) for names, key in keys.items()]


def _print_keys(keys: dict[tuple[str, ...], Key]) -> None:
    from rich.padding import Padding
    from rich.table import Table

    grid = Table.grid()
    for names, key in keys.items():
        for name in names:
            grid.add_row(f"{name} = {key.default}" if key.default not in ("", "required") else name, style="bold")
        words = " ".join([*(["Required."] if key.default == "required" else []), _meaning(key)])
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
