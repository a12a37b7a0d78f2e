"""Weights that others have published: which network they are of is read from the names of their parameters.

Known are RRDBNet, under its three sets of names (ESRGAN 2018, ESRGAN 2019, Real-ESRGAN 2021), and SRVGGNetCompact.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from minutia.errors import ModelError
from minutia.nets.generators import GeneratorSpec, parse_spec
from minutia.nets.rrdb import NUM_DENSE_CONVS

WRAPPERS = ("params_ema", "params", "state_dict")
"""Under which a file may keep the parameters, the first that is there; averaged ones are better."""

SHARED_OUT = "module."
"""Begins every name where a network was trained on several devices."""

RRDB_NAMES = {
    "conv_first": "head",
    "trunk_conv": "body_end",
    "conv_body": "body_end",
    "upconv1": "stages.0",
    "conv_up1": "stages.0",
    "upconv2": "stages.1",
    "conv_up2": "stages.1",
    "HRconv": "detail",
    "conv_hr": "detail",
    "conv_last": "tail",
}
DENSE_CONV = re.compile(r"(?:model\.1\.sub|RRDB_trunk|body)\.(\d+)\.(?:RDB|rdb)(\d)\.conv(\d)(?:\.0)?")
NUMBERED = re.compile(r"model\.\d+")
NUMBERED_BODY_END = re.compile(r"model\.1\.sub\.\d+")


def recognise(file: Mapping[str, Any], source: Path) -> tuple[GeneratorSpec, dict[str, Tensor]]:
    """Find the network that fits, and give the parameters the names they have here.

    Args:
        file: state dictionary, or what holds one under a usual name.
        source: what errors call it.

    Raises:
        ModelError: none that is known here fits.
    """
    state = _unwrapped(file)
    layers = list(dict.fromkeys(map(_layer_of, state)))
    if any(DENSE_CONV.fullmatch(layer) for layer in layers):
        names = _rrdb_names(layers)
        state = {names[_layer_of(name)] + name.removeprefix(_layer_of(name)): state[name] for name in state}
        return _rrdb_spec(state, source), state
    if layers and all(re.fullmatch(r"body\.\d+", layer) for layer in layers):
        return _compact_spec(state, source), state
    raise ModelError(
        f"The weights {source} do not name their network, and their parameters are not those of RRDBNet (ESRGAN, "
        "Real-ESRGAN) or SRVGGNetCompact."
    )


def _unwrapped(file: Mapping[str, Any]) -> dict[str, Tensor]:
    inside = next((file[name] for name in WRAPPERS if isinstance(file.get(name), Mapping)), file)
    tensors = {str(name): value for name, value in inside.items() if isinstance(value, Tensor)}
    return {name.removeprefix(SHARED_OUT): value.float() for name, value in tensors.items()}


def _layer_of(name: str) -> str:
    return name.rpartition(".")[0]


def _rrdb_names(layers: list[str]) -> dict[str, str]:
    """Name the layers of an RRDBNet as `minutia.nets.rrdb` does; one that is none keeps its name."""
    names = {layer: RRDB_NAMES.get(layer, layer) for layer in layers}
    for layer in layers:
        if found := DENSE_CONV.fullmatch(layer):
            block, dense, index = map(int, found.groups())
            place = "last" if index == NUM_DENSE_CONVS else f"convs.{index - 1}"
            names[layer] = f"blocks.{block}.dense.{dense - 1}.{place}"
        elif NUMBERED_BODY_END.fullmatch(layer):
            names[layer] = "body_end"
    numbered = sorted(filter(NUMBERED.fullmatch, layers), key=lambda layer: int(layer.split(".")[1]))
    if len(numbered) > 2:
        head, *stages, detail, tail = numbered
        names |= {head: "head", detail: "detail", tail: "tail"}
        names |= {layer: f"stages.{index}" for index, layer in enumerate(stages)}
    return names


def _rrdb_spec(state: Mapping[str, Tensor], source: Path) -> GeneratorSpec:
    head, tail, growth = (_shape(state, layer, source) for layer in ("head", "tail", "blocks.0.dense.0.convs.0"))
    if head[1] != tail[0]:
        raise ModelError(
            f"The weights {source} are of an RRDBNet from {head[1]} to {tail[0]} channels; networks that start with a "
            "pixel unshuffle, such as Real-ESRGAN's x2plus, are not supported."
        )
    num_stages = len({name for name in state if re.fullmatch(r"stages\.\d+\.weight", name)})
    blocks = {name.split(".")[1] for name in state if name.startswith("blocks.")}
    return parse_spec(
        {
            "kind": "rrdb",
            "scale": 2**num_stages,
            "channels": tail[0],
            "num_blocks": len(blocks),
            "num_features": head[0],
            "num_growth": growth[0],
        }
    )


def _compact_spec(state: Mapping[str, Tensor], source: Path) -> GeneratorSpec:
    last = max(int(name.split(".")[1]) for name in state)
    head, tail = _shape(state, "body.0", source), _shape(state, f"body.{last}", source)
    return parse_spec(
        {
            "kind": "compact",
            "scale": math.isqrt(tail[0] // head[1]),
            "channels": head[1],
            "num_blocks": last // 2 - 1,
            "num_features": head[0],
        }
    )


def _shape(state: Mapping[str, Tensor], layer: str, source: Path) -> tuple[int, ...]:
    """Give the shape of a convolution's weights.

    Raises:
        ModelError: there are none.
    """
    weights = state.get(f"{layer}.weight")
    if weights is None or weights.ndim != 4:
        raise ModelError(f"The weights {source} lack the convolution {layer} of the network they look like.")
    return tuple(weights.shape)
