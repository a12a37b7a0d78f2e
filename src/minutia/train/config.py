"""The keys of a recipe, each with its type, its default and its meaning."""

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
    """Training pictures: where they are and how they are kept."""

    hr: Folders
    """Folder of high-resolution pictures, searched with its sub-folders; or a list of such folders."""

    lr: Folders | None = None
    """Folder of low-resolution pictures with the names of those in `hr`, or a list, one for each of `hr`; without it
    they are made by bicubic downscaling as in MATLAB."""

    degradation: DegradationOrName | None = None
    """How low-resolution pictures are made instead: a table of steps, or the name of a bundled one."""

    augment: bool = True
    """Flip and rotate crops at random: eight orientations."""

    num_held_out: NonNegativeInt = 8
    """Pictures that are kept out of training and used for validation where `validation.hr` names no folder."""

    cache: Literal["ram", "device"] = "ram"
    """Where the decoded pictures are kept and crops are cut: main memory, or the memory of the device."""

    normalisation: NormalisationTable | None = None
    """For measurements and bands: the values that become 0 and 1. Without it, the full range of 8 or 16 bits does."""

    @model_validator(mode="after")
    def _check_lr(self) -> Self:
        if self.lr is not None and self.degradation is not None:
            raise ValueError("low-resolution pictures are read from lr or made by degradation, not both.")
        if self.lr is not None and len(self.lr) != len(self.hr):
            raise ValueError(
                f"hr names {len(self.hr)} folders and lr {len(self.lr)}; lr needs one folder for each of hr."
            )
        return self


class Validation(Strict):
    """Whole pictures on which progress is measured."""

    hr: UserPath | None = None
    """Folder of high-resolution pictures; without it some of the training pictures are held out."""

    lr: UserPath | None = None
    """Folder of low-resolution validation pictures; made in the same way as for training if not given."""

    num_samples: PositiveInt = 4
    """Validation pictures on the sample sheet."""

    @model_validator(mode="after")
    def _check_lr(self) -> Self:
        if self.lr is not None and self.hr is None:
            raise ValueError("lr holds the low-resolution pictures of those in hr, and hr is not given.")
        return self


class Samples(Strict):
    """What is shown at a validation, and additional validations."""

    epochs: tuple[PositiveInt, ...] = ()
    """In phases measured in epochs: epochs after which to validate and draw a sample sheet."""

    num_training: NonNegativeInt = 0
    """Training pictures that are scored and drawn at each validation, for comparison with validation pictures."""

    bands: Bands | None = None
    """Bands that sample sheets show, three or one; default: the first three, or the first one if there are fewer."""


class Watch(Strict):
    """What is done when a run diverges: a loss is not finite, or validation PSNR falls far below its best."""

    recover: bool = True
    """After divergence, return to the last good validation, once per phase, and continue at a quarter of the learning
    rate; otherwise stop."""


class Every(Strict):
    """Intervals, in steps."""

    log: PositiveInt = 50
    """Steps between log rows; in a phase measured in epochs also one at the end of each epoch."""

    validation: PositiveInt = 1000
    """Steps between validations, which score the validation pictures and draw a sample sheet."""

    validation_epochs: PositiveInt | None = None
    """In phases measured in epochs: epochs between validations, instead of `validation`."""

    checkpoint: PositiveInt = 1000
    """Steps between checkpoints; every validation also writes one."""


class Hardware(Strict):
    """Device and number format of the computation."""

    device: Literal["auto", "cpu"] = "auto"
    """auto: a GPU where torch finds one, else the CPU."""

    precision: Literal["auto", "fp32", "bf16", "fp16"] = "auto"
    """auto: bf16 where the hardware supports it, else fp32."""

    channels_last: bool = True
    """Channels-last memory format, which is faster for convolutions."""

    compile: bool = False
    """Compile the networks with torch.compile: a minute or more before the first step, then faster steps.

    On a CPU the discriminator is not compiled.
    """


class Recipe(Strict):
    """All settings of a run."""

    name: Annotated[str, Field(pattern=r"^[\w.-]*[\w-][\w.-]*$")]
    """Name of the recipe: letters, digits, dots, hyphens and underscores; at least one that is not a dot."""

    run: UserPath | None = None
    """Folder of the run; default: `runs/NAME`."""

    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0
    """Seed of the random numbers: initial weights, crops, degradations."""

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
            left = f", less {shift} of adversarial.perceptual.shift," if shift else ""
            raise ValueError(
                f"crops of {side} pixels{left} are too small for VGG19, whose chosen layers have a stride of {stride}."
            )
        if (phase.flat or phase.ldl) and side <= WINDOW // 2:
            raise ValueError(f"adversarial.flat and ldl need crops of more than {WINDOW // 2} pixels.")
        if phase.discriminator.kind == "srgan" and phase.batch_size == 1 and side <= SRGAN_STRIDE:
            raise ValueError(
                f"the discriminator reduces crops of {side} pixels to one position, which batch normalisation cannot "
                "use with one crop; set adversarial.batch_size to 2 or more."
            )
        if phase.discriminator.kind == "unet" and side % UNET_STRIDE:
            raise ValueError(
                f"adversarial.lr_crop gives crops of {side} pixels, but the U-Net needs multiples of {UNET_STRIDE}."
            )
        return self

    @property
    def normalisation(self) -> Normalisation | None:
        """How values become what the network sees; None for pictures, and before percentiles are found."""
        return None if self.data.normalisation is None else self.data.normalisation.found

    @property
    def is_photo(self) -> bool:
        """Whether it is for grey or RGB pictures, which are scored as in the literature."""
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
