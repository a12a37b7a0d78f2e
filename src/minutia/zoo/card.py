"""The card of a model: description, training, results and limits."""

from __future__ import annotations

import json
import math
import re
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from minutia.errors import ModelError
from minutia.files import reason, replacing
from minutia.memory import PIXEL_BYTES
from minutia.types import Normalisation

CARD_NAME = "card.toml"
MODEL_NAME = "model.onnx"

TEXTS = ("name", "summary", "licence", "intended_use", "limits", "sha256")
NUMBERS = ("scale", "channels", "halo")
TABLES = ("network", "training")
OPTIONAL: dict[str, type] = {"fidelity": str, "grain": str, "pixel_bytes": int}
LEAST = {"scale": 1, "channels": 1, "halo": 0, "pixel_bytes": 1}
FIGURE_TYPES: dict[str, type] = {"data": str, "psnr": float, "ssim": float, "convention": str, "command": str}
FIGURE_NEEDS = ("data", "psnr", "ssim", "convention")

WORDS = {str: "text", int: "whole number", dict: "table"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """Scores of a model on a test set. Written by `minutia evaluate --write-card`, never by hand."""

    data: str
    psnr: float
    """dB"""
    ssim: float
    convention: str
    command: str = ""
    """Command that measured it, with the test set by its name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCard:
    """A model, as its folder describes it."""

    name: str
    summary: str
    scale: int
    channels: int
    halo: int
    """Receptive radius: input pixels to each side that an output pixel can depend on."""
    pixel_bytes: int = PIXEL_BYTES
    """Memory that the network takes for an input pixel, in fp32."""
    licence: str
    intended_use: str
    limits: str
    sha256: str
    """SHA-256 of model.onnx."""
    network: Mapping[str, Any]
    """Kind and parameters of the network, as `minutia.nets.generators.parse_spec` reads them."""
    training: Mapping[str, str | int | float]
    """Data, steps, seconds, device."""
    figures: tuple[Figure, ...]
    fidelity: str = ""
    """Name or folder of the fidelity model of the same network that this one can be blended with; empty for none."""
    grain: str = ""
    """Name or folder of a model of the same network that was trained to keep grain; empty for none."""
    normalisation: Normalisation | None = None
    """Values of each band that become 0 and 1; None where the full range of integers does."""
    model_path: Path
    """The model.onnx beside the card; not written into it."""

    @property
    def is_adversarial(self) -> bool:
        """Whether it was trained against a discriminator, and so may shift colours a little."""
        return bool(self.training.get("adversarial_steps"))


def read_card(path: Path) -> ModelCard:
    """Read a card.toml.

    Raises:
        ModelError: no card, or one that lacks a key, has an unknown one or a value of the wrong type.
    """
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError) as error:
        raise ModelError(f"There is no card at {path}; a model is a folder of {MODEL_NAME} and {CARD_NAME}.") from error
    except OSError as error:
        raise ModelError(f"The card {path} cannot be read: {reason(error)}.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ModelError(f"The card {path} is not valid TOML: {error}.") from error
    types: dict[str, type] = dict.fromkeys(TEXTS, str) | dict.fromkeys(NUMBERS, int) | dict.fromkeys(TABLES, dict)
    figures, normalisation = table.pop("figures", []), table.pop("normalisation", None)
    for name, kind in types.items():
        if type(table.get(name)) is not kind:
            raise ModelError(f"The card {path} needs a {WORDS[kind]} called {name}.")
    for name, kind in OPTIONAL.items():
        if type(table.get(name, kind())) is not kind:
            raise ModelError(f"In the card {path} {name} must be a {WORDS[kind]}.")
    for name, least in LEAST.items():
        if table.get(name, least) < least:
            raise ModelError(f"In the card {path} {name} must be at least {least}.")
    for name, value in table["training"].items():
        if not isinstance(value, str | int | float):
            raise ModelError(f"In the card {path} {name}, in [training], must be a text or a number.")
    unknown = sorted(set(table) - set(types) - set(OPTIONAL))
    if unknown:
        raise ModelError(f"The card {path} has an unknown key {unknown[0]}.")
    if not isinstance(figures, list) or not all(_is_figure(figure) for figure in figures):
        raise ModelError(f"The figures in {path} must be tables with the keys {', '.join(FIGURE_NEEDS)}.")
    read = tuple(Figure(**{key: FIGURE_TYPES[key](value) for key, value in figure.items()}) for figure in figures)
    by = None if normalisation is None else parse_normalisation(normalisation, table["channels"], f"the card {path}")
    return ModelCard(**table, figures=read, normalisation=by, model_path=path.with_name(MODEL_NAME))


def parse_normalisation(table: object, channels: int, place: str) -> Normalisation:
    """Read a table of `low` and `high`.

    Args:
        place: what errors call the file it stands in.

    Raises:
        ModelError: the table holds anything else, or not one `low` below its `high` for each channel.
    """
    lists: Any = table if isinstance(table, dict) and set(table) == {"low", "high"} else {"low": None, "high": None}
    low, high = lists["low"], lists["high"]
    good = all(isinstance(each, list) and len(each) == channels and all(map(_is_number, each)) for each in (low, high))
    if not good or not all(a < b for a, b in zip(low, high, strict=True)):
        raise ModelError(
            f"The normalisation in {place} must be two lists, low and high, with one number for each channel."
        )
    return Normalisation(tuple(map(float, low)), tuple(map(float, high)))


def write_card(card: ModelCard, folder: Path) -> None:
    """Write folder/card.toml, by rename."""
    optional = tuple(name for name in OPTIONAL if getattr(card, name))
    lines = [f"{name} = {_value(getattr(card, name))}" for name in TEXTS + NUMBERS + optional]
    for name in TABLES:
        lines += ["", f"[{name}]", *_lines(getattr(card, name))]
    if card.normalisation is not None:
        lines += ["", "[normalisation]", *_lines(asdict(card.normalisation))]
    for figure in card.figures:
        told = {key: value for key, value in asdict(figure).items() if key in FIGURE_NEEDS or value}
        lines += ["", "[[figures]]", *_lines(told)]
    with replacing(folder / CARD_NAME) as temporary:
        temporary.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _is_number(value: object) -> bool:
    return type(value) in {int, float} and math.isfinite(value)  # type: ignore[arg-type]


def _is_figure(figure: object) -> bool:
    """Tell whether all is there, of its type; a whole number may stand for another."""
    if not isinstance(figure, dict) or not set(FIGURE_NEEDS) <= set(figure) <= set(FIGURE_TYPES):
        return False
    kinds = {key: FIGURE_TYPES[key] for key in figure}
    return all(type(figure[key]) in {kind, int if kind is float else kind} for key, kind in kinds.items())


def _lines(table: Mapping[str, object]) -> list[str]:
    """Write a flat table; keys that are more than a bare word are quoted."""
    return [
        f"{key if re.fullmatch('[A-Za-z0-9_-]+', key) else _value(key)} = {_value(value)}"
        for key, value in table.items()
    ]


def _value(value: object) -> str:
    """Write a text, number, truth or tuple of those as TOML: JSON but for infinities and the delete character."""
    if isinstance(value, tuple):
        return f"[{', '.join(map(_value, value))}]"
    assert isinstance(value, str | int | float), value
    if isinstance(value, float):
        return repr(float(value))
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
