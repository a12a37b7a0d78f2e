"""RRDBNet, the generator of ESRGAN (Wang et al. 2018): residual-in-residual dense blocks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from minutia.nets.layers import conv, enlarge, receptive_radius, stage_factors

RESIDUAL_SCALE = 0.2
NEGATIVE_SLOPE = 0.2
NUM_DENSE_CONVS = 5
NUM_DENSE_BLOCKS = 3


@dataclass(frozen=True, kw_only=True)
class RRDBSpec:
    """What an RRDBNet is made of; the defaults are ESRGAN's."""

    __pydantic_config__: ClassVar = {"extra": "forbid"}

    kind: Literal["rrdb"] = "rrdb"
    scale: Literal[2, 3, 4, 8] = 4
    """Scale factor."""
    channels: int = 3
    """Channels of the pictures: 3 for colour, 1 for grey, or the number of bands."""
    num_blocks: int = 23
    """Residual-in-residual dense blocks (RRDB)."""
    num_features: int = 64
    """Channels of the feature maps."""
    num_growth: int = 32
    """Growth rate: channels that each convolution of a dense block adds."""

    def build(self) -> RRDBNet:
        """Make the network, freshly initialised."""
        return RRDBNet(self)

    def halo(self) -> int:
        """Receptive radius in input pixels."""
        layers = [(3, 1)] * (2 + self.num_blocks * NUM_DENSE_BLOCKS * NUM_DENSE_CONVS)
        enlargement = 1
        for factor in stage_factors(self.scale):
            enlargement *= factor
            layers.append((3, enlargement))
        return receptive_radius([*layers, (3, enlargement), (3, enlargement)])


class RRDBNet(nn.Module):
    """Dense residual blocks at the input's size, then nearest-neighbour stages with convolutions."""

    def __init__(self, spec: RRDBSpec) -> None:
        super().__init__()
        width = spec.num_features
        self.factors = stage_factors(spec.scale)
        self.head = conv(spec.channels, width)
        self.blocks = nn.Sequential(*(_RRDB(width, spec.num_growth) for _ in range(spec.num_blocks)))
        self.body_end = conv(width, width)
        self.stages = nn.ModuleList(conv(width, width) for _ in self.factors)
        self.detail = conv(width, width)
        self.tail = conv(width, spec.channels)

    def forward(self, x_NCHW: Tensor) -> Tensor:
        """Enlarge (N, C, H, W) in [0, 1] to (N, C, H * scale, W * scale)."""
        head = self.head(x_NCHW)
        y = head + self.body_end(self.blocks(head))
        for factor, stage in zip(self.factors, self.stages, strict=True):
            y = _leaky(stage(enlarge(y, factor, "nearest")))
        out: Tensor = self.tail(_leaky(self.detail(y)))
        return out


class _RRDB(nn.Module):
    def __init__(self, width: int, growth: int) -> None:
        super().__init__()
        self.dense = nn.Sequential(*(_DenseBlock(width, growth) for _ in range(NUM_DENSE_BLOCKS)))

    def forward(self, x_NCHW: Tensor) -> Tensor:
        y: Tensor = self.dense(x_NCHW)
        return x_NCHW + RESIDUAL_SCALE * y


class _DenseBlock(nn.Module):
    def __init__(self, width: int, growth: int) -> None:
        super().__init__()
        inner = NUM_DENSE_CONVS - 1
        self.convs = nn.ModuleList(conv(width + i * growth, growth) for i in range(inner))
        self.last = conv(width + inner * growth, width)
        with torch.no_grad():
            for layer in [*self.convs, self.last]:
                layer.weight *= 0.1  # ESRGAN, section 3.1: smaller initialisation

    def forward(self, x_NCHW: Tensor) -> Tensor:
        maps = [x_NCHW]
        for layer in self.convs:
            maps.append(_leaky(layer(torch.cat(maps, dim=1))))
        y: Tensor = self.last(torch.cat(maps, dim=1))
        return x_NCHW + RESIDUAL_SCALE * y


def _leaky(x_NCHW: Tensor) -> Tensor:
    return F.leaky_relu(x_NCHW, NEGATIVE_SLOPE)
