"""What a recipe may say: every key with its type, its default and what it means."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, NonNegativeInt, PositiveInt, model_validator

from minutia.errors import ModelError
from minutia.nets.discriminators import SRGAN_STRIDE, UNET_STRIDE
from minutia.nets.generators import GeneratorSpec, parse_spec
from minutia.train.bands import Bands, NormalisationTable, check_bands, check_normalisation
from minutia.train.degrade.pipeline import DegradationOrName
from minutia.train.fields import Strict, UserPath
from minutia.train.objectives import WINDOW
from minutia.train.phase_config import Adversarial, Content
from minutia.types import Normalisation


def _check_network(spec: GeneratorSpec) -> GeneratorSpec:
    """Refuse here what a card with the same network would be refused for."""
    try:
        return parse_spec(asdict(spec))
    except ModelError as error:
        raise ValueError(str(error)) from error


Network = Annotated[GeneratorSpec, Field(discriminator="kind"), AfterValidator(_check_network)]


def _listed(value: object) -> object:
    """Take one for a list of one."""
    return value if value is None or isinstance(value, list | tuple) else [value]


Folders = Annotated[tuple[UserPath, ...], BeforeValidator(_listed), Field(min_length=1)]


class Data(Strict):
    """Where the training pictures are and how they are kept."""

    hr: Folders
    """Folder of high-resolution pictures, searched with its sub-folders; or a list of such folders."""

    lr: Folders | None = None
    """Folder of low-resolution pictures of the same names, or a list, one for each of `hr`; without it they are made by
    MATLAB's bicubic."""

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
        if self.lr is not None and len(self.lr) != len(self.hr):
            raise ValueError(f"hr names {len(self.hr)} folders and lr {len(self.lr)}; each of hr needs one of lr.")
        return self


class Validation(Strict):
    """Whole pictures on which progress is measured."""

    hr: UserPath | None = None
    """Folder of high-resolution pictures; without it some of the training pictures are held out."""

    lr: UserPath | None = None
    """Folder of their small copies; made as those of the training pictures where not given."""

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
    """Where a run breaks down, go back to the last good validation, once in a phase, and on at a quarter of the rate;
    otherwise stop."""


class Every(Strict):
    """How often things happen, in steps."""

    log: PositiveInt = 50
    """Steps between two rows of losses. In a phase measured in epochs there is one at the end of each epoch besides."""

    validation: PositiveInt = 1000
    """Steps between two validations: figures of the validation pictures, and a sheet of samples."""

    validation_epochs: PositiveInt | None = None
    """Validate after so many epochs, and not after `validation` steps, in phases measured in epochs."""

    checkpoint: PositiveInt = 1000
    """Steps between two states to go on from; there is one at every validation besides."""


class Hardware(Strict):
    """What the run computes with."""

    device: Literal["auto", "cpu"] = "auto"
    """auto is a GPU where torch finds one."""

    precision: Literal["auto", "fp32", "bf16", "fp16"] = "auto"
    """auto is bf16 where the processor multiplies in it, else fp32."""

    channels_last: bool = True
    """Keep the channels of a pixel side by side in memory, which convolutions are faster with."""

    compile: bool = False
    """Let torch compile the networks: a minute or more before the first step, then faster ones.

    On a CPU the discriminator is left as it is.
    """


class Recipe(Strict):
    """Everything a run depends on."""

    name: Annotated[str, Field(pattern=r"^[\w.-]*[\w-][\w.-]*$")]
    """Letters, digits, dots, hyphens and underscores; more than dots."""

    run: UserPath | None = None
    """Folder of the run; without it `runs/NAME`."""

    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0
    """Another one draws other crops, and begins with other weights."""

    network: Network
    """The generator."""

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
        phase, side = self.adversarial, self.adversarial.lr_crop * self.network.scale
        shift, stride = phase.perceptual.shift, phase.perceptual.stride
        if side - shift < stride:
            left = f"less {shift} of adversarial.perceptual.shift " if shift else ""
            raise ValueError(f"crops of {side} pixels {left}are too small for VGG19, which takes {stride} to one here.")
        if (phase.calm or phase.artefacts) and side <= WINDOW // 2:
            raise ValueError(f"adversarial.calm and artefacts need crops of more than {WINDOW // 2} pixels.")
        if phase.discriminator.kind == "srgan" and phase.batch_size == 1 and side <= SRGAN_STRIDE:
            raise ValueError(
                f"the discriminator makes one place of crops of {side} pixels, and normalises over the batch; make "
                "adversarial.batch_size 2 at least."
            )
        if phase.discriminator.kind == "unet" and side % UNET_STRIDE:
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
