"""MinutiaNet, our own generator: all its work is done at the input's size, where processors are fastest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from minutia.nets.layers import SKIP_RADIUS, Skip, add_repeated, conv, enlarge, receptive_radius

CENTRE = 0.5
"""Subtracted from the input, so that the zeros beyond the border mean mid-grey and not black."""

BRANCH_START = 0.1
"""Factor on the initial weights of a block's second convolution: blocks start near the identity."""


@dataclass(frozen=True, kw_only=True)
class MinutiaNetSpec:
    """What a MinutiaNet is made of."""

    __pydantic_config__: ClassVar = {"extra": "forbid"}

    kind: Literal["minutianet"] = "minutianet"
    scale: Literal[2, 3, 4, 8] = 4
    """Scale factor."""
    channels: int = 3
    """Channels of the pictures: 3 for colour, 1 for grey, or the number of bands."""
    num_blocks: int = 20
    """Residual blocks."""
    num_features: int = 64
    """Channels of the feature maps."""
    skip: Skip = "nearest"
    """Interpolation of the input, to which the network's output is added (global skip connection)."""

    def build(self) -> MinutiaNet:
        """Make the network, freshly initialised."""
        return MinutiaNet(self)

    def halo(self) -> int:
        """Receptive radius in input pixels."""
        return max(receptive_radius([(3, 1)] * (2 * self.num_blocks + 3)), SKIP_RADIUS[self.skip])


class MinutiaNet(nn.Module):
    """Residual blocks, then one pixel shuffle last, added to the interpolated input."""

    def __init__(self, spec: MinutiaNetSpec) -> None:
        super().__init__()
        width = spec.num_features
        self.scale = spec.scale
        self.skip: Skip = spec.skip
        self.head = conv(spec.channels, width)
        self.blocks = nn.Sequential(*(_Block(width) for _ in range(spec.num_blocks)))
        self.body_end = conv(width, width)
        self.tail = conv(width, spec.channels * spec.scale**2)
        self.shuffle = nn.PixelShuffle(spec.scale)

    def forward(self, x_NCHW: Tensor) -> Tensor:
        """Enlarge (N, C, H, W) in [0, 1] to (N, C, H * scale, W * scale)."""
        head = self.head(x_NCHW - CENTRE)
        detail: Tensor = self.tail(head + self.body_end(self.blocks(head)))
        if self.skip == "nearest":
            y: Tensor = self.shuffle(add_repeated(detail, x_NCHW))
        else:
            y = enlarge(x_NCHW, self.scale, self.skip) + self.shuffle(detail)
        return y


class _Block(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv1 = conv(width, width)
        self.act = nn.PReLU()
        self.conv2 = conv(width, width)
        with torch.no_grad():
            self.conv2.weight *= BRANCH_START

    def forward(self, x_NCHW: Tensor) -> Tensor:
        y: Tensor = self.conv2(self.act(self.conv1(x_NCHW)))
        return x_NCHW + y
