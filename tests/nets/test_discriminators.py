from __future__ import annotations

import pytest
import torch
from torch import nn

from minutia.nets.discriminators import SRGANDiscriminatorSpec, UNetDiscriminatorSpec

torch.set_num_threads(1)


def test_the_papers_discriminator_is_as_published() -> None:
    """Ledig et al. 2017, figure 4: k3n64s1, n64s2, n128s1, ... n512s2, dense 1024, dense 1."""
    network = SRGANDiscriminatorSpec().build(3, 96)
    convs = [m for m in network.modules() if isinstance(m, nn.Conv2d)]
    assert [(c.out_channels, c.stride[0]) for c in convs] == [
        (width, stride) for width in (64, 128, 256, 512) for stride in (1, 2)
    ]
    assert {c.kernel_size for c in convs} == {(3, 3)}
    assert len([m for m in network.modules() if isinstance(m, nn.BatchNorm2d)]) == 7
    assert [m.negative_slope for m in network.modules() if isinstance(m, nn.LeakyReLU)] == [0.2] * 9
    dense = [m for m in network.modules() if isinstance(m, nn.Linear)]
    assert [(m.in_features, m.out_features) for m in dense] == [(512 * 6 * 6, 1024), (1024, 1)]
    assert network(torch.rand(2, 3, 96, 96)).shape == (2, 1)


def test_the_crop_need_not_divide_evenly() -> None:
    network = SRGANDiscriminatorSpec(num_features=4, num_dense=8).build(1, 50)
    assert network(torch.rand(2, 1, 50, 50)).shape == (2, 1)


@pytest.mark.parametrize("channels", [1, 3])
def test_unet_judges_every_pixel_with_normalised_weights(channels: int) -> None:
    network = UNetDiscriminatorSpec(num_features=8).build(channels, 32)
    assert network(torch.rand(2, channels, 32, 40)).shape == (2, 1, 32, 40)
    normalised = [m for m in network.modules() if isinstance(m, nn.Conv2d) and hasattr(m, "parametrizations")]
    assert len(normalised) == 8
    for _ in range(50):  # Each forward pass in training mode takes one step of power iteration.
        network(torch.rand(1, channels, 16, 16))
    for layer in normalised:
        assert torch.linalg.matrix_norm(layer.weight.flatten(1), 2).item() == pytest.approx(1, abs=0.1)
