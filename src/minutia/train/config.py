"""What a recipe may say: every key with its type, its default and what it means."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    Field,
    NonNegativeInt,
    PlainValidator,
    PositiveFloat,
    PositiveInt,
    model_validator,
)

from minutia.errors import ModelError
from minutia.nets.discriminators import UNET_STRIDE, DiscriminatorSpec, SRGANDiscriminatorSpec
from minutia.nets.generators import GeneratorSpec, parse_spec
from minutia.train.bands import Bands, NormalisationTable, check_bands, check_normalisation
from minutia.train.degrade.fields import Strict, Weight
from minutia.train.degrade.pipeline import DegradationOrName
from minutia.train.objectives import VGG_STRIDE, Gan, Perceptual, Pixel, PixelCriterion
from minutia.train.schedule import Schedule
from minutia.types import Normalisation


def _check_network(spec: GeneratorSpec) -> GeneratorSpec:
    """Refuse here what a card with the same network would be refused for."""
    try:
        return parse_spec(asdict(spec))
    except ModelError as error:
        raise ValueError(str(error)) from error


Network = Annotated[GeneratorSpec, Field(discriminator="kind"), AfterValidator(_check_network)]
Discriminator = Annotated[DiscriminatorSpec, Field(discriminator="kind")]
Fraction = Annotated[float, Field(ge=0, lt=1)]
OptimiserKind = Literal["adam", "muon"]


class Data(Strict):
    """Where the training pictures are and how they are kept."""

    hr: Path
    """Folder of high-resolution pictures, searched with its sub-folders."""

    lr: Path | None = None
    """Folder of low-resolution pictures of the same names; without it they are made by MATLAB's bicubic."""

    degradation: DegradationOrName | None = None
    """How low-resolution pictures are made instead: steps, or the name of a table that comes with Minutia."""

    augment: bool = True
    """Mirror and transpose crops at random: eight orientations."""

    num_held_out: NonNegativeInt = 8
    """Pictures kept from training for validation where `validation.hr` names no folder."""

    cache: Literal["ram", "device"] = "ram"
    """Where the decoded pictures lie; crops are cut there."""

    normalisation: NormalisationTable | None = None
    """Of measurements and bands; without it the full range of 8 or 16 bits is what the network sees as [0, 1]."""

    @model_validator(mode="after")
    def _check_lr(self) -> Self:
        if self.lr is not None and self.degradation is not None:
            raise ValueError("low-resolution pictures are read from lr or made by degradation, not both.")
        return self


def _check_batch_size(value: object) -> object:
    """Refuse in one sentence what is neither a number of crops nor "auto"."""
    if value == "auto" or (isinstance(value, int) and not isinstance(value, bool) and value > 0):
        return value
    raise ValueError('it is a whole number of crops, or "auto".')


class _Phase(Strict):
    steps: NonNegativeInt | None = None
    """How long the phase is: this, or `epochs`."""

    epochs: NonNegativeInt | None = None
    """An epoch is as many crops as there are training pictures, rounded up to whole batches."""

    batch_size: Annotated[int | Literal["auto"], PlainValidator(_check_batch_size)] = 16
    """Crops in a step, of all processes together; auto is as many, up to 64, as the memory at hand has room for."""

    lr_crop: PositiveInt = 24
    """Side of the square crops, in low-resolution pixels; the high-resolution crop is `scale` times that."""

    candidates: PositiveInt = 1
    """Places drawn for each crop, of which the one with the most detail is cut: flat ones teach little.

    After Wang et al. 2021, "SamplingAug".
    """

    schedule: Schedule = Schedule()
    optimiser: OptimiserKind = "adam"
    """Of the generator; the discriminator's is Adam. Muon learns faster: see `minutia.train.muon.Muon`."""

    betas: tuple[Fraction, Fraction] = (0.9, 0.99)
    """Of Adam."""

    ema_decay: Fraction = 0.999
    """Of the moving average of the generator's weights, which is what is validated and kept; 0 switches it off.

    Early on it is smaller, so that short phases are not averaged with the network they start from.
    """

    clip_norm: PositiveFloat | None = None
    """Largest norm of a gradient."""

    patience: PositiveInt | None = None
    """End the phase early after so many validations without a better one; without it none ends early."""

    @model_validator(mode="after")
    def _check_length(self) -> Self:
        if (self.steps is None) == (self.epochs is None):
            raise ValueError("its length is given by steps or by epochs, by one of them.")
        return self

    @property
    def num_crops(self) -> int:
        """`batch_size`, once it is a number."""
        assert self.batch_size != "auto", "see minutia.train.memory"
        return self.batch_size

    @property
    def is_empty(self) -> bool:
        """Whether nothing is to be done."""
        return not self.steps and not self.epochs


class Content(_Phase):
    """Phase 1: learn to be faithful."""

    criterion: PixelCriterion = "l1"
    init: Path | None = None
    """What to start from instead of a fresh network: a weights file, or a model by its folder or name."""

    best: Literal["psnr", "ssim"] = "psnr"
    """Figure of the validation pictures by which the best weights are chosen."""


class Adversarial(_Phase):
    """Phase 2: learn to be convincing, from the averaged weights of phase 1."""

    discriminator: Discriminator = SRGANDiscriminatorSpec()
    discriminator_init: Path | None = None
    """Run folder whose discriminator to start from; a fresh one knows nothing for hundreds of steps."""

    discriminator_learning_rate: PositiveFloat | None = None
    """Peak rate of the discriminator; without it the generator's."""

    pixel: Pixel = Pixel(weight=1e-2)
    perceptual: Perceptual = Perceptual()
    gan: Gan = Gan()
    grid: Weight = 0.0
    """Weight of what repeats every `scale` pixels in the error: see `minutia.train.losses.grid_loss`."""

    calm: Weight = 0.0
    """Weight of what is invented where the original has no texture: see `minutia.train.losses.calm_loss`."""

    artefacts: Weight = 0.0
    """Weight of errors that look like artefacts, LDL: see `minutia.train.losses.artefact_loss`; its paper takes 1."""

    best: Literal["psnr", "ssim", "perceptual"] = "perceptual"
    """Figure of whole validation pictures by which the best weights are chosen; perceptual is the loss."""


class Validation(Strict):
    """Whole pictures on which progress is measured."""

    hr: Path | None = None
    lr: Path | None = None
    num_samples: PositiveInt = 4
    """Pictures on the sample sheet."""

    @model_validator(mode="after")
    def _check_lr(self) -> Self:
        if self.lr is not None and self.hr is None:
            raise ValueError("lr holds the small copies of the pictures in hr, and hr is not given.")
        return self


class Samples(Strict):
    """Sample sheets beside those of each validation."""

    epochs: tuple[PositiveInt, ...] = ()
    """Epochs after which there is a validation, and so a sheet, in phases measured in epochs."""

    num_training: NonNegativeInt = 0
    """Training pictures that are scored and drawn at each validation, to be compared with those held out."""

    bands: Bands | None = None
    """The three bands, or the one, that are shown; without it the first three, or the first of fewer."""


class Watch(Strict):
    """What is done when a run breaks down: a loss is not finite, or validation PSNR falls far below its best."""

    recover: bool = True
    """Go back to the last good validation, once in a phase, and on at a quarter of the rate; otherwise stop."""


class Every(Strict):
    """How often things happen, in steps."""

    log: PositiveInt = 50
    """In a phase measured in epochs there is a row at the end of each epoch besides."""

    validation: PositiveInt = 1000
    validation_epochs: PositiveInt | None = None
    """Validate after so many epochs, and not after `validation` steps, in phases measured in epochs."""

    checkpoint: PositiveInt = 1000
    """There is one at every validation besides."""


class Hardware(Strict):
    """What the run computes with."""

    device: Literal["auto", "cpu"] = "auto"
    precision: Literal["auto", "fp32", "bf16", "fp16"] = "auto"
    """auto is bf16 where the processor multiplies in it, else fp32."""

    channels_last: bool = True
    compile: bool = False


class Recipe(Strict):
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
    samples: Samples = Samples()
    every: Every = Every()
    watch: Watch = Watch()
    hardware: Hardware = Hardware()

    @model_validator(mode="after")
    def _check_bands(self) -> Self:
        channels = self.network.channels
        check_normalisation(self.data.normalisation, channels)
        if self.data.degradation is not None and not self.is_photo:
            raise ValueError("data.degradation is for grey and RGB pictures, not for bands or measurements.")
        check_bands("samples.bands", self.samples.bands, channels, {1, 3})
        if self.adversarial is not None:
            check_bands("adversarial.perceptual.bands", self.adversarial.perceptual.bands, channels, {3})
        return self

    @model_validator(mode="after")
    def _check_crops(self) -> Self:
        if self.adversarial is None or self.adversarial.is_empty:
            return self
        shift, side = self.adversarial.perceptual.shift, self.adversarial.lr_crop * self.network.scale
        if shift and side - shift < VGG_STRIDE:
            raise ValueError(
                f"adversarial.perceptual.shift of {shift} leaves less than {VGG_STRIDE} pixels of crops of {side}."
            )
        if self.adversarial.discriminator.kind == "unet" and side % UNET_STRIDE:
            raise ValueError(
                f"adversarial.lr_crop makes crops of {side} pixels, but the U-Net takes multiples of {UNET_STRIDE}."
            )
        return self

    @property
    def normalisation(self) -> Normalisation | None:
        """How values become what the network sees; None for pictures, and before percentiles are found."""
        return None if self.data.normalisation is None else self.data.normalisation.found

    @property
    def is_photo(self) -> bool:
        """Whether it is about grey or RGB pictures, whose figures are those of the literature."""
        return self.data.normalisation is None and self.network.channels in {1, 3}

    @property
    def folder(self) -> Path:
        """Where the run is kept."""
        return self.run or Path("runs") / self.name

    @property
    def phases(self) -> dict[str, Content | Adversarial]:
        """The phases of the run by name, in order; content always is one, adversarial where it is not empty."""
        found: dict[str, Content | Adversarial] = {"content": self.content}
        if self.adversarial is None or self.adversarial.is_empty:
            return found
        return found | {"adversarial": self.adversarial}
