"""Options that several commands share."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

import typer

Engine: TypeAlias = Annotated[
    Literal["auto", "openvino", "torch", "onnxruntime"], typer.Option(help="What runs the network.")
]
Device: TypeAlias = Annotated[str, typer.Option(help="auto, cpu, gpu (Intel), cuda, cuda:N or mps.")]
Precision: TypeAlias = Annotated[
    Literal["auto", "fp32", "bf16", "fp16"], typer.Option(help="auto takes what the device is fast in.")
]
