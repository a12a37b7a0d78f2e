"""Options that several commands share."""

from __future__ import annotations

from typing import Annotated, TypeAlias

import typer

from minutia import types

Engine: TypeAlias = Annotated[types.EngineName, typer.Option(help="What runs the network.")]
Device: TypeAlias = Annotated[str, typer.Option(help="auto, cpu, gpu (Intel), cuda, cuda:N or mps.")]
Precision: TypeAlias = Annotated[types.Precision, typer.Option(help="auto takes what the device is fast in.")]
