"""SRResNet, the generator of the SRGAN paper (Ledig et al. 2017, figure 4)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from torch import Tensor, nn

from minutia.nets.layers import Activation, Norm, batch_norm, bounded, conv, receptive_radius, stage_factors


@dataclass(frozen=True, kw_only=True)
class SRResNetSpec:
    """What an SRResNet is made of; the defaults are the paper's."""

    __pydantic_config__: ClassVar = {"extra": "forbid"}

    kind: Literal["srresnet"] = "srresnet"
    scale: Literal[2, 3, 4, 8] = 4
    """Scale factor."""
    channels: int = 3
    """Channels of the pictures: 3 for colour, 1 for grey, or the number of bands."""
    num_blocks: int = 16
    """Residual blocks."""
    num_features: int = 64
    """Channels of the feature maps."""
    norm: Norm = "batch"
    """Normalisation in the residual blocks."""
    activation: Activation = "none"
    """Activation of the output; none in the paper, tanh or sigmoid in many implementations."""

    def build(self) -> SRResNet:
        """Make the network, freshly initialised."""
        return SRResNet(self)

    def halo(self) -> int:
        """Receptive radius in input pixels."""
        layers = [(9, 1)] + [(3, 1)] * (2 * self.num_blocks + 1)
        enlargement = 1
        for factor in stage_factors(self.scale):
            layers.append((3, enlargement))
            enlargement *= factor
        return receptive_radius([*layers, (9, enlargement)])


class SRResNet(nn.Module):
    """Residual blocks at the input's size, then pixel-shuffle stages, then a 9x9 convolution."""

    def __init__(self, spec: SRResNetSpec) -> None:
        super().__init__()
        width = spec.num_features
        self.activation: Activation = spec.activation
        self.head = conv(spec.channels, width, 9)
        self.head_act = nn.PReLU()
        self.blocks = nn.Sequential(*(_Block(width, spec.norm) for _ in range(spec.num_blocks)))
        self.body_end = conv(width, width)
        self.body_norm = batch_norm(spec.norm, width)
        self.stages = nn.Sequential(*(_Stage(width, factor) for factor in stage_factors(spec.scale)))
        self.tail = conv(width, spec.channels, 9)

    def forward(self, x_NCHW: Tensor) -> Tensor:
        """Enlarge (N, C, H, W) in [0, 1] to (N, C, H * scale, W * scale)."""
        head = self.head_act(self.head(x_NCHW))
        body = self.body_norm(self.body_end(self.blocks(head)))
        return bounded(self.tail(self.stages(head + body)), self.activation)


class _Block(nn.Module):
    def __init__(self, width: int, norm: Norm) -> None:
        super().__init__()
        self.conv1 = conv(width, width)
        self.norm1 = batch_norm(norm, width)
        self.act = nn.PReLU()
        self.conv2 = conv(width, width)
        self.norm2 = batch_norm(norm, width)

    def forward(self, x_NCHW: Tensor) -> Tensor:
        y: Tensor = self.act(self.norm1(self.conv1(x_NCHW)))
        y = self.norm2(self.conv2(y))
        return x_NCHW + y


class _Stage(nn.Module):
    def __init__(self, width: int, factor: int) -> None:
        super().__init__()
        self.conv = conv(width, width * factor**2)
        self.shuffle = nn.PixelShuffle(factor)
        self.act = nn.PReLU()

    def forward(self, x_NCHW: Tensor) -> Tensor:
        y: Tensor = self.act(self.shuffle(self.conv(x_NCHW)))
        return y
