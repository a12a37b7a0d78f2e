"""The command line: options and output. No work is done here."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from minutia import __version__
from minutia.cli.bench import bench
from minutia.cli.console import console, show_warnings
from minutia.cli.datasets import datasets
from minutia.cli.evaluate import evaluate
from minutia.cli.export import export
from minutia.cli.models import models
from minutia.cli.preview import preview
from minutia.cli.recipes import recipes
from minutia.cli.serve import serve
from minutia.cli.train import train
from minutia.cli.upscale import INTERRUPTION, upscale
from minutia.cli.video import video


class Commands(TyperGroup):
    """Lists the commands as plain text, at once; the help of each command is laid out by rich, in panels."""

    def format_help(self, ctx: Any, formatter: Any) -> None:  # noqa: ANN401 (of the click within typer)
        """Write the list."""
        self.rich_markup_mode = None
        super().format_help(ctx, formatter)


app = typer.Typer(
    name="minutia",
    cls=Commands,
    help="Super-resolution with generative adversarial networks.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def _print_version(wanted: bool) -> None:
    if wanted:
        console.print(f"minutia {__version__}")
        raise typer.Exit


@app.callback()
def _prepare(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    del version
    show_warnings()


app.command(epilog=INTERRUPTION)(upscale)
for command in (video, serve, models, recipes, preview, train, evaluate, export, bench):
    app.command()(command)
app.add_typer(datasets, name="datasets")
