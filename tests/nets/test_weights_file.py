from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors import SafetensorError
from safetensors.torch import save_file

from minutia.errors import MinutiaError, ModelError
from minutia.nets import weights
from minutia.nets.minutianet import MinutiaNetSpec
from minutia.nets.weights import load_generator, load_weights, save_weights

SPEC = MinutiaNetSpec(num_blocks=1, num_features=4, scale=2)


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    network = SPEC.build().eval()
    save_weights(tmp_path / "w.safetensors", SPEC, network.state_dict(), {"steps": 3})
    spec, loaded = load_generator(tmp_path / "w.safetensors")
    assert spec == SPEC
    assert not loaded.training
    x = torch.rand(1, 3, 5, 5)
    assert torch.equal(loaded(x), network(x))
    assert load_weights(tmp_path / "w.safetensors").training == {"steps": 3}
    assert [path.name for path in tmp_path.iterdir()] == ["w.safetensors"]


def test_the_weights_of_a_model_are_those_it_was_made_of(tiny_model: Path) -> None:
    spec, wanted = load_generator(tiny_model.parent / "weights.safetensors")
    for source in (tiny_model, tiny_model / "model.onnx"):
        weights = load_weights(source)
        assert weights.spec == spec
        assert weights.training["recipe"] == "none"
        for name, value in weights.build().state_dict().items():
            assert torch.equal(value, wanted.state_dict()[name].half().float()), name
    assert load_generator(Path("minutia-x4"))[0].scale == 4
    with pytest.raises(ModelError, match="no model or model folder called minutia-x5"):
        load_weights(Path("minutia-x5"))


def test_files_that_will_not_do_are_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    with pytest.raises(ModelError, match="do not exist"):
        load_weights(path)
    path.write_bytes(b"broken")
    with pytest.raises(ModelError, match="cannot be read"):
        load_weights(path)
    save_file({"a": torch.zeros(1)}, path)
    with pytest.raises(ModelError, match="do not name their network"):
        load_weights(path)
    save_file({"a": torch.zeros(1)}, path, {"network": "[]"})
    with pytest.raises(ModelError, match="not written by Minutia"):
        load_weights(path)
    save_file({"a": torch.zeros(1)}, path, {"network": "{"})
    with pytest.raises(ModelError, match="not written by Minutia"):
        load_weights(path)
    save_weights(path, SPEC, {"a": torch.zeros(1)})
    with pytest.raises(ModelError, match="do not fit the network they name"):
        load_generator(path)


def test_a_full_disk_is_one_sentence_and_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "w.safetensors"
    state = SPEC.build().state_dict()
    save_weights(path, SPEC, state, {"steps": 1})

    def fill(*_: object) -> None:
        raise SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)")

    with monkeypatch.context() as patch:
        patch.setattr(weights, "save_file", fill)
        with pytest.raises(MinutiaError, match=r"w\.safetensors cannot be written: No space left on device"):
            save_weights(path, SPEC, state, {"steps": 2})
    assert load_weights(path).training == {"steps": 1}
    assert list(tmp_path.iterdir()) == [path]
    with pytest.raises(MinutiaError, match=r"cannot be written: No such file"):
        save_weights(tmp_path / "none" / "w.safetensors", SPEC, state)
