"""Discriminators: the SRGAN paper's, and the U-Net with spectral normalisation of Real-ESRGAN."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar, Literal, TypeAlias

from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import spectral_norm

from minutia.nets.layers import conv

NEGATIVE_SLOPE = 0.2

SRGAN_STRIDE = 16
"""Pixels between two places of the last maps of the paper's discriminator."""

UNET_STRIDE = 8
"""Pixels between two places of the U-Net's smallest maps; sides of pictures are multiples of it."""


@dataclass(frozen=True, kw_only=True)
class SRGANDiscriminatorSpec:
    """The paper's discriminator."""

    __pydantic_config__: ClassVar = {"extra": "forbid"}

    kind: Literal["srgan"] = "srgan"
    num_features: int = 64
    """Channels of the first convolution; the last has eight times as many."""

    num_dense: int = 1024
    """Outputs of the dense layer after the convolutions."""

    def build(self, channels: int, crop: int) -> SRGANDiscriminator:
        """Make the network for (N, channels, crop, crop) pictures."""
        return SRGANDiscriminator(self, channels, crop)


class SRGANDiscriminator(nn.Module):
    """Eight 3x3 convolutions, 64 to 512 maps, every second strided; two dense layers; one logit a picture.

    Ledig et al. 2017, figure 4. The sigmoid is left to the loss. The picture's size is fixed by the dense layers.
    """

    def __init__(self, spec: SRGANDiscriminatorSpec, channels: int, crop: int) -> None:
        super().__init__()
        layers: list[nn.Module] = [conv(channels, spec.num_features), nn.LeakyReLU(NEGATIVE_SLOPE)]
        width, side = spec.num_features, crop
        for index in range(1, 8):
            stride = 1 + index % 2
            wider = width if stride == 2 else width * 2
            layers += [
                conv(width, wider, stride=stride),
                nn.BatchNorm2d(wider),
                nn.LeakyReLU(NEGATIVE_SLOPE),
            ]
            width, side = wider, -(-side // stride)
        self.features = nn.Sequential(*layers)
        self.dense = nn.Sequential(
            nn.Flatten(),
            nn.Linear(width * side * side, spec.num_dense),
            nn.LeakyReLU(NEGATIVE_SLOPE),
            nn.Linear(spec.num_dense, 1),
        )

    def forward(self, x_NCHW: Tensor) -> Tensor:
        """Judge (N, C, crop, crop) in [0, 1]: logits (N, 1), high for real."""
        y: Tensor = self.dense(self.features(x_NCHW * 2 - 1))
        return y


@dataclass(frozen=True, kw_only=True)
class UNetDiscriminatorSpec:
    """The U-Net discriminator."""

    __pydantic_config__: ClassVar = {"extra": "forbid"}

    kind: Literal["unet"] = "unet"
    num_features: int = 64
    """Channels of the first convolution; the deepest has eight times as many."""

    def build(self, channels: int, crop: int) -> UNetDiscriminator:
        """Make the network for (N, channels, crop, crop) pictures; `crop` must be a multiple of UNET_STRIDE."""
        assert crop % UNET_STRIDE == 0, crop
        return UNetDiscriminator(self, channels)


class UNetDiscriminator(nn.Module):
    """Three steps down and three up with added skips, spectral normalisation; one logit a pixel.

    Wang et al. 2021 (Real-ESRGAN), after Schonfeld et al. 2020.
    """

    def __init__(self, spec: UNetDiscriminatorSpec, channels: int) -> None:
        super().__init__()
        width = spec.num_features
        widths = [width, 2 * width, 4 * width, 8 * width]
        self.head = conv(channels, width)
        self.down = nn.ModuleList(spectral_norm(nn.Conv2d(a, b, 4, 2, 1, bias=False)) for a, b in pairwise(widths))
        self.up = nn.ModuleList(
            spectral_norm(nn.Conv2d(b, a, 3, 1, 1, bias=False)) for a, b in reversed(list(pairwise(widths)))
        )
        self.detail = nn.ModuleList(spectral_norm(nn.Conv2d(width, width, 3, 1, 1, bias=False)) for _ in range(2))
        self.tail = conv(width, 1)

    def forward(self, x_NCHW: Tensor) -> Tensor:
        """Judge (N, C, H, W) in [0, 1], sides multiples of 8: logits (N, 1, H, W), high for real."""
        maps = [_leaky(self.head(x_NCHW * 2 - 1))]
        for layer in self.down:
            maps.append(_leaky(layer(maps[-1])))
        y = maps.pop()
        for layer in self.up:
            y = F.interpolate(y, scale_factor=2, mode="bilinear", align_corners=False)
            y = _leaky(layer(y)) + maps.pop()
        for layer in self.detail:
            y = _leaky(layer(y))
        out: Tensor = self.tail(y)
        return out


DiscriminatorSpec: TypeAlias = SRGANDiscriminatorSpec | UNetDiscriminatorSpec


def _leaky(x_NCHW: Tensor) -> Tensor:
    return F.leaky_relu(x_NCHW, NEGATIVE_SLOPE)
