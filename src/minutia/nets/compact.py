"""SRVGGNetCompact, the small generator published with Real-ESRGAN (Wang et al. 2021): all work at the input's size."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from torch import Tensor, nn

from minutia.nets.layers import add_repeated, conv, receptive_radius


@dataclass(frozen=True, kw_only=True)
class CompactSpec:
    """What an SRVGGNetCompact is made of; the defaults are those of realesr-general-x4v3."""

    __pydantic_config__: ClassVar = {"extra": "forbid"}

    kind: Literal["compact"] = "compact"
    scale: Literal[2, 3, 4, 8] = 4
    """Scale factor."""
    channels: int = 3
    """Channels of the pictures: 3 for colour, 1 for grey, or the number of bands."""
    num_blocks: int = 32
    """Convolutions between the first and the last one."""
    num_features: int = 64
    """Channels of the feature maps."""

    def build(self) -> CompactNet:
        """Make the network, freshly initialised."""
        return CompactNet(self)

    def halo(self) -> int:
        """Receptive radius in input pixels."""
        return receptive_radius([(3, 1)] * (self.num_blocks + 2))


class CompactNet(nn.Module):
    """A chain of convolutions with PReLU, a pixel shuffle, and the repeated input added."""

    def __init__(self, spec: CompactSpec) -> None:
        super().__init__()
        self.scale = spec.scale
        width = spec.num_features
        # Under the names of the published weights.
        layers: list[nn.Module] = [conv(spec.channels, width), nn.PReLU(width)]
        for _ in range(spec.num_blocks):
            layers += [conv(width, width), nn.PReLU(width)]
        self.body = nn.Sequential(*layers, conv(width, spec.channels * spec.scale**2))
        self.shuffle = nn.PixelShuffle(spec.scale)

    def forward(self, x_NCHW: Tensor) -> Tensor:
        """Enlarge (N, C, H, W) in [0, 1] to (N, C, H * scale, W * scale)."""
        y: Tensor = self.shuffle(add_repeated(self.body(x_NCHW), x_NCHW))
        return y
