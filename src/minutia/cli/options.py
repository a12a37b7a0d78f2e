"""Options of commands: what several share, and the many of `minutia upscale`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from minutia import types

SIZE = "Size (one of these; proportions are kept)"
MANY = "Many pictures"
LOOK = "What is made"
TRUST = "Strange files"
SPEED = "Speed and memory"

Engine: TypeAlias = Annotated[
    types.EngineName, typer.Option(metavar="NAME", help="auto, openvino, torch or onnxruntime.", rich_help_panel=SPEED)
]
Device: TypeAlias = Annotated[
    str,
    typer.Option(
        metavar="NAME",
        help="auto, cpu, gpu (Intel), cuda, cuda:N or mps; cuda:0,cuda:1 share the pictures.",
        rich_help_panel=SPEED,
    ),
]
Precision: TypeAlias = Annotated[
    types.Precision,
    typer.Option(
        metavar="NAME", help="auto, fp32, bf16 or fp16; auto takes what the device is fast in.", rich_help_panel=SPEED
    ),
]
Json: TypeAlias = Annotated[Path | None, typer.Option("--json", metavar="FILE", help="Write all figures as JSON.")]

# What a newcomer needs comes first, without a heading of its own.
Paths: TypeAlias = Annotated[
    list[Path] | None,
    typer.Argument(metavar="[PATH]...", help="Pictures, folders, patterns like 'scans/*.jpg'; - is standard input."),
]
Output: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "-o",
        "--output",
        metavar="PATH",
        help="Folder to write to; for one picture also a file, or - for standard output.",
    ),
]
Model: TypeAlias = Annotated[
    str | None,
    typer.Option("-m", "--model", metavar="NAME", help="Name of a model (see minutia models), or its folder."),
]
Scale: TypeAlias = Annotated[
    float | None, typer.Option("-s", "--scale", metavar="N", help="How many times larger: 2, 4, or 2.5.")
]
Format: TypeAlias = Annotated[
    str | None,
    typer.Option("-f", "--format", metavar="NAME", help="png, jpg, webp, avif, tiff; by default the source's."),
]
Recursive: TypeAlias = Annotated[
    bool, typer.Option("-r", "--recursive", help="Search sub-folders too; -o keeps their tree.")
]

Width: TypeAlias = Annotated[
    int | None, typer.Option(min=1, metavar="PIXELS", help="Width that pictures become.", rich_help_panel=SIZE)
]
Height: TypeAlias = Annotated[int | None, typer.Option(min=1, metavar="PIXELS", help="Height.", rich_help_panel=SIZE)]
LongSide: TypeAlias = Annotated[
    int | None, typer.Option(min=1, metavar="PIXELS", help="Of the longer side.", rich_help_panel=SIZE)
]
ShortSide: TypeAlias = Annotated[
    int | None, typer.Option(min=1, metavar="PIXELS", help="Of the shorter side.", rich_help_panel=SIZE)
]
Megapixels: TypeAlias = Annotated[
    float | None, typer.Option(metavar="N", help="Millions of pixels.", rich_help_panel=SIZE)
]
Fit: TypeAlias = Annotated[
    str | None, typer.Option(metavar="WxH", help="As large as goes into a box, as in 3840x2160.", rich_help_panel=SIZE)
]

FromList: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--from-list", metavar="FILE", help="File with a path on every line; - is standard input.", rich_help_panel=MANY
    ),
]
Suffix: TypeAlias = Annotated[
    str | None,
    typer.Option(
        metavar="TEXT", help="Added to names; by default _x4 beside the source, nothing in -o.", rich_help_panel=MANY
    ),
]
Overwrite: TypeAlias = Annotated[
    bool, typer.Option("--overwrite", help="Replace files that exist.", rich_help_panel=MANY)
]
Resume: TypeAlias = Annotated[
    bool,
    typer.Option(
        "--resume",
        help="Go by the journal: make only what is missing, and anew what has changed, input or settings.",
        rich_help_panel=MANY,
    ),
]
JournalFile: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--journal", metavar="FILE", help="Where it is kept; by default in the folder -o.", rich_help_panel=MANY
    ),
]
FailFast: TypeAlias = Annotated[
    bool, typer.Option("--fail-fast", help="Stop at the first picture that fails.", rich_help_panel=MANY)
]
DryRun: TypeAlias = Annotated[
    bool, typer.Option("--dry-run", help="Only tell what would be made, and how long it takes.", rich_help_panel=MANY)
]

Quality: TypeAlias = Annotated[
    int, typer.Option(min=1, max=100, metavar="1-100", help="Of JPEG, WebP and AVIF.", rich_help_panel=LOOK)
]
Compression: TypeAlias = Annotated[
    types.Compression,
    typer.Option(metavar="NAME", help="Of TIFF: deflate, or none, which is quicker.", rich_help_panel=LOOK),
]
Pyramid: TypeAlias = Annotated[
    bool,
    typer.Option(
        "--pyramid", help="TIFFs hold smaller versions too, which viewers of large pictures use.", rich_help_panel=LOOK
    ),
]
Strip: TypeAlias = Annotated[
    bool,
    typer.Option(
        "--strip",
        help="Leave out EXIF (place, camera), XMP, IPTC and resolution. The colour profile stays: colours need it.",
        rich_help_panel=LOOK,
    ),
]
Strength: TypeAlias = Annotated[
    float,
    typer.Option(
        metavar="0-1",
        help="Of an adversarial model: 1 as it is, 0 its faithful sibling, between them a blend of both.",
        rich_help_panel=LOOK,
    ),
]
Denoise: TypeAlias = Annotated[
    float,
    typer.Option(
        metavar="0-1",
        help="Of a model for photographs: 1 as it is, 0 leaves grain, between them a blend of both.",
        rich_help_panel=LOOK,
    ),
]
ColorLock: TypeAlias = Annotated[
    bool | None,
    typer.Option(
        "--color-lock/--no-color-lock",
        help="Hold colours to the source's; by default for adversarial models.",
        rich_help_panel=LOOK,
    ),
]
Range: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--range",
        metavar="LOW,HIGH",
        help="Values that are 0 and 1 for the network, of floats and other measurements; auto takes each file's own.",
        rich_help_panel=LOOK,
    ),
]
Tta: TypeAlias = Annotated[
    bool,
    typer.Option(
        "--tta",
        help="Average over eight mirror images: a little more faithful, eight times the work.",
        rich_help_panel=LOOK,
    ),
]

MaxPixels: TypeAlias = Annotated[
    int,
    typer.Option(min=1, metavar="N", help="Refuse files with more, before they are decoded.", rich_help_panel=TRUST),
]
AllowTruncated: TypeAlias = Annotated[
    bool,
    typer.Option("--allow-truncated", help="Take what there is of a file that ends too early.", rich_help_panel=TRUST),
]

Tile: TypeAlias = Annotated[
    int | None,
    typer.Option(
        "-t",
        "--tile",
        min=0,
        metavar="PIXELS",
        help="Side of a tile in pixels; smaller needs less memory, 0 cuts nothing.",
        rich_help_panel=SPEED,
    ),
]
Memory: TypeAlias = Annotated[
    str | None,
    typer.Option(
        metavar="SIZE",
        help="Memory to keep to: 512M, 2G; TIFF and PNG that need more are made by rows. By default half of the free.",
        rich_help_panel=SPEED,
    ),
]
Jobs: TypeAlias = Annotated[
    int | None,
    typer.Option(
        "-j",
        "--jobs",
        min=1,
        metavar="N",
        help="Pictures read, and written, beside the network; by default one for each processor, at most 4.",
        rich_help_panel=SPEED,
    ),
]


def path_of(text: str) -> Path:
    """Read what was given to an option as a path. Of nothing Python would make the working folder."""
    if not text:
        raise typer.BadParameter("The path is empty; a variable may be unset.")
    return Path(text)


HrFolders: TypeAlias = Annotated[
    list[Path] | None,
    typer.Option(
        "--hr", metavar="FOLDER", parser=path_of, help="High-resolution pictures; may be given several times."
    ),
]

LrFolders: TypeAlias = Annotated[
    list[Path] | None,
    typer.Option(
        "--lr", metavar="FOLDER", parser=path_of, help="Their small copies, one for each --hr; made where not given."
    ),
]


def bytes_of(text: str | None, option: str) -> int | None:
    """Read what was given to an option as an amount of memory; None where it was not."""
    from minutia.memory import parse_bytes

    try:
        return None if text is None else parse_bytes(text)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint=option) from error
