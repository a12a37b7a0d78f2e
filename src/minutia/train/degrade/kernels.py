"""Blur kernels: what lenses, hands, resizing and sharpening make of a point of light.

Each is (size, size), float32, sums to 1; `size` is odd. The Gaussian family is that of Real-ESRGAN (Wang et al. 2021,
section 3.1): offsets p from the centre with r^2 = p^T S^-1 p, where S has the deviations along two axes at an angle.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor


def gaussian(size: int, deviations: tuple[float, float], angle: float, beta: float = 1.0) -> Tensor:
    """Gaussian, exp(-r^(2 beta) / 2): 1 is the common one, less has longer tails, more a flatter top.

    Args:
        deviations: along the two axes, in pixels.
        angle: of the first axis, in radians.
    """
    return _normalised(torch.exp(-0.5 * _squared_radius(size, deviations, angle) ** beta))


def plateau(size: int, deviations: tuple[float, float], angle: float, beta: float) -> Tensor:
    """Flat in the middle, 1 / (1 + r^(2 beta)): a lens out of focus."""
    return _normalised(1 / (1 + _squared_radius(size, deviations, angle) ** beta))


def sinc(size: int, cutoff: float) -> Tensor:
    """Ideal circular low-pass, cutoff * J1(cutoff * r) / (2 pi r): ringing and overshoot of resizing and sharpening.

    Args:
        cutoff: highest frequency that stays, in radians a pixel; pi keeps all.
    """
    x, y = _offsets(size)
    radius = torch.hypot(x, y)
    kernel = cutoff * torch.special.bessel_j1(cutoff * radius) / (2 * math.pi * radius)
    kernel[size // 2, size // 2] = cutoff**2 / (4 * math.pi)
    return _normalised(kernel)


def motion(size: int, length: float, angle: float) -> Tensor:
    """Straight movement of the camera over `length` pixels."""
    way = torch.linspace(-length / 2, length / 2, 4 * size, dtype=torch.float64)
    return _splat(size, way * math.cos(angle), way * math.sin(angle))


def displacement(size: int, right: float, down: float) -> Tensor:
    """Kernel by which a picture moves, by bilinear interpolation where the distance is no whole number of pixels.

    Convolution in networks is correlation, so the point lies opposite to the movement.
    """
    return _splat(size, torch.tensor([-right]), torch.tensor([-down]))


def identity(size: int) -> Tensor:
    """Kernel that changes nothing."""
    return displacement(size, 0.0, 0.0)


def _offsets(size: int) -> tuple[Tensor, Tensor]:
    """Columns and rows from the centre: two (size, size)."""
    line = torch.arange(size, dtype=torch.float64) - size // 2
    y, x = torch.meshgrid(line, line, indexing="ij")
    return x, y


def _squared_radius(size: int, deviations: tuple[float, float], angle: float) -> Tensor:
    x, y = _offsets(size)
    along = x * math.cos(angle) + y * math.sin(angle)
    across = y * math.cos(angle) - x * math.sin(angle)
    return (along / deviations[0]) ** 2 + (across / deviations[1]) ** 2


def _splat(size: int, right: Tensor, down: Tensor) -> Tensor:
    """Lay points on the grid, each shared among its four neighbours."""
    x, y = _offsets(size)
    near_x = (1 - (x[..., None] - right).abs()).clamp(min=0)
    near_y = (1 - (y[..., None] - down).abs()).clamp(min=0)
    return _normalised((near_x * near_y).sum(dim=-1))


def _normalised(kernel: Tensor) -> Tensor:
    return (kernel / kernel.sum()).float()
