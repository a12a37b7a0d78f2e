from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from minutia.errors import ModelError
from minutia.nets.compact import CompactSpec
from minutia.nets.rrdb import RRDBSpec
from minutia.nets.weights import load_weights

RRDB = RRDBSpec(num_blocks=2, num_features=4, num_growth=3)
COMPACT = CompactSpec(num_blocks=3, num_features=4, scale=2)


def renamed(state: dict[str, Tensor], dense: str, ends: dict[str, str]) -> dict[str, Tensor]:
    """Give the parameters of an RRDBNet the names of another package.

    Args:
        dense: pattern of block, dense block from 1 and convolution from 1.
        ends: names of the other layers.
    """

    def other(name: str) -> str:
        if found := re.fullmatch(r"blocks\.(\d+)\.dense\.(\d+)\.(?:convs\.(\d)|(last))\.(\w+)", name):
            block, part, index, _, kind = found.groups()
            place = dense.format(block, int(part) + 1, 5 if index is None else int(index) + 1)
            return f"{place}.{kind}"
        layer, _, kind = name.rpartition(".")
        return f"{ends[layer]}.{kind}"

    return {other(name): value for name, value in state.items()}


def of_2018(state: dict[str, Tensor]) -> dict[str, Tensor]:
    num_stages = sum(name.startswith("stages.") for name in state) // 2
    ends = {"head": "model.0", "body_end": "model.1.sub.2"}
    ends |= {f"stages.{index}": f"model.{3 + 3 * index}" for index in range(num_stages)}
    ends |= {"detail": f"model.{2 + 3 * num_stages}", "tail": f"model.{4 + 3 * num_stages}"}
    return renamed(state, "model.1.sub.{}.RDB{}.conv{}.0", ends)


def of_2019(state: dict[str, Tensor]) -> dict[str, Tensor]:
    stages = {"stages.0": "upconv1", "stages.1": "upconv2"}
    ends = {"head": "conv_first", "body_end": "trunk_conv", "detail": "HRconv", "tail": "conv_last"}
    return renamed(state, "RRDB_trunk.{}.RDB{}.conv{}", ends | stages)


def of_2021(state: dict[str, Tensor]) -> dict[str, Tensor]:
    stages = {"stages.0": "conv_up1", "stages.1": "conv_up2"}
    ends = {"head": "conv_first", "body_end": "conv_body", "detail": "conv_hr", "tail": "conv_last"}
    return renamed(state, "body.{}.rdb{}.conv{}", ends | stages)


@pytest.mark.parametrize(
    ("spec", "names"),
    [
        (RRDB, of_2018),
        (RRDBSpec(num_blocks=2, num_features=4, num_growth=3, scale=2, channels=1), of_2018),
        (RRDBSpec(num_blocks=2, num_features=4, num_growth=3, scale=8), of_2018),
        (RRDB, of_2019),
        (RRDB, of_2021),
        (COMPACT, dict),
        (CompactSpec(num_blocks=1, num_features=5, scale=3, channels=1), dict),
    ],
)
@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_published_weights_are_the_same_network(
    spec: RRDBSpec | CompactSpec, names: Callable[[dict[str, Tensor]], dict[str, Tensor]], suffix: str, tmp_path: Path
) -> None:
    network, path = spec.build().eval(), tmp_path / f"w{suffix}"
    state = names(network.state_dict())
    if suffix == ".pth":
        torch.save(
            {"params": {"a": torch.zeros(1)}, "params_ema": {f"module.{name}": state[name] for name in state}}, path
        )
    else:
        save_file(state, path)
    weights = load_weights(path)
    assert weights.spec == spec
    assert weights.training == {"recipe": f"none; published as {path.name}"}
    x = torch.rand(1, spec.channels, 6, 7)
    with torch.inference_mode():
        assert torch.equal(weights.build()(x), network(x))


def test_half_precision_becomes_single(tmp_path: Path) -> None:
    torch.save({name: value.half() for name, value in COMPACT.build().state_dict().items()}, tmp_path / "w.pth")
    assert {value.dtype for value in load_weights(tmp_path / "w.pth").state.values()} == {torch.float32}


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda state: {"a.weight": torch.zeros(1)}, "their parameters are not those of RRDBNet"),
        (lambda state: {"epoch": 3}, "their parameters are not those of RRDBNet"),
        (lambda state: [1, 2], "their parameters are not those of RRDBNet"),
        (
            lambda state: state | {"conv_first.weight": torch.zeros(4, 12, 3, 3)},
            "RRDBNet from 12 to 3 channels; networks that",
        ),
        (lambda state: state | {"extra.weight": torch.zeros(1)}, "do not fit the network they name"),
        (lambda state: state | {"step": torch.zeros(1)}, "do not fit the network they name"),
        (lambda state: {3: torch.zeros(1)}, "their parameters are not those of RRDBNet"),
        (lambda state: state | {"conv_last.weight": torch.zeros(3)}, "lack the convolution tail of the network"),
        (
            lambda state: {name: value for name, value in state.items() if "up" not in name},
            "cannot have scale = 1; it must be one of 2, 3, 4, 8",
        ),
    ],
)
def test_what_is_not_known_is_one_sentence(
    change: Callable[[dict[str, Tensor]], object], sentence: str, tmp_path: Path
) -> None:
    torch.save(change(of_2021(RRDB.build().state_dict())), tmp_path / "w.pth")
    with pytest.raises(ModelError, match=sentence):
        load_weights(tmp_path / "w.pth").build()


class Trap:
    def __reduce__(self) -> tuple[Callable[[str], int], tuple[str]]:
        return os.system, ("echo trapped",)


def test_nothing_of_a_file_is_run(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    torch.save({"a": Trap()}, tmp_path / "trap.pth")
    (tmp_path / "broken.pth").write_bytes(b"broken")
    (tmp_path / "empty.pth").write_bytes(b"")
    for name in ("trap", "broken", "empty"):
        with pytest.raises(ModelError, match=rf"{name}\.pth cannot be read: the file is damaged, or holds more than"):
            load_weights(tmp_path / f"{name}.pth")
    with pytest.raises(ModelError, match=r"none\.pth do not exist"):
        load_weights(tmp_path / "none.pth")
    assert "trapped" not in capfd.readouterr().out
