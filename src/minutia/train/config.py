"""What a recipe may say. Every key is typed, every unknown key is refused by its full name."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterable
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import tomli_w
from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt, PositiveFloat, PositiveInt, ValidationError

from minutia.errors import RecipeError
from minutia.nets.discriminators import SRGANDiscriminatorSpec, UNetDiscriminatorSpec
from minutia.nets.minutianet import MinutiaNetSpec
from minutia.nets.rrdb import RRDBSpec
from minutia.nets.srresnet import SRResNetSpec

RECIPES = Path(__file__).parent / "recipes"

Network = Annotated[SRResNetSpec | RRDBSpec | MinutiaNetSpec, Field(discriminator="kind")]
Discriminator = Annotated[SRGANDiscriminatorSpec | UNetDiscriminatorSpec, Field(discriminator="kind")]
PixelCriterion = Literal["l1", "mse", "charbonnier"]
GanKind = Literal["vanilla", "relativistic", "hinge"]
Fraction = Annotated[float, Field(ge=0, lt=1)]
Weight = Annotated[float, Field(ge=0)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Data(_Strict):
    """Where the training pictures are and how they are kept."""

    hr: Path
    """Folder of high-resolution pictures, searched with its sub-folders."""

    lr: Path | None = None
    """Folder of low-resolution pictures of the same names; without it they are made by MATLAB's bicubic."""

    augment: bool = True
    """Mirror and transpose crops at random: eight orientations."""

    num_held_out: NonNegativeInt = 8
    """Pictures kept from training for validation where `validation.hr` names no folder."""

    cache: Literal["ram", "device"] = "ram"
    """Where the decoded pictures lie; crops are cut there."""


class Schedule(_Strict):
    """Learning rate over the steps of a phase: a linear warm-up, a constant stretch, then the decay."""

    kind: Literal["constant", "cosine", "multistep"] = "cosine"
    learning_rate: PositiveFloat = 2e-4
    warmup_steps: NonNegativeInt = 0
    hold_steps: NonNegativeInt = 0
    """Steps at the full rate after the warm-up, before a cosine begins."""

    final_learning_rate: Weight = 1e-7
    """Where a cosine ends."""

    milestones: tuple[PositiveInt, ...] = ()
    """Steps at which multistep multiplies the rate by `gamma`."""

    gamma: PositiveFloat = 0.5


class _Phase(_Strict):
    steps: NonNegativeInt
    batch_size: PositiveInt = 16
    """Crops in a step."""

    lr_crop: PositiveInt = 24
    """Side of the square crops, in low-resolution pixels; the high-resolution crop is `scale` times that."""

    schedule: Schedule = Schedule()
    betas: tuple[Fraction, Fraction] = (0.9, 0.99)
    """Of Adam."""

    ema_decay: Fraction = 0.999
    """Of the moving average of the generator's weights, which is what is validated and kept; 0 switches it off."""

    clip_norm: PositiveFloat | None = None
    """Largest norm of a gradient."""


class Content(_Phase):
    """Phase 1: learn to be faithful."""

    criterion: PixelCriterion = "l1"
    init: Path | None = None
    """Weights file to start from instead of a fresh network."""


class Pixel(_Strict):
    """Difference of pixels."""

    criterion: PixelCriterion = "l1"
    weight: Weight = 1.0


class Perceptual(_Strict):
    """Difference of VGG19 features."""

    weight: Weight = 1.0
    layers: dict[str, Weight] = {
        "conv1_2": 0.1,
        "conv2_2": 0.1,
        "conv3_4": 1.0,
        "conv4_4": 1.0,
        "conv5_4": 1.0,
    }
    """Layers and their weights; conv5_4 is before its activation, relu5_4 (the paper's "VGG54") after it."""

    criterion: Literal["l1", "mse"] = "l1"
    rescale: Literal["magnitude", "paper", "none"] = "magnitude"
    """Divide each layer's difference by the mean magnitude of the original's features, or features by 12.75."""

    weights: Path | None = None
    """Safetensors file of VGG19; without it the weights are downloaded once."""


class Gan(_Strict):
    """The game between generator and discriminator."""

    kind: GanKind = "vanilla"
    weight: Weight = 5e-3
    ramp_steps: NonNegativeInt = 0
    """Steps over which the weight grows from zero."""


class Adversarial(_Phase):
    """Phase 2: learn to be convincing, from the averaged weights of phase 1."""

    discriminator: Discriminator = SRGANDiscriminatorSpec()
    discriminator_learning_rate: PositiveFloat | None = None
    """Peak rate of the discriminator; without it the generator's."""

    pixel: Pixel = Pixel(weight=1e-2)
    perceptual: Perceptual = Perceptual()
    gan: Gan = Gan()


class Validation(_Strict):
    """Whole pictures on which progress is measured."""

    hr: Path | None = None
    lr: Path | None = None
    num_samples: PositiveInt = 4
    """Pictures on the sample sheet."""


class Every(_Strict):
    """How often things happen, in steps."""

    log: PositiveInt = 50
    validation: PositiveInt = 1000
    checkpoint: PositiveInt = 1000


class Hardware(_Strict):
    """What the run computes with."""

    device: Literal["auto", "cpu"] = "auto"
    precision: Literal["auto", "fp32", "bf16", "fp16"] = "auto"
    """auto is bf16 where the processor multiplies in it, else fp32."""

    channels_last: bool = True
    compile: bool = False


class Recipe(_Strict):
    """Everything a run depends on."""

    name: Annotated[str, Field(pattern=r"^[\w.-]+$")]
    run: Path | None = None
    """Folder of the run; without it runs/<name>."""

    seed: NonNegativeInt = 0
    network: Network
    data: Data
    content: Content
    adversarial: Adversarial | None = None
    validation: Validation = Validation()
    every: Every = Every()
    hardware: Hardware = Hardware()

    @property
    def folder(self) -> Path:
        """Where the run is kept."""
        return self.run or Path("runs") / self.name


def bundled_recipes() -> dict[str, Path]:
    """The recipes that ship with Minutia, by name."""
    return {path.stem: path for path in sorted(RECIPES.glob("*.toml"))}


def load_recipe(recipe: str | Path, overrides: Iterable[str] = ()) -> Recipe:
    """Read a recipe file, or a bundled recipe by its name, with `key=value` overrides.

    Raises:
        RecipeError: no such recipe, broken TOML, an unknown key or an impossible value.
    """
    path = bundled_recipes().get(str(recipe), Path(recipe))
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        known = ", ".join(bundled_recipes())
        raise RecipeError(f"The recipe {recipe} cannot be read; bundled recipes are {known}.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RecipeError(f"The recipe {path} is not valid TOML: {error}.") from error
    for override in overrides:
        _apply(table, override)
    try:
        return Recipe.model_validate(table)
    except ValidationError as error:
        raise RecipeError(_explain(error, table)) from error


def dump_recipe(recipe: Recipe) -> str:
    """Write the recipe with every default filled in, as TOML."""
    return tomli_w.dumps(json.loads(recipe.model_dump_json(exclude_none=True)))


def _apply(table: dict[str, Any], override: str) -> None:
    """Set one `section.key=value`; the value is read as TOML and, where it is not, taken as a string."""
    key, equals, text = override.partition("=")
    if not equals:
        raise RecipeError(f"--set {override} has no value; write --set section.key=value.")
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        value = text
    *sections, name = key.strip().split(".")
    for section in sections:
        table = table.setdefault(section, {})
        if not isinstance(table, dict):
            raise RecipeError(f"--set {override}: {section} is a value and has no keys.")
    table[name] = value


def _explain(error: ValidationError, table: dict[str, Any]) -> str:
    """Say what is wrong with a recipe in one sentence: a misspelt key rather than the one that is missing for it."""
    first = min(error.errors(), key=lambda one: one["type"] not in UNKNOWN)
    path = [str(part) for part in first["loc"] if not _is_kind(part, table)]
    key = ".".join(path)
    if first["type"] in UNKNOWN:
        known = ", ".join(_known_keys(path[:-1], table))
        return f"The recipe has an unknown key {key}; known here are {known}."
    if first["type"] in {"missing", "missing_argument"}:
        return f"The recipe lacks {key}; write it into the file or add --set {key}=VALUE."
    return f"The recipe's {key} = {first['input']!r} will not do: {first['msg']}."


UNKNOWN = {"extra_forbidden", "unexpected_keyword_argument"}
KINDS = {"srresnet", "rrdb", "minutianet", "srgan", "unet"}


def _is_kind(part: int | str, table: dict[str, Any]) -> bool:
    """Tell whether a part of an error's place is the kind of a network and no key of the recipe."""
    return part in KINDS and part not in table


def _known_keys(path: list[str], table: dict[str, Any]) -> list[str]:
    model: Any = Recipe
    for part in path:
        table = table.get(part, {})
        model = _choose(model.model_fields[part].annotation, table)
    return sorted(field.name for field in fields(model)) if is_dataclass(model) else sorted(model.model_fields)


def _choose(annotation: Any, table: dict[str, Any]) -> Any:  # noqa: ANN401
    """Among the members of a union, the one a table describes."""
    members = [m for m in getattr(annotation, "__args__", (annotation,)) if m is not type(None)]
    members = [inner for m in members for inner in getattr(m, "__args__", (m,)) if not isinstance(inner, str)]
    kinds = [m for m in members if getattr(m, "kind", None) == table.get("kind")]
    return (kinds or members)[0]
