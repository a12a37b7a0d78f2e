"""What several networks are made of."""

from __future__ import annotations

from fractions import Fraction
from math import ceil
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

Norm = Literal["batch", "none"]
Activation = Literal["none", "tanh", "sigmoid"]
Skip = Literal["nearest", "bilinear", "bicubic"]

SKIP_RADIUS: dict[Skip, int] = {"nearest": 0, "bilinear": 1, "bicubic": 2}
"""Input pixels to each side that an interpolation looks at."""


def conv(in_channels: int, out_channels: int, kernel_size: int = 3, stride: int = 1) -> nn.Conv2d:
    """Make a convolution that keeps the size (for stride 1), zeros beyond the border."""
    return nn.Conv2d(in_channels, out_channels, kernel_size, stride, padding=kernel_size // 2)


def batch_norm(norm: Norm, num_features: int) -> nn.Module:
    """Make the normalisation called `norm`."""
    return nn.BatchNorm2d(num_features) if norm == "batch" else nn.Identity()


def bounded(x_NCHW: Tensor, activation: Activation) -> Tensor:
    """Apply the last activation; its range becomes [0, 1]."""
    if activation == "tanh":
        return (x_NCHW.tanh() + 1) / 2
    return x_NCHW.sigmoid() if activation == "sigmoid" else x_NCHW


def add_repeated(detail_NCHW: Tensor, x_NCHW: Tensor) -> Tensor:
    """Add each pixel to all that a pixel shuffle will make of its place: (N, C * scale ** 2, H, W) and (N, C, H, W).

    The same sum as that of the shuffled detail and the repeated picture. OpenVINO rounds a picture that is repeated to
    bf16 where it computes in that, a step of 8 bits at the bright end, but nothing that is added before the shuffle.
    """
    num_colours = x_NCHW.shape[1]
    pairs = zip(detail_NCHW.chunk(num_colours, dim=1), x_NCHW.chunk(num_colours, dim=1), strict=True)
    return torch.cat([detail + colour for detail, colour in pairs], dim=1)


def enlarge(x_NCHW: Tensor, scale: int, skip: Skip) -> Tensor:
    """Interpolate a batch to `scale` times its size."""
    if skip == "nearest":
        return F.interpolate(x_NCHW, scale_factor=scale, mode="nearest")
    return F.interpolate(x_NCHW, scale_factor=scale, mode=skip, align_corners=False)


def stage_factors(scale: int) -> list[int]:
    """Split a scale into the enlargements of successive stages: 8 is 2, 2, 2; 3 is 3."""
    return [3] if scale == 3 else [2] * (scale.bit_length() - 1)


def receptive_radius(convolutions: list[tuple[int, int]]) -> int:
    """Input pixels to each side that one output pixel can depend on.

    Args:
        convolutions: (kernel size, enlargement of the map it works on) of each layer on the longest path.
    """
    return ceil(sum(Fraction(kernel_size // 2, enlargement) for kernel_size, enlargement in convolutions))
