from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

from minutia import export as module
from minutia.engines import open_engine
from minutia.errors import ModelError
from minutia.export import export
from minutia.nets.srresnet import SRResNetSpec
from minutia.nets.weights import load_generator, save_weights
from minutia.zoo.catalog import find_model, load_model
from minutia.zoo.weights import read_weights


def test_weights_keep_their_names_and_are_float16(tiny_model: Path) -> None:
    _, network = load_generator(tiny_model.parent / "weights.safetensors")
    inside = read_weights((tiny_model / "model.onnx").read_bytes())
    state = network.state_dict()
    assert inside.keys() == state.keys()
    for name, array in inside.items():
        assert np.array_equal(array, state[name].half().float().numpy())
    types = {t.name: t.data_type for t in onnx.load(tiny_model / "model.onnx").graph.initializer}
    assert {types[name] for name in state} == {onnx.TensorProto.FLOAT16}


def test_nothing_of_the_exporting_machine_is_in_the_file(tiny_model: Path, tmp_path: Path) -> None:
    inside = (tiny_model / "model.onnx").read_bytes()
    for place in (str(Path(module.__file__).parent), str(Path(torch.__file__).parent), "stack_trace"):
        assert place.encode() not in inside
    again = export(tiny_model.parent / "weights.safetensors", tmp_path / "tiny")
    assert again.model_path.read_bytes() == inside


def test_the_card_says_what_was_exported(tiny_model: Path) -> None:
    card = find_model(tiny_model)
    load_model(card)
    assert (card.name, card.scale, card.channels, card.halo) == ("tiny", 4, 3, 7)
    assert card.network["num_blocks"] == 2
    assert card.training == {"data": "not stated", "recipe": "none", "content_steps": 0}
    assert card.figures == ()


def test_a_model_has_a_name_that_its_card_can_hold(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights = tiny_model.parent / "weights.safetensors"
    (tmp_path / "mine").mkdir()
    monkeypatch.chdir(tmp_path / "mine")
    assert export(weights, Path(), overwrite=True).name == find_model(tmp_path / "mine").name == "mine"
    with pytest.raises(ModelError, match="is not UTF-8, in which cards are written; choose another"):
        export(weights, tmp_path / "m\udcfc")
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_less_context_than_the_network_sees_is_a_wish(tiny_model: Path, tmp_path: Path) -> None:
    weights = tiny_model.parent / "weights.safetensors"
    assert export(weights, tmp_path / "narrow", halo=2).halo == find_model(tmp_path / "narrow").halo == 2
    for halo in (-1, 8):
        with pytest.raises(ModelError, match="--halo must be between 0 and 7, the receptive radius"):
            export(weights, tmp_path / "other", halo=halo)


def test_batch_normalisation_is_folded(tmp_path: Path) -> None:
    spec = SRResNetSpec(num_blocks=1, num_features=8, scale=2, channels=1)
    network = spec.build()
    network(torch.rand(4, 1, 9, 9))  # Moves the running statistics.
    run = tmp_path / "run"
    (run / "weights").mkdir(parents=True)
    save_weights(run / "weights" / "content-best.safetensors", spec, network.state_dict())
    card = export(run, tmp_path / "sr")
    assert card.network["norm"] == "none"
    x = np.random.default_rng(0).random((1, 1, 11, 8), dtype=np.float32)
    with torch.inference_mode():
        wanted = network.eval()(torch.from_numpy(x)).numpy()
    for name in ("openvino", "torch"):
        y = open_engine(find_model(tmp_path / "sr"), engine=name, device="cpu", precision="fp32").run(x)
        assert np.abs(y - wanted).max() < 5e-3  # What float16 weights cost.


def test_a_model_that_differs_is_not_kept(tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_DIFFERENCE", -1.0)
    with pytest.raises(ModelError, match=r"differs from the network by .* it was not kept"):
        export(tiny_model.parent / "weights.safetensors", tmp_path / "other")
    assert list(tmp_path.iterdir()) == []


def test_what_is_there_stays_and_what_is_missing_is_named(tiny_model: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="exists; add --overwrite"):
        export(tiny_model.parent / "weights.safetensors", tiny_model)
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(ModelError, match="file cannot be written: file exists"):
        export(tiny_model.parent / "weights.safetensors", tmp_path / "file", overwrite=True)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    with pytest.raises(ModelError, match="holds no trained weights"):
        export(tmp_path, tmp_path / "new")
    with pytest.raises(ModelError, match="is already a model; give a run folder or a weights file"):
        export(tiny_model, tmp_path / "new")
    for model in (tiny_model / "model.onnx", Path("minutia-x4")):
        with pytest.raises(ModelError, match="is neither a run folder nor a weights file"):
            export(model, tmp_path / "new")
    with pytest.raises(ModelError, match="do not exist"):
        export(tmp_path / "none.safetensors", tmp_path / "new")
