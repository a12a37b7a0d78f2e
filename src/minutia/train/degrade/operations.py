"""What is done to pictures: pure functions of batches (N, C, H, W), float32 in [0, 1], on any device.

What is random comes in as parameters, one for each picture, and as `keys` of noise, so that the same call gives the
same picture on a processor and on a GPU, within rounding.
"""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

Resampling = Literal["area", "bilinear", "bicubic"]
Codec = Literal["jpeg", "webp"]

PHOTONS = 255
"""Counted at white where the scale of Poisson noise is 1."""

MASK = 2**31 - 1
"""Of a key, what makes a 32-bit number."""

RANDOM = 2**24 - 1
"""Bits of a random number that are used: as many as float32 holds."""


def blur(x: Tensor, kernels: Tensor) -> Tensor:
    """Filter each picture with its own kernel (N, k, k), by Fourier; beyond the border the picture is mirrored."""
    height, width = x.shape[2:]
    margin = kernels.shape[-1] // 2
    mode = "reflect" if margin < min(height, width) else "replicate"
    padded = F.pad(x, (margin,) * 4, mode=mode)
    size = padded.shape[2:]
    filters = torch.fft.rfft2(kernels.to(x)[:, None], s=size).conj()
    y: Tensor = torch.fft.irfft2(torch.fft.rfft2(padded) * filters, s=size)
    return y[:, :, :height, :width].clamp(0, 1)


def resize(x: Tensor, height: int, width: int, resampling: Resampling) -> Tensor:
    """Resize as cheap software does: bilinear and bicubic do not look at more pixels when they shrink."""
    if resampling == "area":
        return F.interpolate(x, (height, width), mode="area")
    return F.interpolate(x, (height, width), mode=resampling, align_corners=False).clamp(0, 1)


def gaussian_noise(x: Tensor, deviations: Tensor, grey: Tensor, keys: Tensor) -> Tensor:
    """Add noise of the same strength everywhere.

    Args:
        deviations: (N,), in [0, 1].
        grey: (N,) bool, where all channels get the same noise.
        keys: (N,) int64.
    """
    z = _normal_like(x, grey, keys)
    return (x + _each(deviations, x) * z).clamp(0, 1)


def poisson_noise(x: Tensor, scales: Tensor, grey: Tensor, keys: Tensor) -> Tensor:
    """Add noise as light has it, stronger where it is brighter.

    The number of photons is approximated from normal numbers by the first terms of Cornish and Fisher: it is smooth
    in `x`, so that a rounding difference never becomes a photon.

    Args:
        scales: (N,), strength; 1 is the noise of 255 photons at white.
        grey: (N,) bool, where all channels get the noise of their mean.
        keys: (N,) int64.
    """
    z = _normal_like(x, grey, keys)
    light = torch.where(_each(grey, x), x.mean(dim=1, keepdim=True), x).clamp(0, 1) * PHOTONS
    photons = light.sqrt() * z + light.clamp(max=1) * (z**2 - 1) / 6
    return (x + _each(scales, x) * torch.maximum(photons, -light) / PHOTONS).clamp(0, 1)


def compress(x: Tensor, codec: Codec, qualities: Sequence[int | None]) -> Tensor:
    """Write each picture in a lossy format and read it back; None leaves it as it is.

    Args:
        qualities: 1 to 100, as Pillow has them; colour at half resolution.
    """
    pixels = quantise(x).mul(255).round().to(torch.uint8).permute(0, 2, 3, 1).cpu().numpy()
    with ThreadPoolExecutor() as pool:
        done = pool.map(
            lambda one, quality: one if quality is None else _through_file(one, codec, quality), pixels, qualities
        )
        y = torch.from_numpy(np.stack(list(done))).to(x.device).permute(0, 3, 1, 2).float() / 255
    happens = torch.tensor([quality is not None for quality in qualities])
    return torch.where(_each(happens, x), y, x).contiguous()


def quantise(x: Tensor) -> Tensor:
    """Round to the 256 values that files hold."""
    return x.clamp(0, 1).mul(255).round() / 255


def normal(keys: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Make standard normal numbers (N, *shape), float32, on the device of the (N,) int64 `keys`, equal on all devices.

    Counters are scattered by multiplication and shifts, 32 bits wide, then taken in pairs by Box and Muller.
    """
    count = math.prod(shape)
    num_pairs = -(-count // 2)
    low, high = (keys & MASK).to(torch.int32)[:, None], (keys >> 31 & MASK).to(torch.int32)[:, None]
    counters = torch.arange(2 * num_pairs, device=keys.device, dtype=torch.int32)
    bits = _scattered(_scattered(counters ^ _scattered(low)) ^ high)
    uniform = ((bits & RANDOM).float() + 0.5) / (RANDOM + 1)
    radius = (-2 * uniform[:, :num_pairs].log()).sqrt()
    angle = 2 * math.pi * uniform[:, num_pairs:]
    both = torch.cat([radius * angle.cos(), radius * angle.sin()], dim=1)
    return both[:, :count].reshape(len(keys), *shape)


def _scattered(x: Tensor) -> Tensor:
    """Let each bit of int32 numbers decide about all bits; products wrap around."""
    x = (x ^ ((x >> 16) & 0xFFFF)) * 0x7FEB352D
    x = (x ^ ((x >> 15) & 0x1FFFF)) * -2073254261
    return x ^ ((x >> 16) & 0xFFFF)


def _normal_like(x: Tensor, grey: Tensor, keys: Tensor) -> Tensor:
    z = normal(keys.to(x.device), (x.shape[1], *x.shape[2:]))
    return torch.where(_each(grey, x), z[:, :1], z)


def _each(values: Tensor, x: Tensor) -> Tensor:
    """Lay one value for each picture along a batch."""
    return values.to(x.device)[:, None, None, None]


def _through_file(pixels: NDArray[np.uint8], codec: Codec, quality: int) -> NDArray[np.uint8]:
    """Take (H, W, C) through an encoder and a decoder."""
    grey = pixels.shape[2] == 1
    file = io.BytesIO()
    Image.fromarray(pixels[:, :, 0] if grey else pixels).save(file, format=codec.upper(), quality=quality)
    with Image.open(file) as image:
        return np.array(image.convert("L" if grey else "RGB")).reshape(pixels.shape)
