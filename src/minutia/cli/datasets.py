"""`minutia datasets`: public sets of pictures, downloaded, prepared and checked."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from minutia.cli.console import INTERRUPTED, console, errors, plain
from minutia.types import Progress as Report

if TYPE_CHECKING:
    from minutia.datasets.checksums import Verdict
    from minutia.datasets.dataset import Dataset
    from minutia.datasets.findings import Finding
    from minutia.datasets.prepare import Prepared

DOWNLOADS = Path("datasets")
"""Where archives are put and looked for."""

SHOWN = 10
"""So many findings of a kind are listed, unless all are asked for."""

datasets = typer.Typer(
    help="Download, prepare and check pictures for training.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


@datasets.command("list")
def list_sets() -> None:
    """List the sets that can be called by name."""
    from rich.table import Table

    from minutia.datasets.catalog import DATASETS, VALID

    known = {dataset.name: dataset for dataset in DATASETS}
    table = Table(box=None, pad_edge=False)
    for head in ("name", "pictures", "download", "LR"):
        table.add_column(head, no_wrap=True)
    table.add_column("description")
    for name, dataset in known.items():
        if name.endswith(VALID):
            continue
        more = f" + {known[name + VALID].num_pictures}" if name + VALID in known else ""
        scales = " ".join(f"x{scale}" for scale in dataset.scales) or "made"
        table.add_row(name, f"{dataset.num_pictures}{more}", _size(dataset), scales, dataset.summary)
    console.print(table)
    console.print("pictures: a second number is the size of the validation set, NAME-valid.")
    console.print("LR: scales of the included low-resolution pictures; made: prepare makes them at any scale.")
    console.print("  minutia datasets download NAME             shows the licence, and asks")
    console.print("  minutia datasets prepare NAME -o FOLDER    NAME may be a folder of your own pictures")


@datasets.command()
def download(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of a set; see minutia datasets list.")],
    output: Annotated[Path, typer.Option("-o", "--output", metavar="FOLDER", help="Folder for archives.")] = DOWNLOADS,
    yes: Annotated[bool, typer.Option("-y", "--yes", help="Download without asking.")] = False,
    mirror: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="Download the archives from ADDRESS/ARCHIVE instead.")
    ] = None,
) -> None:
    """Download a set. Its terms are shown first. A stopped download continues where it was."""
    from minutia.cli.bars import make_download_bar, progress_bar
    from minutia.datasets.catalog import find_dataset
    from minutia.datasets.disk import require_space
    from minutia.datasets.download import bytes_to_come, missing_archives
    from minutia.datasets.download import download as fetch

    dataset = _mirrored(find_dataset(name), mirror)
    _introduce(dataset)
    missing = missing_archives(dataset, output)
    if missing:
        come = bytes_to_come(missing, output)
        require_space(output, come, dataset.name)
        _ask(come, output, yes=yes)
    try:
        for archive in dataset.archives:
            with progress_bar(archive.name, make_download_bar) as progress:
                verdict = fetch(archive, output, progress=progress)
            _tell_verdict(output / archive.name, verdict)
    except KeyboardInterrupt:
        errors.print("Stopped; the same command continues from here.")
        raise typer.Exit(INTERRUPTED) from None
    place = "" if output == DOWNLOADS else f" --from {output}"
    console.print("To make training folders from it:")
    console.print(f"  minutia datasets prepare {dataset.name}{place} -o FOLDER")


@datasets.command()
def prepare(
    name: Annotated[str, typer.Argument(metavar="NAME|FOLDER", help="Set name, or a folder of your own pictures.")],
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="FOLDER", help="Folder to make; it will contain HR and LR.")
    ],
    place: Annotated[
        Path | None,
        typer.Option("--from", metavar="PATH", help="Archive of the set, or its folder; default: as in download."),
    ] = None,
    count: Annotated[int | None, typer.Option(metavar="N", help="Pictures to take, chosen at random.")] = None,
    seed: Annotated[int, typer.Option(metavar="N", help="Seed of the random choice of --count.")] = 0,
    resize: Annotated[
        str | None,
        typer.Option(metavar="WIDTHxHEIGHT", help="Resize to exactly this size; the aspect ratio is not kept."),
    ] = None,
    crop: Annotated[
        int | None, typer.Option(metavar="SIDE", help="Cut the pictures into square tiles of this side.")
    ] = None,
    scale: Annotated[
        int | None, typer.Option("-s", "--scale", metavar="N", help="Scale of LR pictures; default: 4 or the set's.")
    ] = None,
) -> None:
    """Make HR and LR folders, and a manifest of what is in them."""
    from minutia.datasets.catalog import find_dataset
    from minutia.datasets.cutting import DEFAULT_SCALE, Settings
    from minutia.datasets.prepare import prepare_dataset, prepare_own, scale_for

    own = _own_place(name, place)
    if own is None:
        dataset = find_dataset(name)
        scale = scale_for(dataset, scale)
        work = partial(prepare_dataset, dataset, place or DOWNLOADS)
    else:
        work = partial(prepare_own, own)
    sides = None if resize is None else _sides(resize)
    settings = Settings(
        scale=DEFAULT_SCALE if scale is None else scale, count=count, seed=seed, resize=sides, crop=crop
    )
    try:
        with _two_bars("unpacking", "preparing") as (unpacking, progress):
            done = work(output, settings, unpacking=unpacking, progress=progress)
    except KeyboardInterrupt:
        errors.print("Stopped; the same command continues from here.")
        raise typer.Exit(INTERRUPTED) from None
    _tell_prepared(done, settings.scale)


@datasets.command()
def check(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Folder of pictures, or of HR and LR folders.")],
    lr: Annotated[
        Path | None, typer.Option("--lr", metavar="FOLDER", help="Folder of the LR pictures, if they are elsewhere.")
    ] = None,
    scale: Annotated[
        int | None,
        typer.Option("-s", "--scale", min=1, metavar="N", help="Scale of the LR pictures; default: the manifest's."),
    ] = None,
    fix: Annotated[
        Path | None, typer.Option(metavar="NEW_FOLDER", help="Write a new folder without the defects.")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="List all files, not only ten of a kind.")] = False,
) -> None:
    """Look for defects that would spoil training. Exit status 1 if any is found, unless --fix is given."""
    from minutia.cli.bars import progress_bar
    from minutia.datasets.check import check as look_through
    from minutia.datasets.cutting import DEFAULT_SCALE
    from minutia.datasets.disk import require_new
    from minutia.datasets.repair import repair

    if fix is not None:
        require_new(fix)
    with progress_bar("checking") as progress:
        report = look_through(folder, lr, scale, progress)
    pairs = f", compared with those in {report.lr}, x{report.scale}" if report.lr else ""
    console.print(plain(f"{_pictures(len(report.candidates))} in {report.hr}{pairs}"))
    _tell_findings(report.findings, shown=len(report.findings) if everything else SHOWN)
    if fix is not None:
        with progress_bar("writing") as progress:
            fixed = repair(report, fix, progress)
        left = f"{fixed.num_left_out} left out" if fixed.num_left_out else "none left out"
        console.print(f"{fix} holds {_pictures(fixed.num_kept)}, {fixed.num_cut} of them cut; {left}.")
        if report.scale != DEFAULT_SCALE:
            console.print(f"Its LR pictures are {report.scale} times smaller; pass --scale {report.scale}.")
    elif report.findings:
        where = f"{folder}" if lr is None else f"{folder} --lr {lr}"
        console.print("To make a folder without these defects:")
        console.print(f"  minutia datasets check {where} --scale {report.scale} --fix NEW_FOLDER")
        raise typer.Exit(1)


def _size(dataset: Dataset) -> str:
    from minutia.datasets.disk import in_bytes

    return "by hand" if dataset.by_hand else in_bytes(dataset.num_bytes)


def _mirrored(dataset: Dataset, mirror: str | None) -> Dataset:
    """Let a set be fetched from elsewhere; checksums stay those that are published."""
    if mirror is None:
        return dataset
    archives = [replace(archive, url=f"{mirror.rstrip('/')}/{archive.name}") for archive in dataset.archives]
    return replace(dataset, archives=tuple(archives), by_hand=None)


def _introduce(dataset: Dataset) -> None:
    """Say what a set is, and under which terms it is available."""
    from minutia.datasets.disk import in_bytes

    console.print(f"{dataset.title}: {_pictures(dataset.num_pictures)}, {dataset.summary}")
    console.print(f"  licence  {dataset.licence}")
    console.print(f"  page     {dataset.homepage}")
    for archive in dataset.archives:
        size = "" if archive.num_bytes is None else f", {in_bytes(archive.num_bytes)}"
        console.print(f"  archive  {archive.name}{size}, {archive.url or 'no public address'}")


def _ask(num_bytes: int, folder: Path, *, yes: bool) -> None:
    """Let a person decide, where there is one."""
    from minutia.datasets.disk import free_bytes, in_bytes

    console.print(f"{in_bytes(num_bytes)} to download into {folder}, which has {in_bytes(free_bytes(folder))} free.")
    console.print("Unpacking takes about as much again.")
    if not yes and sys.stdin.isatty():
        typer.confirm("Download under this licence?", abort=True)


def _tell_verdict(path: Path, verdict: Verdict) -> None:
    words = {
        "published": "is the file that was published",
        "noted": "is the same file as at the first download",
        "first seen": "has no published checksum; its own is stored beside it, so that a later change is noticed",
    }
    console.print(f"{path} {words[verdict.basis]} (SHA-256 {verdict.sha256[:12]}...).")


def _own_place(name: str, place: Path | None) -> Path | None:
    """Tell a path from the name of a set; a name that is both is the set's."""
    from minutia.datasets.catalog import DATASETS
    from minutia.errors import DataError

    if name.lower() in {dataset.name for dataset in DATASETS} or not Path(name).exists():
        return None
    if place is not None:
        raise DataError(f"--from is for the name of a set, and {name} is a path; leave out one of them.")
    return Path(name)


def _sides(text: str) -> tuple[int, int]:
    """Read `384x256` as width and height."""
    from minutia.errors import DataError

    sides = text.lower().split("x")
    if len(sides) != 2 or not all(side.isdecimal() for side in sides):
        raise DataError(f"--resize takes WIDTHxHEIGHT, such as 384x384, not {text}.")
    return int(sides[0]), int(sides[1])


def _pictures(count: int) -> str:
    return f"{count} picture{'s' if count != 1 else ''}"


def _tell_prepared(done: Prepared, scale: int) -> None:
    from minutia.datasets.cutting import HR, LR

    for reason in list(done.skipped.values())[:SHOWN]:
        errors.print(plain(f"Left out: {reason}"), style="yellow")
    if len(done.skipped) > SHOWN:
        errors.print(f"Left out: {len(done.skipped) - SHOWN} more; manifest.json lists them.", style="yellow")
    state = "holds" if done.is_new else "was prepared before and holds"
    console.print(f"{done.folder} {state} {_pictures(done.num_pairs)} in {HR}, and as many x{scale} smaller in {LR}.")
    console.print("To train on them:")
    folder = done.folder
    console.print(f"  minutia train RECIPE --hr {folder / HR} --lr {folder / LR}")


def _tell_findings(findings: Sequence[Finding], *, shown: int) -> None:
    from minutia.datasets.findings import ADVICE

    if not findings:
        console.print("No defects were found.")
    for kind, (matter, advice) in ADVICE.items():
        of_kind = [finding for finding in findings if finding.kind == kind]
        if of_kind:
            console.print(f"{_pictures(len(of_kind))} {matter}: {advice}", style="bold")
        for finding in of_kind[:shown]:
            console.print(plain(f"  {finding.path}  {finding.detail}"))
        if len(of_kind) > shown:
            console.print(f"  and {len(of_kind) - shown} more; --all lists them")


@contextmanager
def _two_bars(first: str, second: str) -> Iterator[tuple[Report, Report]]:
    """Show a bar for each of two works, from when it begins; a total of 0 is not known."""
    from minutia.cli.bars import make_bar

    with make_bar() as bar:

        def report_on(words: str) -> Report:
            task = bar.add_task(words, total=None, visible=False)
            return lambda done, total: bar.update(task, completed=done, total=total or None, visible=True)

        yield report_on(first), report_on(second)
