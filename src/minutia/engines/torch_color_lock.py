"""`minutia.image.color_lock` in torch, for enlargements that are on a GPU already."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from minutia.image.color_lock import ALLOWED, ROUNDS, SIGMA, TAPS, TOUCHES


def lock_colors(y: Tensor, x: Tensor, scale: int) -> Tensor:
    """Correct an enlargement of a picture in [0, 1] as `minutia.image.color_lock.lock_colors` does, within rounding.

    Args:
        y: (N, C, H * scale, W * scale), float32, the enlargement; it is corrected in place.
        x: (N, C, H, W), float32, its source, on the same device.

    Returns:
        `y`.
    """
    drift = x - _settled(y, None, scale)
    correction = _blur(drift)
    for _ in range(ROUNDS - 1):
        correction += _blur(drift - F.avg_pool2d(_spread(correction, scale), scale))
    seen = _settled(y, correction, scale)
    for _ in range(TOUCHES):
        drift = _blur(x - seen)
        seen = _settled(y, 2 * (drift - drift.clamp(-ALLOWED, ALLOWED)), scale)
    return y


def _settled(y: Tensor, correction: Tensor | None, scale: int) -> Tensor:
    """Add a correction, spread smoothly, to `y`, clip, and give its block means."""
    if correction is not None:
        y += _spread(correction, scale)
    return F.avg_pool2d(y.clamp_(0, 1), scale)


def _spread(x: Tensor, scale: int) -> Tensor:
    return F.interpolate(x, scale_factor=scale, mode="bilinear", align_corners=False)


def _blur(x: Tensor) -> Tensor:
    """Convolve with a Gaussian; beyond the border the edge is repeated."""
    weights = np.exp(-0.5 * (np.arange(-TAPS, TAPS + 1) / SIGMA) ** 2)
    kernel = torch.tensor(weights / weights.sum(), dtype=x.dtype, device=x.device)
    planes = x.flatten(0, 1)[:, None]
    planes = F.conv2d(F.pad(planes, (TAPS, TAPS, TAPS, TAPS), "replicate"), kernel.view(1, 1, -1, 1))
    return F.conv2d(planes, kernel.view(1, 1, 1, -1)).view_as(x)
