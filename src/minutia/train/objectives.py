"""What a recipe says of the losses."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, NonNegativeInt

from minutia.train.bands import Bands
from minutia.train.fields import Strict, UserPath, Weight

PixelCriterion = Literal["l1", "mse", "charbonnier"]
GanKind = Literal["vanilla", "relativistic", "hinge"]

VGG_STRIDE = 16
"""Pixels between two places of the deepest layers."""

WINDOW = 7
"""Side of the neighbourhood of a pixel, in LDL as in Liang et al. 2022."""

FIVE_LAYERS: dict[str, float] = {"conv1_2": 0.1, "conv2_2": 0.1, "conv3_4": 1.0, "conv4_4": 1.0, "conv5_4": 1.0}
"""Those of Real-ESRGAN."""


class Pixel(Strict):
    """Difference of pixels."""

    criterion: PixelCriterion = "l1"
    """Charbonnier is an L1 that is smooth at zero."""

    weight: Weight = 1.0
    """In the sum of losses."""


class Perceptual(Strict):
    """Difference of VGG19 features."""

    weight: Weight = 1.0
    """In the sum of losses."""

    layers: Annotated[dict[str, Weight], Field(min_length=1)] = FIVE_LAYERS
    """Layers and their weights; conv5_4 is before its activation, relu5_4 (the paper's "VGG54") after it."""

    criterion: Literal["l1", "mse"] = "l1"
    """What becomes of the difference of features."""

    rescale: Literal["magnitude", "unit", "paper", "none"] = "magnitude"
    """Divide each layer's difference by the mean magnitude of the original's features, or features by 12.75; unit
    brings the features of each place to unit length and sums over them, as LPIPS does."""

    shift: Annotated[int, Field(ge=0, le=VGG_STRIDE)] = 0
    """Pixels by which the window that VGG sees is moved, through all of 0 to this in turn, down and across.

    VGG's strides of 2, 4, 8 and 16 keep step with a generator that makes `scale` x `scale` pixels of one: where both
    always begin at the same pixel, a grid of that size costs nothing.
    """

    weights: UserPath | None = None
    """Safetensors file of VGG19; without it the weights are downloaded once."""

    bands: Bands | None = None
    """The three bands that are taken for red, green and blue; without it the first three, or the first thrice."""

    @property
    def stride(self) -> int:
        """Pixels between two places of the deepest layer that is chosen: twice as many in each block."""
        blocks = [int(name[4]) for name in self.layers if name[4:5].isdecimal()]  # What is no layer is told later.
        return 1 << max(blocks, default=1) - 1


class Gan(Strict):
    """The game between generator and discriminator."""

    kind: GanKind = "vanilla"
    """Relativistic compares pictures with each other; hinge leaves alone what is judged clearly enough."""

    weight: Weight = 5e-3
    """In the sum of losses of the generator; 0 is no game, only the other losses."""

    ramp_steps: NonNegativeInt = 0
    """Steps over which the weight grows from zero."""
