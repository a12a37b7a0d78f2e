"""What a recipe says of its two phases."""

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
    """Refuse a network that has nothing in it."""
    for name, value in asdict(spec).items():
        if isinstance(value, int) and value < 1:
            raise ValueError(f"{name} is a whole number from 1.")
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

    clip_norm: Annotated[PositiveFloat | None, BeforeValidator(_none_for_infinite)] = None
    """Largest norm of a gradient; without it, or with inf, any."""

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
    """The loss: a difference of pixels; charbonnier is an L1 that is smooth at zero."""

    init: UserPath | None = None
    """What to start from instead of a fresh network: a weights file, or a model by its folder or name."""

    best: Literal["psnr", "ssim"] = "psnr"
    """Figure of the validation pictures by which the best weights are chosen."""


class Adversarial(_Phase):
    """Phase 2: learn to be convincing, from the averaged weights of phase 1."""

    discriminator: Discriminator = SRGANDiscriminatorSpec()
    """srgan is the paper's, one judgement a picture; unet is Real-ESRGAN's, one a pixel. A table says which."""

    discriminator_init: UserPath | None = None
    """Run folder whose discriminator to start from; a fresh one knows nothing for hundreds of steps."""

    discriminator_learning_rate: PositiveFloat | None = None
    """Peak rate of the discriminator; without it the generator's."""

    pixel: Pixel = Pixel()
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
