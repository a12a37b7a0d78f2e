"""The keys of a recipe's two phases."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    NonNegativeInt,
    PlainValidator,
    PositiveFloat,
    PositiveInt,
    model_validator,
)

from minutia.nets.discriminators import DiscriminatorSpec, SRGANDiscriminatorSpec
from minutia.train.fields import Strict, UserPath, Weight
from minutia.train.objectives import Gan, Perceptual, Pixel, PixelCriterion
from minutia.train.schedule import Schedule


def _check_discriminator(spec: DiscriminatorSpec) -> DiscriminatorSpec:
    """Refuse a network without layers or features."""
    for name, value in asdict(spec).items():
        if isinstance(value, int) and value < 1:
            raise ValueError(f"{name} must be a whole number from 1.")
    return spec


def _none_for_infinite(value: object) -> object:
    """Take a norm that no gradient has for no limit: TOML has no other word for none."""
    return None if value == math.inf else value


Discriminator = Annotated[DiscriminatorSpec, Field(discriminator="kind"), AfterValidator(_check_discriminator)]
Fraction = Annotated[float, Field(ge=0, lt=1)]
OptimiserKind = Literal["adam", "muon"]


def _check_batch_size(value: object) -> object:
    """Refuse in one sentence what is neither a number of crops nor "auto"."""
    if value == "auto" or (isinstance(value, int) and not isinstance(value, bool) and value > 0):
        return value
    raise ValueError('it must be a whole number of crops, or "auto".')


class _Phase(Strict):
    steps: NonNegativeInt | None = None
    """Length of the phase in steps; give this or `epochs`."""

    epochs: NonNegativeInt | None = None
    """Length of the phase in epochs. An epoch has as many crops as there are training pictures, rounded up to whole
    batches."""

    batch_size: Annotated[int | Literal["auto"], PlainValidator(_check_batch_size)] = 16
    """Crops per step, over all processes; auto: as many as fit into memory, at most 64."""

    lr_crop: PositiveInt = 24
    """Side of the square crops in low-resolution pixels; high-resolution crops are `scale` times as large."""

    candidates: PositiveInt = 1
    """Number of random positions per crop; the one with the most detail is used.

    After Wang et al. 2021, "SamplingAug".
    """

    schedule: Schedule = Schedule()
    optimiser: OptimiserKind = "adam"
    """Optimiser of the generator; the discriminator uses Adam. Muon converges faster: see `minutia.train.muon.Muon`."""

    betas: tuple[Fraction, Fraction] = (0.9, 0.99)
    """Beta coefficients of Adam."""

    ema_decay: Fraction = 0.999
    """Decay of the exponential moving average of the generator's weights, which is validated and kept; 0 disables it.

    It is smaller in the first steps, so that the initial weights do not dominate short phases.
    """

    clip_norm: Annotated[PositiveFloat | None, BeforeValidator(_none_for_infinite)] = None
    """Gradient norm above which gradients are clipped; without it, or with inf, they are not clipped."""

    patience: PositiveInt | None = None
    """Early stopping: validations without improvement after which the phase ends; without it, never."""

    @model_validator(mode="after")
    def _check_length(self) -> Self:
        if (self.steps is None) == (self.epochs is None):
            raise ValueError("give either steps or epochs.")
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
    """Phase 1: PSNR-oriented training on pixel differences."""

    criterion: PixelCriterion = "l1"
    """Pixel loss; charbonnier is an L1 loss that is smooth at zero."""

    init: UserPath | None = None
    """Initial weights of the generator: a weights file, or a model by name or folder; random without it."""

    best: Literal["psnr", "ssim"] = "psnr"
    """Validation metric by which the best weights are chosen."""


class Adversarial(_Phase):
    """Phase 2: adversarial training, from the averaged weights of phase 1."""

    discriminator: Discriminator = SRGANDiscriminatorSpec()
    """Discriminator. srgan: the paper's, one logit per crop; unet: Real-ESRGAN's U-Net, one logit per pixel."""

    discriminator_init: UserPath | None = None
    """Run folder whose discriminator is the initial one; a new one needs hundreds of steps before it is of use."""

    discriminator_learning_rate: PositiveFloat | None = None
    """Peak learning rate of the discriminator; default: that of the generator."""

    pixel: Pixel = Pixel()
    perceptual: Perceptual = Perceptual()
    gan: Gan = Gan()
    checkerboard: Weight = 0.0
    """Weight of the checkerboard loss, on errors that repeat every `scale` pixels: see
    `minutia.train.losses.checkerboard_loss`."""

    flat: Weight = 0.0
    """Weight of the L1 loss in flat regions of the original: see `minutia.train.losses.flat_region_loss`."""

    ldl: Weight = 0.0
    """Weight of the LDL artefact loss (Liang et al. 2022; 1 in the paper): see `minutia.train.losses.ldl_loss`."""

    best: Literal["psnr", "ssim", "perceptual"] = "perceptual"
    """Validation metric by which the best weights are chosen; perceptual is the perceptual loss."""
