"""Options of commands: those that several share, and those of `minutia upscale`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from minutia import types

SIZE = "Size (one of these; the aspect ratio is kept)"
MANY = "Many pictures"
LOOK = "Result"
TRUST = "Large and damaged files"
SPEED = "Speed and memory"

Engine: TypeAlias = Annotated[
    types.EngineName, typer.Option(metavar="NAME", help="auto, openvino, torch or onnxruntime.", rich_help_panel=SPEED)
]
Device: TypeAlias = Annotated[
    str,
    typer.Option(
        metavar="NAME",
        help="auto, cpu, cuda, cuda:N, mps or intel-gpu; cuda:0,cuda:1 share the pictures.",
        rich_help_panel=SPEED,
    ),
]
Precision: TypeAlias = Annotated[
    types.Precision,
    typer.Option(
        metavar="NAME",
        help="auto, fp32, bf16 or fp16; auto takes the fastest one that the device supports.",
        rich_help_panel=SPEED,
    ),
]
Json: TypeAlias = Annotated[Path | None, typer.Option("--json", metavar="FILE", help="Write all results as JSON.")]

# What a newcomer needs comes first, without a heading of its own.
Paths: TypeAlias = Annotated[
    list[Path] | None,
    typer.Argument(metavar="[PATH]...", help="Pictures, folders, or patterns like 'scans/*.jpg'; - is standard input."),
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
    float | None, typer.Option("-s", "--scale", metavar="N", help="Scale factor, such as 2, 4 or 2.5.")
]
Format: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "-f",
        "--format",
        metavar="NAME",
        help="Output format: png, jpg, webp, avif, tiff and more; default: that of the input.",
    ),
]
Recursive: TypeAlias = Annotated[
    bool, typer.Option("-r", "--recursive", help="Search sub-folders too; -o keeps their structure.")
]

Width: TypeAlias = Annotated[
    int | None, typer.Option(min=1, metavar="PIXELS", help="Width of the result.", rich_help_panel=SIZE)
]
Height: TypeAlias = Annotated[
    int | None, typer.Option(min=1, metavar="PIXELS", help="Height of the result.", rich_help_panel=SIZE)
]
LongSide: TypeAlias = Annotated[
    int | None,
    typer.Option(min=1, metavar="PIXELS", help="Length of the longer side of the result.", rich_help_panel=SIZE),
]
ShortSide: TypeAlias = Annotated[
    int | None,
    typer.Option(min=1, metavar="PIXELS", help="Length of the shorter side of the result.", rich_help_panel=SIZE),
]
Megapixels: TypeAlias = Annotated[
    float | None, typer.Option(metavar="N", help="Size of the result in millions of pixels.", rich_help_panel=SIZE)
]
Fit: TypeAlias = Annotated[
    str | None,
    typer.Option(metavar="WxH", help="Largest size that fits into a box, such as 3840x2160.", rich_help_panel=SIZE),
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
        metavar="TEXT",
        help="Text added to file names; by default _x4 beside the source, and none in -o.",
        rich_help_panel=MANY,
    ),
]
Overwrite: TypeAlias = Annotated[
    bool, typer.Option("--overwrite", help="Replace files that exist.", rich_help_panel=MANY)
]
Resume: TypeAlias = Annotated[
    bool,
    typer.Option(
        "--resume",
        help="Continue by the journal: make what is missing, and remake what has another input or other settings.",
        rich_help_panel=MANY,
    ),
]
JournalFile: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--journal", metavar="FILE", help="File of the journal; by default in the folder -o.", rich_help_panel=MANY
    ),
]
FailFast: TypeAlias = Annotated[
    bool, typer.Option("--fail-fast", help="Stop at the first picture that fails.", rich_help_panel=MANY)
]
DryRun: TypeAlias = Annotated[
    bool,
    typer.Option(
        "--dry-run", help="List what would be made and the estimated time; write nothing.", rich_help_panel=MANY
    ),
]

Quality: TypeAlias = Annotated[
    int,
    typer.Option(min=1, max=100, metavar="1-100", help="Quality of JPEG, WebP and AVIF files.", rich_help_panel=LOOK),
]
Compression: TypeAlias = Annotated[
    types.Compression,
    typer.Option(
        metavar="NAME", help="Compression of TIFF files: deflate, or none, which is faster.", rich_help_panel=LOOK
    ),
]
Pyramid: TypeAlias = Annotated[
    bool,
    typer.Option(
        "--pyramid",
        help="Store reduced-resolution versions in TIFF files too, for viewers of large pictures.",
        rich_help_panel=LOOK,
    ),
]
Strip: TypeAlias = Annotated[
    bool,
    typer.Option(
        "--strip",
        help="Remove EXIF (location, camera), XMP, IPTC and resolution. The colour profile is kept.",
        rich_help_panel=LOOK,
    ),
]
Strength: TypeAlias = Annotated[
    float,
    typer.Option(
        metavar="0-1",
        help="Blend an adversarial model with its fidelity model: 1 is the former alone, 0 the latter.",
        rich_help_panel=LOOK,
    ),
]
Denoise: TypeAlias = Annotated[
    float,
    typer.Option(
        metavar="0-1",
        help="Denoising of a photo model: 1 removes noise and grain, 0 keeps them.",
        rich_help_panel=LOOK,
    ),
]
ColorLock: TypeAlias = Annotated[
    bool | None,
    typer.Option(
        "--color-lock/--no-color-lock",
        help="Correct colours to those of the source at low frequencies; default for adversarial models.",
        rich_help_panel=LOOK,
    ),
]
Range: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--range",
        metavar="LOW,HIGH",
        help="Values of floats and other measurements that the network sees as 0 and 1; auto: each file's extremes.",
        rich_help_panel=LOOK,
    ),
]
Tta: TypeAlias = Annotated[
    bool,
    typer.Option(
        "--tta",
        help="Average over eight flips and rotations (self-ensemble): slightly more accurate, eight times the work.",
        rich_help_panel=LOOK,
    ),
]

MaxPixels: TypeAlias = Annotated[
    int,
    typer.Option(
        min=1, metavar="N", help="Refuse files with more pixels, before decoding them.", rich_help_panel=TRUST
    ),
]
AllowTruncated: TypeAlias = Annotated[
    bool,
    typer.Option(
        "--allow-truncated", help="Accept truncated files; use the part that can be decoded.", rich_help_panel=TRUST
    ),
]

Tile: TypeAlias = Annotated[
    int | None,
    typer.Option(
        "-t",
        "--tile",
        min=0,
        metavar="PIXELS",
        help="Side of a tile in pixels; smaller tiles need less memory; 0 does not tile.",
        rich_help_panel=SPEED,
    ),
]
Memory: TypeAlias = Annotated[
    str | None,
    typer.Option(
        metavar="SIZE",
        help="Memory limit: 512M or 2G; TIFF and PNG above it are made row by row. Default: half of the free memory.",
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
        help="Pictures read and written in parallel with the network; default: one per processor, at most 4.",
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
    typer.Option("--hr", metavar="FOLDER", parser=path_of, help="Folder of high-resolution pictures; may be repeated."),
]

LrFolders: TypeAlias = Annotated[
    list[Path] | None,
    typer.Option(
        "--lr",
        metavar="FOLDER",
        parser=path_of,
        help="Low-resolution counterparts, one folder for each --hr; made from --hr if not given.",
    ),
]


def bytes_of(text: str | None, option: str) -> int | None:
    """Read what was given to an option as an amount of memory; None where it was not."""
    from minutia.memory import parse_bytes

    try:
        return None if text is None else parse_bytes(text)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint=option) from error
