"""`minutia evaluate`: models against pictures whose originals are known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from minutia import __version__
from minutia.cli.console import console
from minutia.cli.options import Device, Engine, Json, Precision
from minutia.errors import ModelError
from minutia.files import reason, require_place, write_text

if TYPE_CHECKING:
    from minutia.evaluate.benchmark import Method, Result
    from minutia.evaluate.measures import Measure
    from minutia.evaluate.precomputed import Precomputed
    from minutia.upscaler import Upscaler
    from minutia.zoo.card import ModelCard

DOWNLOADED = Path("download")
"""In the place of a weights file."""


Folders: TypeAlias = Annotated[
    list[Path],
    typer.Option(metavar="FOLDER", help="Test set: a folder of originals, or of HR (and LR) folders; may be repeated."),
]
Models: TypeAlias = Annotated[
    list[str] | None, typer.Argument(metavar="[MODEL]...", help="Names or folders of models.")
]
Results: TypeAlias = Annotated[
    list[Path] | None,
    typer.Option(
        "--results", metavar="FOLDER", help="Folder of results of another tool for the LR pictures; may be repeated."
    ),
]
ResultScale: TypeAlias = Annotated[
    int | None,
    typer.Option(min=1, metavar="N", help="Scale of the pictures in --results; by default that of the models."),
]
Pictures: TypeAlias = Annotated[
    bool, typer.Option("--pictures", help="Show the scores of every picture, not only the means.")
]
Niqe: TypeAlias = Annotated[
    bool, typer.Option("--niqe", help="Also measure NIQE, a no-reference quality score (lower is better).")
]
Checkerboard: TypeAlias = Annotated[
    bool,
    typer.Option("--checkerboard", help="Also measure the checkerboard pattern of networks (lower is better)."),
]
Vgg: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="Also measure the distance of VGG19 features; FILE holds the weights, or is the word download.",
    ),
]
Lpips: TypeAlias = Annotated[bool, typer.Option("--lpips", help="Also measure LPIPS; its weights are downloaded once.")]
Strength: TypeAlias = Annotated[
    list[float] | None,
    typer.Option(metavar="0-1", help="Measure at this strength, 0 to 1, instead of 1; may be repeated."),
]
Denoise: TypeAlias = Annotated[
    list[float] | None,
    typer.Option(metavar="0-1", help="Measure at this denoising, 0 to 1, instead of 1; may be repeated."),
]


def evaluate(
    data: Folders,
    models: Models = None,
    folders: Results = None,
    scale: ResultScale = None,
    json_file: Json = None,
    markdown: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the table as Markdown.")] = None,
    pictures: Pictures = False,
    write_card: Annotated[bool, typer.Option("--write-card", help="Write the means into the model cards.")] = False,
    niqe: Niqe = False,
    checkerboard: Checkerboard = False,
    vgg: Vgg = None,
    lpips: Lpips = False,
    strength: Strength = None,
    denoise: Denoise = None,
    tta: Annotated[bool, typer.Option("--tta", help="Average over eight flips and rotations (self-ensemble).")] = False,
    engine: Engine = "auto",
    device: Device = "auto",
    precision: Precision = "auto",
) -> None:
    """Measure models, and bicubic for comparison. PSNR and SSIM on luma or on bands; on request perceptual metrics."""
    from minutia.cli.bars import progress_bar
    from minutia.evaluate.benchmark import run_benchmark
    from minutia.evaluate.report import to_json, to_markdown
    from minutia.image.pairs import require_folder
    from minutia.upscaler import Upscaler
    from minutia.zoo.catalog import find_model

    if write_card and (strength or denoise or tta):
        raise ModelError(
            "Model cards record results at full strength in a single pass; leave out --strength, --denoise and --tta."
        )
    cards = [find_model(model) for model in models or []]
    _check_targets(json_file, markdown, cards if write_card else [])
    for folder in data:
        require_folder(folder)  # Before weights are downloaded to measure with.
    chosen = _measures(cards, niqe=niqe, checkerboard=checkerboard, vgg=vgg, lpips=lpips)
    load = partial(Upscaler, engine=engine, device=device, precision=precision, tta=tta)
    others = _others(folders or [], scale, cards)
    methods = _methods(cards, load, strength or [], denoise or [], ", 8 views" if tta else "")
    with progress_bar("evaluating") as progress:
        results = run_benchmark([*methods, *others], data, progress, measures=chosen)
    _show(results, pictures=pictures)
    for path, text in ((json_file, to_json(results)), (markdown, to_markdown(results, pictures=pictures))):
        if path is not None:
            write_text(path, text)
    for card in cards if write_card else []:
        _write_figures(card, results, precision)


def _measures(
    cards: list[ModelCard], *, niqe: bool, checkerboard: bool, vgg: Path | None, lpips: bool
) -> list[Measure]:
    from minutia.evaluate import measures
    from minutia.evaluate.benchmark import kind_of

    has_bands = any(not kind_of(card).is_photo for card in cards)
    if has_bands and (niqe or checkerboard or lpips or vgg is not None):
        raise ModelError("NIQE, checkerboard, VGG and LPIPS measure photographs; leave them out for models of bands.")
    chosen = list(measures.BAND_FIDELITY if has_bands else measures.FIDELITY)
    chosen += [measure for measure, wanted in ((measures.NIQE, niqe), (measures.CHECKERBOARD, checkerboard)) if wanted]
    chosen += [measures.vgg_distance(None if vgg == DOWNLOADED else vgg)] if vgg is not None else []
    chosen += [measures.lpips_distance()] if lpips else []
    return chosen


def _others(folders: list[Path], scale: int | None, cards: list[ModelCard]) -> list[Precomputed]:
    """Let results of other tools take part, at the scale that is given or that all models have."""
    from minutia.evaluate.benchmark import PHOTO, kind_of
    from minutia.evaluate.precomputed import Precomputed

    if not cards and not folders:
        raise ModelError(
            "There is nothing to measure: name a model, or a folder of results of another tool with --results."
        )
    scales = {scale} if scale is not None else {card.scale for card in cards}
    if folders and len(scales) != 1:
        raise ModelError("Give the scale of the pictures in --results with --scale.")
    kind = kind_of(cards[0]) if cards else PHOTO
    return [Precomputed(str(folder), each, folder, kind) for folder in folders for each in scales]


def _check_targets(json_file: Path | None, markdown: Path | None, cards: list[ModelCard]) -> None:
    """Refuse before anything is measured what could not be written: files without a folder, cards of one name."""
    for path in (json_file, markdown):
        if path is not None:
            require_place(path)
    if len({card.name for card in cards}) < len(cards):
        raise ModelError("Two of these models have the same name; write their cards separately.")


def _methods(
    cards: list[ModelCard], load: Callable[..., Upscaler], strengths: list[float], shares: list[float], views: str
) -> list[Method]:
    """Load every model at every strength and share of denoising; names tell what is not as usual."""
    from minutia.evaluate.benchmark import Method, kind_of

    methods = []
    for card, strength, denoise in product(cards, strengths or [1.0], shares or [1.0]):
        upscaler = load(card, strength=strength, denoise=denoise)
        name = card.name + (f" at {strength:g}" if strengths else "") + (f", denoise {denoise:g}" if shares else "")
        about = {"sha256": upscaler.sha256, "engine": upscaler.description, "minutia": __version__}
        methods.append(Method(name + views, card.scale, upscaler.upscale, kind_of(card), about))
    return methods


def _show(results: list[Result], *, pictures: bool) -> None:
    from minutia.evaluate.report import conventions, shown

    measures = results[0].measures
    from rich.table import Table

    table = Table("data", "model", *(each.title for each in measures), caption="\n".join(conventions(results)))
    for result in results:
        rows = result.pictures | {"mean": result.mean} if pictures else {"mean": result.mean}
        for name, figures in rows.items():
            data = f"{result.data} x{result.scale}"
            if pictures:
                data += f" {name}"
            table.add_row(data, result.model, *shown(figures, measures))
    console.print(table)


def _write_figures(card: ModelCard, results: list[Result], precision: Precision) -> None:
    """Replace the card's results on the test sets that were just measured."""
    from minutia.zoo.card import CARD_NAME, Figure, read_card, write_card

    new = {
        result.data: Figure(
            data=result.data,
            psnr=round(result.mean["psnr"], 3),
            ssim=round(result.mean["ssim"], 4),
            convention=result.measures[0].convention,
            command=f"minutia evaluate {card.name} --data {result.data} --precision {precision}",
        )
        for result in results
        if result.model == card.name and result.scale == card.scale
    }
    folder = card.model_path.parent
    now = read_card(folder / CARD_NAME)  # Which another evaluation may have written meanwhile.
    if now.sha256 != card.sha256:
        raise ModelError(f"The model in {folder} was replaced while it was measured; its card is left unchanged.")
    kept = {figure.data: figure for figure in now.figures}
    try:
        write_card(replace(now, figures=tuple((kept | new).values())), folder)
    except OSError as error:
        raise ModelError(f"The card in {folder} cannot be written: {reason(error)}.") from error
    console.print(f"Wrote the results into {folder / 'card.toml'}.")
