"""Muon: what it does to kernels, and what it leaves to Adam."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn
from torch.optim import Adam

from minutia.nets.minutianet import MinutiaNetSpec
from minutia.train.muon import STEP_SIZE, Muon, orthogonalise

BETAS = (0.9, 0.99)


@pytest.mark.parametrize("shape", [(3, 16, 144), (2, 48, 32)])
def test_orthogonal_matrices_keep_their_singular_vectors(shape: tuple[int, int, int]) -> None:
    matrices = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    left, _, right = torch.linalg.svd(matrices, full_matrices=False)
    values = torch.diagonal(left.mT @ orthogonalise(matrices) @ right.mT, dim1=1, dim2=2)
    assert values.min() > 0.6
    assert values.max() < 1.3


def test_nothing_to_learn_moves_nothing() -> None:
    assert torch.equal(orthogonalise(torch.zeros(1, 16, 16)), torch.zeros(1, 16, 16))


@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
def test_weak_directions_get_steps_as_long_as_strong_ones(memory_format: torch.memory_format) -> None:
    kernel = nn.Parameter(torch.zeros(32, 16, 3, 3).to(memory_format=memory_format))
    optimiser = Muon([kernel], betas=BETAS)
    optimiser.param_groups[0]["lr"] = 1e-2
    strength = torch.logspace(0, -1, 32)[:, None, None, None]
    kernel.grad = strength * torch.randn(kernel.shape, generator=torch.Generator().manual_seed(0))
    optimiser.step()
    lengths = kernel.detach().square().mean(dim=(1, 2, 3)).sqrt()
    assert lengths.min() > 0.5 * lengths.max()
    assert lengths.mean() == pytest.approx(STEP_SIZE * 1e-2, rel=0.3)


def test_only_kernels_between_features_are_moved_differently_from_adam() -> None:
    torch.manual_seed(0)
    network = MinutiaNetSpec(num_blocks=2, num_features=16).build()
    twin = copy.deepcopy(network)
    for each, kind in ((network, Muon), (twin, Adam)):
        optimiser = kind(each.parameters(), betas=BETAS)
        x = torch.rand(1, 3, 8, 8, generator=torch.Generator().manual_seed(1))
        each(x).square().mean().backward()
        optimiser.step()
    pairs = zip(network.named_parameters(), twin.parameters(), strict=True)
    differing = {name for (name, one), other in pairs if not torch.equal(one, other)}
    kernels = {name for name, parameter in network.named_parameters() if parameter.ndim == 4}
    assert differing == kernels - {"head.weight"}
