"""The losses of the generator and the discriminator."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from minutia.metrics.checkerboard import BLOCK
from minutia.nets.vgg import VGG19Features, load_weights
from minutia.train.bands import compared_bands
from minutia.train.objectives import WINDOW, GanKind, Perceptual, PixelCriterion

CHARBONNIER_EPSILON = 1e-3
GRID_EPSILON = 1e-4
"""So that the root has a slope where there is no grid."""

FLAT = 2 / 255
"""Standard deviation of a neighbourhood at which it counts half as flat."""

PAPER_RESCALE = 1 / 12.75
"""Factor on VGG features in the SRGAN paper, section 3.2."""

UNIT_EPSILON = 1e-3
"""Least length that features are divided by: places without any would have a slope without bounds."""

Mean: TypeAlias = Callable[[Tensor], Tensor]
"""Mean over a batch, as a scalar; one that several processes share is more than a tensor holds."""


def pixel_loss(sr: Tensor, hr: Tensor, criterion: PixelCriterion) -> Tensor:
    """Mean difference of two (N, C, H, W) batches in [0, 1]."""
    if criterion == "l1":
        return F.l1_loss(sr, hr)
    if criterion == "mse":
        return F.mse_loss(sr, hr)
    return torch.sqrt((sr - hr) ** 2 + CHARBONNIER_EPSILON**2).mean()


class PerceptualLoss(nn.Module):
    """Weighted difference of VGG19 features of (N, C, H, W) batches in [0, 1], on three of their bands."""

    def __init__(self, config: Perceptual, channels: int = 3) -> None:
        super().__init__()
        self.bands = list(compared_bands(config.bands, channels))
        self.layers = config.layers
        self.rescale = config.rescale
        self.difference = F.l1_loss if config.criterion == "l1" else F.mse_loss
        self.vgg = VGG19Features(list(config.layers), load_weights(config.weights))

    def forward(self, sr: Tensor, hr: Tensor, mean: Mean = torch.mean) -> Tensor:
        """Compare; gradients flow into `sr` alone. `mean` is that of magnitudes."""
        with torch.no_grad():
            wanted = self.vgg(self._chosen(hr))
        found = self.vgg(self._chosen(sr))
        terms = [weight * self._compare(found[name], wanted[name], mean) for name, weight in self.layers.items()]
        return torch.stack(terms).sum()

    def _chosen(self, x_NCHW: Tensor) -> Tensor:
        return x_NCHW if x_NCHW.shape[1] == 3 and self.bands == [0, 1, 2] else x_NCHW[:, self.bands]

    def _compare(self, found: Tensor, wanted: Tensor, mean: Mean) -> Tensor:
        found, wanted = found.float(), wanted.float()
        if self.rescale == "magnitude":
            unit = mean(wanted.abs())
            return self.difference(found / unit, wanted / unit)
        if self.rescale == "unit":
            found, wanted = (F.normalize(each, dim=1, eps=UNIT_EPSILON) for each in (found, wanted))
            return self.difference(found, wanted) * found.shape[1]
        factor = PAPER_RESCALE if self.rescale == "paper" else 1.0
        return self.difference(found * factor, wanted * factor)


def moved_window(sr: Tensor, hr: Tensor, shift: int, step: int) -> tuple[Tensor, Tensor]:
    """Cut the same window out of two (N, C, H, W) batches, `shift` pixels smaller, at another place every step."""
    down, across = divmod(step % (shift + 1) ** 2, shift + 1)
    height, width = hr.shape[-2] - shift, hr.shape[-1] - shift
    window = (..., slice(down, down + height), slice(across, across + width))
    return sr[window], hr[window]


def checkerboard_loss(sr: Tensor, hr: Tensor, scale: int) -> Tensor:
    """Measure the checkerboard pattern in the error of an (N, C, H, W) batch: mean of `metrics.grid`, all channels.

    A pixel shuffle makes each of `scale` x `scale` places by weights of its own, and what sets them apart everywhere
    costs the other losses little.
    """
    num_crops, channels, height, width = hr.shape
    rows, columns = (max(1, size // (BLOCK * scale)) for size in (height, width))
    down, across = height // (rows * scale), width // (columns * scale)
    error = (sr - hr)[..., : rows * down * scale, : columns * across * scale]
    places = error.reshape(num_crops, channels, rows, down, scale, columns, across, scale).mean(dim=(3, 6))
    return (places.var(dim=(3, 5), correction=0) + GRID_EPSILON**2).sqrt().mean()


def ldl_loss(sr: Tensor, hr: Tensor, steady: Tensor) -> Tensor:
    """Take the L1 difference of (N, C, H, W) batches where artefacts are likely, weighted by how likely they are.

    Locally discriminative learning (LDL; Liang, Zeng, Zhang 2022, "Details or Artifacts"): an error that varies a lot
    from pixel to pixel is an artefact rather than a texture, unless it is smaller than that of `steady`, which the
    averaged weights make of the same pictures.
    """
    error, steady_error = ((hr - each).detach().abs().sum(dim=1, keepdim=True) for each in (sr, steady))
    variance = _local_variance(error) * error.var(dim=(1, 2, 3), keepdim=True) ** (1 / 5)
    return (variance * (error >= steady_error) * (sr - hr).abs()).mean()


def flat_region_loss(sr: Tensor, hr: Tensor) -> Tensor:
    """Take the L1 difference of (N, C, H, W) batches in [0, 1] where the original has next to no texture.

    Noise-like texture that is generated on skin, in skies and in the blurred background adds little to the other
    losses, but is visible.
    """
    variance = _local_variance(hr).mean(dim=1, keepdim=True)
    return (FLAT**2 / (FLAT**2 + variance) * (sr - hr).abs()).mean()


def _local_variance(x: Tensor) -> Tensor:
    """Take the variance of the window around each pixel; beyond the border the picture is mirrored."""
    padded = F.pad(x, [WINDOW // 2] * 4, mode="reflect")
    windows = padded.unfold(2, WINDOW, 1).unfold(3, WINDOW, 1)
    return windows.var(dim=(-2, -1))


def generator_loss(real: Tensor, fake: Tensor, kind: GanKind, mean: Mean = torch.mean) -> Tensor:
    """Adversarial loss of the generator, from the discriminator's logits; only relativistic uses `real` and `mean`."""
    if kind == "vanilla":
        return _bce(fake, wanted=1.0)
    if kind == "hinge":
        return -fake.mean()
    real = real.detach()
    return (_bce(fake - mean(real), wanted=1.0) + _bce(real - mean(fake), wanted=0.0)) / 2


def discriminator_loss(real: Tensor, fake: Tensor, kind: GanKind, mean: Mean = torch.mean) -> Tensor:
    """Loss of the discriminator, from its logits of real and generated pictures; `mean` as for the generator."""
    if kind == "vanilla":
        return (_bce(real, wanted=1.0) + _bce(fake, wanted=0.0)) / 2
    if kind == "hinge":
        return (F.relu(1 - real).mean() + F.relu(1 + fake).mean()) / 2
    return (_bce(real - mean(fake), wanted=1.0) + _bce(fake - mean(real), wanted=0.0)) / 2


def _bce(logits: Tensor, *, wanted: float) -> Tensor:
    return F.binary_cross_entropy_with_logits(logits, torch.full_like(logits, wanted))
