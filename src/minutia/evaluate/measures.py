"""Metrics of a result: fidelity always, perceptual metrics on request."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from minutia.errors import DataError, needs_extra
from minutia.memory import keep_freed_memory
from minutia.metrics import fidelity, niqe
from minutia.metrics.checkerboard import BLOCK as CHECKERBOARD_BLOCK
from minutia.metrics.checkerboard import CONVENTION as CHECKERBOARD_CONVENTION
from minutia.metrics.checkerboard import checkerboard

if TYPE_CHECKING:
    from torch import Tensor

Pixels8: TypeAlias = NDArray[np.uint8]

VGG_LAYERS = ("relu1_2", "relu2_2", "relu3_4")
VGG_SIDE = 4
"""Of the smallest pictures of which those layers make anything: two poolings halve it."""

ALEXNET_SIDE = 31
"""The same of all of AlexNet's layers: a stride of 4, and two poolings."""


@dataclass(frozen=True, slots=True)
class Measure:
    """A metric of a result and, for most, its original."""

    key: str
    """Name in files."""
    title: str
    """Name in tables, with its unit and which way is better."""
    num_digits: int
    convention: str
    compute: Callable[[Any, Any, int], float]
    """From `sr` and `hr`, (H, W, C) 8-bit of one size (`BAND_FIDELITY`: normalised floats), and the scale."""
    least: Callable[[int], int]
    """Side of the smallest pictures that it can be taken of, from the scale."""
    needs_original: bool = True
    """Where it needs none, originals are scored too, for reference."""


def _within(inner: int) -> Callable[[int], int]:
    """Tell the smallest side where a border of one scale is cut, and `inner` pixels are needed within."""
    return lambda scale: inner + 2 * scale


PSNR = Measure("psnr", "PSNR-Y, dB", 2, fidelity.CONVENTION, fidelity.Y.psnr, _within(fidelity.SSIM_WINDOW))
SSIM = Measure("ssim", "SSIM-Y", 4, fidelity.CONVENTION, fidelity.Y.ssim, _within(fidelity.SSIM_WINDOW))
NIQE = Measure(
    "niqe",
    "NIQE ↓",
    2,
    niqe.CONVENTION,
    lambda sr, _, scale: niqe.niqe(sr, crop=scale),
    _within(niqe.BLOCK),
    needs_original=False,
)
CHECKERBOARD = Measure(
    "checkerboard", "checkerboard ↓", 2, CHECKERBOARD_CONVENTION, checkerboard, lambda scale: CHECKERBOARD_BLOCK * scale
)

FIDELITY = (PSNR, SSIM)

BAND_FIDELITY = (
    replace(PSNR, title="PSNR, dB", convention=fidelity.BAND_CONVENTION, compute=fidelity.BANDS.psnr),
    replace(SSIM, title="SSIM", convention=fidelity.BAND_CONVENTION, compute=fidelity.BANDS.ssim),
)
"""Of normalised bands (H, W, C), float32, where the others take grey and RGB of 8 bits."""


def vgg_distance(weights: Path | None) -> Measure:
    """Make the distance of VGG19 features: of `weights`, or of those that are downloaded once.

    Raises:
        MissingExtra: torch is not installed.
        DataError: the weights cannot be read or downloaded.
    """
    with needs_extra("The VGG distance", "train"):
        from minutia.nets.vgg import VGG19Features, load_weights
    keep_freed_memory()
    network = VGG19Features(VGG_LAYERS, load_weights(weights))
    last: tuple[Pixels8, dict[str, Tensor]] | None = None

    def distance(sr: Pixels8, hr: Pixels8, _: int) -> float:
        import torch

        nonlocal last
        with torch.inference_mode():
            if last is None or last[0] is not hr:
                last = hr, network(_to_tensor(hr))
            ours, originals = network(_to_tensor(sr)), last[1]
            return float(sum(_unit_distance(ours[layer], originals[layer]) for layer in VGG_LAYERS))

    convention = (
        f"VGG19 {', '.join(VGG_LAYERS)}, features of unit length, squared distance averaged over positions and summed "
        "over layers"
    )
    return Measure("vgg", "VGG ↓", 3, convention, distance, lambda _: VGG_SIDE)


def lpips_distance() -> Measure:
    """Make LPIPS (Zhang et al. 2018) on AlexNet, whose weights its package downloads once.

    Raises:
        MissingExtra: the package `lpips` is not installed.
        DataError: its weights could not be downloaded.
    """
    with needs_extra("LPIPS", "lpips"):
        import lpips
        import torch
    keep_freed_memory()
    try:
        network = lpips.LPIPS(net="alex", verbose=False).eval()
    except OSError as error:
        raise DataError(
            f"The weights of LPIPS could not be downloaded ({error}); connect to the internet once."
        ) from error

    def distance(sr: Pixels8, hr: Pixels8, scale: int) -> float:
        inner = slice(scale, -scale)
        with torch.inference_mode():  # It takes pictures in [-1, 1].
            ours, original = (2 * _to_tensor(each[inner, inner]) - 1 for each in (sr, hr))
            return float(network(ours, original))

    convention = "LPIPS 0.1 on AlexNet, RGB in [-1, 1], a border of scale pixels removed"
    return Measure("lpips", "LPIPS ↓", 4, convention, distance, _within(ALEXNET_SIDE))


def _unit_distance(a: Tensor, b: Tensor) -> Tensor:
    """Mean over places of the squared difference of features (1, C, H, W) that are brought to unit length."""
    from torch.nn.functional import normalize

    return (normalize(a, dim=1) - normalize(b, dim=1)).square().sum(dim=1).mean()


def _to_tensor(pixels: Pixels8) -> Tensor:
    """Turn (H, W, C) 8-bit into (1, 3, H, W) in [0, 1]."""
    import torch

    from minutia.image.color import to_rgb

    return torch.from_numpy(np.ascontiguousarray(to_rgb(pixels).transpose(2, 0, 1)))[None].float() / 255
