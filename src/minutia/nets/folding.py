"""Fold batch normalisation into the convolutions before it: the same function, fewer layers."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_weights

from minutia.nets.generators import GeneratorSpec
from minutia.nets.srresnet import SRResNetSpec

PAIRS = {"norm1": "conv1", "norm2": "conv2", "body_norm": "body_end"}
"""Normalisations of an SRResNet and the convolutions they follow."""


def fold_batch_norm(spec: GeneratorSpec, network: nn.Module) -> tuple[GeneratorSpec, nn.Module]:
    """Return a network without batch normalisation that computes what `network` does in evaluation mode.

    Networks that have none are returned as they are.
    """
    if not isinstance(spec, SRResNetSpec) or spec.norm == "none":
        return spec, network
    state = network.state_dict()
    folded_spec = replace(spec, norm="none")
    folded = folded_spec.build()
    for name, module in network.named_modules():
        if isinstance(module, nn.BatchNorm2d):
            prefix, _, last = name.rpartition(".")
            conv_name = f"{prefix}.{PAIRS[last]}" if prefix else PAIRS[last]
            conv = network.get_submodule(conv_name)
            assert isinstance(conv, nn.Conv2d)
            assert module.running_mean is not None
            assert module.running_var is not None
            weight, bias = fuse_conv_bn_weights(
                conv.weight,
                conv.bias,
                module.running_mean,
                module.running_var,
                module.eps,
                module.weight,
                module.bias,
            )
            state[f"{conv_name}.weight"], state[f"{conv_name}.bias"] = weight.detach(), bias.detach()
    with torch.no_grad():
        folded.load_state_dict({name: state[name] for name in folded.state_dict()})
    return folded_spec, folded.eval()
