"""The keys of a recipe's losses."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, NonNegativeInt

from minutia.train.bands import Bands
from minutia.train.fields import Strict, UserPath, Weight

PixelCriterion = Literal["l1", "mse", "charbonnier"]
GanKind = Literal["vanilla", "relativistic", "hinge"]

VGG_STRIDE = 16
"""Pixels between two positions of the deepest layers."""

WINDOW = 7
"""Side of the neighbourhood of a pixel, in LDL as in Liang et al. 2022."""

FIVE_LAYERS: dict[str, float] = {"conv1_2": 0.1, "conv2_2": 0.1, "conv3_4": 1.0, "conv4_4": 1.0, "conv5_4": 1.0}
"""Those of Real-ESRGAN."""


class Pixel(Strict):
    """Pixel loss."""

    criterion: PixelCriterion = "l1"
    """Pixel loss; charbonnier is an L1 loss that is smooth at zero."""

    weight: Weight = 1.0
    """Weight of the pixel loss."""


class Perceptual(Strict):
    """Perceptual loss: distance of VGG19 features."""

    weight: Weight = 1.0
    """Weight of the perceptual loss."""

    layers: Annotated[dict[str, Weight], Field(min_length=1)] = FIVE_LAYERS
    """Layers of VGG19 and their weights; conv5_4 is before the activation, relu5_4 (the paper's "VGG54") after it."""

    criterion: Literal["l1", "mse"] = "l1"
    """Distance between features."""

    rescale: Literal["magnitude", "unit", "paper", "none"] = "magnitude"
    """Scaling of features. magnitude: divided by the mean magnitude of the original's; unit: normalised to unit length
    at each position, and summed over channels, as in LPIPS; paper: divided by 12.75; none: unscaled."""

    shift: Annotated[int, Field(ge=0, le=VGG_STRIDE)] = 0
    """The input of VGG19 is shifted by 0 to this many pixels, down and across, in turn.

    Without a shift, the strides of VGG19 stay aligned with the pixel shuffle, and checkerboard patterns of `scale` x
    `scale` pixels are not penalised.
    """

    weights: UserPath | None = None
    """File with the VGG19 weights, .pth or .safetensors; without it they are downloaded once (about 550 MB)."""

    bands: Bands | None = None
    """Bands that VGG19 sees as red, green and blue; default: the first three, or the first one repeated if there are
    fewer."""

    @property
    def stride(self) -> int:
        """Pixels between two positions of the deepest chosen layer: twice as many in each block."""
        blocks = [int(name[4]) for name in self.layers if name[4:5].isdecimal()]  # What is no layer is told later.
        return 1 << max(blocks, default=1) - 1


class Gan(Strict):
    """Adversarial loss."""

    kind: GanKind = "vanilla"
    """Adversarial loss: vanilla (binary cross-entropy), relativistic average, or hinge."""

    weight: Weight = 5e-3
    """Weight of the adversarial loss; 0 trains without a discriminator."""

    ramp_steps: NonNegativeInt = 0
    """Steps over which the weight of the adversarial loss grows from zero."""
