from __future__ import annotations

import torch
from torch import nn

from minutia.nets.folding import fold_batch_norm
from minutia.nets.minutianet import MinutiaNetSpec
from minutia.nets.srresnet import SRResNetSpec


def test_folding_changes_nothing_but_the_layers() -> None:
    torch.manual_seed(0)
    spec = SRResNetSpec(num_blocks=3, num_features=8, scale=2)
    network = spec.build().eval()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            for values in (module.weight, module.bias, module.running_mean, module.running_var):
                nn.init.uniform_(values, 0.5, 2.0)
    folded_spec, folded = fold_batch_norm(spec, network)
    assert folded_spec == SRResNetSpec(num_blocks=3, num_features=8, scale=2, norm="none")
    assert not any(isinstance(module, nn.BatchNorm2d) for module in folded.modules())
    x = torch.rand(2, 3, 9, 12)
    with torch.inference_mode():
        wanted, found = network(x), folded(x)
    assert wanted.abs().mean() > 0.1
    torch.testing.assert_close(found, wanted, rtol=1e-5, atol=1e-5)


def test_networks_without_normalisation_stay_as_they_are() -> None:
    for spec in (MinutiaNetSpec(num_blocks=1, num_features=4), SRResNetSpec(num_blocks=1, num_features=4, norm="none")):
        network = spec.build()
        folded_spec, folded = fold_batch_norm(spec, network)
        assert folded is network
        assert folded_spec is spec
