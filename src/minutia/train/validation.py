"""Validation: scores of the averaged generator on whole pictures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from minutia.image.color import from_float, full_range, to_float
from minutia.image.pairs import Pair
from minutia.image.tiles import spans
from minutia.metrics.fidelity import Score, score_bands, score_y
from minutia.nets.generators import GeneratorSpec
from minutia.train.config import Recipe
from minutia.train.losses import PerceptualLoss
from minutia.types import Pixels


@dataclass(frozen=True, slots=True)
class Shown:
    """A picture that was enlarged, kept to be looked at."""

    pair: Pair
    sr: Pixels
    """(H, W, C), dtype of `pair.hr`"""


@dataclass(frozen=True, slots=True)
class Validation:
    """Means over some pictures."""

    psnr: float
    """dB, by one of the conventions of `minutia.metrics.fidelity`; see `scoring`."""
    ssim: float
    colour_drift: float
    """How far the mean colour is from that of the input, in 1/255: the channel and sign that are farthest."""
    perceptual: float | None = None
    """The perceptual loss of the adversarial phase; lower is nearer to the original."""
    shown: list[Shown] = field(default_factory=list)

    def figures(self) -> dict[str, float]:
        """The figures there are, by name."""
        found = {"psnr": self.psnr, "ssim": self.ssim, "colour_drift": self.colour_drift}
        return found if self.perceptual is None else found | {"perceptual": self.perceptual}


MAX_PSNR = 100.0
"""In dB, so that means stay numbers where a picture, a blank page perhaps, is enlarged without a fault."""

JUDGED_SIDE = 1024
"""The perceptual loss is taken of the middle of pictures, at most so many pixels a side: features need 100 times the
memory of what they are taken of."""

TILE = 256
"""Side of what is enlarged at once, in pixels of the input and without its halo: at full size a whole photograph's maps
may need more memory than a step of training."""

Scoring: TypeAlias = Callable[[Pixels, Pixels, int], Score]
"""From `sr`, `hr` and the scale."""


def scoring(recipe: Recipe) -> Scoring:
    """Choose how pictures are scored: on luma of 8 bits as in the literature, or on all bands."""
    return score_y if recipe.is_photo else score_bands


def validate(
    network: nn.Module,
    pairs: Sequence[Pair],
    spec: GeneratorSpec,
    device: torch.device,
    judge: PerceptualLoss | None = None,
    num_shown: int = 0,
    *,
    score: Scoring = score_y,
) -> Validation:
    """Enlarge each picture by a network of `spec` and score it; the first `num_shown` are kept to be looked at."""
    network.eval()
    scores, distances, drifts = [], [], []
    shown: list[Shown] = []
    for pair in pairs:
        y = _enlarge(network, pair.lr, spec, device)
        sr = from_float(y[0].cpu().numpy(), pair.hr.dtype)
        scores.append(score(sr, pair.hr, spec.scale))
        drifts.append(_mean_colour(sr) - _mean_colour(pair.lr))
        if judge is not None:
            hr = torch.from_numpy(to_float(pair.hr)).to(device)
            with torch.inference_mode():
                distances.append(judge(_middle(y.clamp(0, 1)), _middle(hr)).item())
        if len(shown) < num_shown:
            shown.append(Shown(pair, sr))
    drift = np.mean(drifts, axis=0)
    return Validation(
        psnr=mean_psnr(scores),
        ssim=float(np.mean([score.ssim for score in scores])),
        colour_drift=float(drift[np.abs(drift).argmax()]),
        perceptual=float(np.mean(distances)) if distances else None,
        shown=shown,
    )


def mean_psnr(scores: Sequence[Score]) -> float:
    """Take the mean of pictures' PSNR in dB, of each at most MAX_PSNR."""
    return float(np.mean([min(score.psnr, MAX_PSNR) for score in scores]))


def _middle(x_NCHW: Tensor) -> Tensor:
    """Cut the middle out of pictures."""
    top, left = (max(0, side - JUDGED_SIDE) // 2 for side in x_NCHW.shape[2:])
    return x_NCHW[:, :, top : top + JUDGED_SIDE, left : left + JUDGED_SIDE]


def _mean_colour(pixels: Pixels) -> NDArray[np.float64]:
    """Take the mean of each channel, in 1/255."""
    mean: NDArray[np.float64] = pixels.mean(axis=(0, 1)) * (255 / full_range(pixels.dtype)[1])
    return mean


@torch.inference_mode()
def _enlarge(network: nn.Module, lr: Pixels, spec: GeneratorSpec, device: torch.device) -> Tensor:
    """Enlarge (H, W, C) pixels to (1, C, scale * H, scale * W), tile by tile."""
    x, scale = torch.from_numpy(to_float(lr)).to(device), spec.scale
    y = x.new_empty((*x.shape[:2], *(scale * side for side in x.shape[2:])))
    for tile in product(*(spans(side, TILE, spec.halo()) for side in x.shape[2:])):
        seen = [slice(span.start, span.stop) for span in tile]
        kept = [slice(scale * (span.core_start - span.start), scale * (span.core_stop - span.start)) for span in tile]
        down, across = (slice(scale * span.core_start, scale * span.core_stop) for span in tile)
        y[..., down, across] = network(x[..., seen[0], seen[1]])[..., kept[0], kept[1]]
    return y
