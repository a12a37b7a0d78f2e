"""What a recipe may say: every key with its type, its default and what it means."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeInt,
    PlainValidator,
    PositiveFloat,
    PositiveInt,
    model_validator,
)

from minutia.errors import ModelError
from minutia.nets.discriminators import DiscriminatorSpec, SRGANDiscriminatorSpec
from minutia.nets.generators import GeneratorSpec, parse_spec


def _check_network(spec: GeneratorSpec) -> GeneratorSpec:
    """Refuse here what a card with the same network would be refused for."""
    try:
        return parse_spec(asdict(spec))
    except ModelError as error:
        raise ValueError(str(error)) from error


Network = Annotated[GeneratorSpec, Field(discriminator="kind"), AfterValidator(_check_network)]
Discriminator = Annotated[DiscriminatorSpec, Field(discriminator="kind")]
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
    """Learning rate over the steps of a phase: a linear warm-up, a constant stretch, then the decay.

    Counted in steps, also where the phase is measured in epochs; a cosine ends with the phase in either case.
    """

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


def _check_batch_size(value: object) -> object:
    """Refuse in one sentence what is neither a number of crops nor "auto"."""
    if value == "auto" or (isinstance(value, int) and not isinstance(value, bool) and value > 0):
        return value
    raise ValueError('it is a whole number of crops, or "auto".')


class _Phase(_Strict):
    steps: NonNegativeInt | None = None
    """How long the phase is: this, or `epochs`."""

    epochs: NonNegativeInt | None = None
    """An epoch is as many crops as there are training pictures, rounded up to whole batches."""

    batch_size: Annotated[int | Literal["auto"], PlainValidator(_check_batch_size)] = 16
    """Crops in a step, of all processes together; auto is as many, up to 64, as the memory at hand has room for."""

    lr_crop: PositiveInt = 24
    """Side of the square crops, in low-resolution pixels; the high-resolution crop is `scale` times that."""

    schedule: Schedule = Schedule()
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
    """Weights file to start from instead of a fresh network."""

    best: Literal["psnr", "ssim"] = "psnr"
    """Figure of the validation pictures by which the best weights are chosen."""


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
    best: Literal["psnr", "ssim", "perceptual"] = "perceptual"
    """Figure of the validation pictures by which the best weights are chosen; perceptual is the phase's own loss."""


class Validation(_Strict):
    """Whole pictures on which progress is measured."""

    hr: Path | None = None
    lr: Path | None = None
    num_samples: PositiveInt = 4
    """Pictures on the sample sheet."""


class Samples(_Strict):
    """Sample sheets beside those of each validation."""

    epochs: tuple[PositiveInt, ...] = ()
    """Epochs after which there is a validation, and so a sheet, in phases measured in epochs."""

    num_training: NonNegativeInt = 0
    """Training pictures that are scored and drawn at each validation, to be compared with those held out."""


class Watch(_Strict):
    """What is done when a run breaks down: a loss is not finite, or validation PSNR falls far below its best."""

    recover: bool = True
    """Go back to the last good validation, once in a phase, and on at a quarter of the rate; otherwise stop."""


class Every(_Strict):
    """How often things happen, in steps."""

    log: PositiveInt = 50
    """In a phase measured in epochs there is a row at the end of each epoch besides."""

    validation: PositiveInt = 1000
    validation_epochs: PositiveInt | None = None
    """Validate after so many epochs, and not after `validation` steps, in phases measured in epochs."""

    checkpoint: PositiveInt = 1000
    """There is one at every validation besides."""


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
    samples: Samples = Samples()
    every: Every = Every()
    watch: Watch = Watch()
    hardware: Hardware = Hardware()

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
