from __future__ import annotations

import pytest
import torch
from torch import nn

from minutia.errors import ModelError
from minutia.nets.compact import CompactSpec
from minutia.nets.folding import fold_batch_norm
from minutia.nets.generators import SPECS, GeneratorSpec, parse_spec
from minutia.nets.layers import add_repeated, enlarge
from minutia.nets.minutianet import MinutiaNetSpec
from minutia.nets.rrdb import RRDBSpec
from minutia.nets.srresnet import SRResNetSpec

torch.set_num_threads(1)

KINDS: list[type] = list(SPECS.values())


def small(spec: type, **changes: object) -> GeneratorSpec:
    return spec(**({"num_blocks": 1, "num_features": 8} | changes))


@pytest.mark.parametrize(
    ("spec", "parameters"),
    [
        (MinutiaNetSpec(), 1_543_556),
        (RRDBSpec(), 16_697_987),
        (CompactSpec(num_blocks=16), 621_424),
        (SRResNetSpec(norm="none"), 1_545_238),
        (SRResNetSpec(), 1_545_238 + 33 * 2 * 64),
    ],
)
def test_published_sizes(spec: GeneratorSpec, parameters: int) -> None:
    """RRDBNet of 23 blocks has 16.70 M parameters in tables; the sum for SRResNet was made by hand."""
    assert sum(p.numel() for p in spec.build().parameters()) == parameters


@pytest.mark.parametrize("spec", KINDS)
@pytest.mark.parametrize("scale", [2, 3, 4, 8])
@pytest.mark.parametrize("channels", [1, 3])
def test_every_scale_and_channel_count(spec: type, scale: int, channels: int) -> None:
    network = small(spec, scale=scale, channels=channels).build().eval()
    with torch.inference_mode():
        assert network(torch.rand(2, channels, 5, 7)).shape == (2, channels, 5 * scale, 7 * scale)


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_adding_before_the_shuffle_is_adding_the_repeated_picture_after_it(channels: int) -> None:
    detail, x = torch.rand(2, channels * 9, 5, 7), torch.rand(2, channels, 5, 7)
    wanted = nn.functional.pixel_shuffle(detail, 3) + enlarge(x, 3, "nearest")
    assert torch.equal(nn.functional.pixel_shuffle(add_repeated(detail, x), 3), wanted)


def radius(network: nn.Module, scale: int, side: int) -> int:
    """Largest distance from which an input pixel reaches one of the output pixels of the middle one.

    Weights are made positive, so that nothing cancels out.
    """
    for name, parameter in network.named_parameters():
        parameter.data = torch.full_like(parameter, 0.25 if "act" in name else 0.01 if parameter.ndim > 1 else 0.1)
    x = torch.rand(1, 3, side, side, dtype=torch.float64, requires_grad=True)
    middle = side // 2
    y = network.double()(x)[0, :, middle * scale : (middle + 1) * scale, middle * scale : (middle + 1) * scale]
    y.sum().backward()
    reached = x.grad[0].abs().sum(dim=0).nonzero() - middle
    return int(reached.abs().max())


@pytest.mark.parametrize("spec", KINDS)
@pytest.mark.parametrize("scale", [2, 3, 4, 8])
def test_halo_is_the_receptive_radius(spec: type, scale: int) -> None:
    described = small(spec, scale=scale)
    halo = described.halo()
    found = radius(described.build().eval(), scale, 2 * halo + 9)
    assert found == halo


@pytest.mark.parametrize("skip", ["nearest", "bilinear", "bicubic"])
def test_an_untouched_tail_gives_the_interpolated_input(skip: str) -> None:
    network = MinutiaNetSpec(num_blocks=1, num_features=4, skip=skip).build()
    nn.init.zeros_(network.tail.weight)
    nn.init.zeros_(network.tail.bias)
    flat = torch.full((1, 3, 6, 6), 0.3)
    assert torch.allclose(network(flat), torch.full((1, 3, 24, 24), 0.3), atol=1e-6)


@pytest.mark.parametrize("activation", ["tanh", "sigmoid"])
def test_last_activation_bounds_the_output(activation: str) -> None:
    network = small(SRResNetSpec, activation=activation).build()
    y = network(100 * torch.randn(1, 3, 8, 8))
    assert y.min() >= 0
    assert y.max() <= 1


def test_folded_batch_norm_computes_the_same() -> None:
    spec = small(SRResNetSpec, num_blocks=2)
    network = spec.build()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 2)
            nn.init.uniform_(module.bias, -1, 1)
            nn.init.uniform_(module.running_mean, -1, 1)
            nn.init.uniform_(module.running_var, 0.5, 2)
    folded_spec, folded = fold_batch_norm(spec, network.eval())
    assert folded_spec.norm == "none"
    assert not [m for m in folded.modules() if isinstance(m, nn.BatchNorm2d)]
    x = torch.rand(1, 3, 9, 9)
    with torch.inference_mode():
        assert torch.allclose(folded(x), network(x), atol=1e-4)


def test_descriptions_are_read_strictly() -> None:
    assert parse_spec({"kind": "rrdb", "num_blocks": 3}) == RRDBSpec(num_blocks=3)
    with pytest.raises(ModelError, match="no network called 'vit'; known are srresnet, rrdb, compact, minutianet"):
        parse_spec({"kind": "vit"})
    with pytest.raises(ModelError, match="no parameter depth"):
        parse_spec({"kind": "rrdb", "depth": 3})


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"scale": 5}, r"cannot have scale = 5; it must be one of 2, 3, 4, 8\."),
        ({"scale": 4.0}, r"cannot have scale = 4\.0"),
        ({"num_blocks": "many"}, r"cannot have num_blocks = 'many'; it must be a whole number from 1\."),
        ({"num_features": 0}, "cannot have num_features = 0"),
        ({"channels": True}, "cannot have channels = True"),
        ({"skip": ["nearest"]}, r"it must be one of nearest, bilinear, bicubic\."),
        ({"kind": ["minutianet"]}, "no network called"),
    ],
)
def test_impossible_values_are_refused(changes: dict[str, object], sentence: str) -> None:
    with pytest.raises(ModelError, match=sentence):
        parse_spec({"kind": "minutianet"} | changes)
