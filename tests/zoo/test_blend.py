from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from minutia.engines import open_engine
from minutia.errors import ModelError
from minutia.export import export
from minutia.nets.minutianet import MinutiaNetSpec
from minutia.nets.weights import save_weights
from minutia.types import Normalisation
from minutia.upscaler import Upscaler
from minutia.zoo.card import ModelCard, read_card, write_card
from minutia.zoo.catalog import DEFAULT_MODELS, find_model, load_model
from minutia.zoo.weights import read_weights


@pytest.fixture(scope="module")
def pair(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> ModelCard:
    """An adversarial model of other random weights, beside its siblings: `tiny`, which is faithful, and `gentle`."""
    import torch

    folder = tmp_path_factory.mktemp("pair")
    shutil.copytree(tiny_model, folder / "tiny")
    spec = MinutiaNetSpec(num_blocks=2, num_features=8)
    training = {"recipe": "none", "content_steps": 0, "adversarial_steps": 5}
    for seed, (name, siblings) in enumerate({"gentle": {}, "sharp": {"fidelity": "tiny", "grain": "gentle"}}.items()):
        torch.manual_seed(1 + seed)
        network = spec.build()
        with torch.no_grad():
            network.tail.weight *= 0.3
        save_weights(folder / "w.safetensors", spec, network.state_dict(), training)
        export(folder / "w.safetensors", folder / name, **siblings)
    return read_card(folder / "sharp" / "card.toml")


def test_the_ends_of_the_dial_are_the_models_themselves(pair: ModelCard, photo: np.ndarray) -> None:
    assert load_model(pair, 1) == pair.model_path.read_bytes()
    sibling = pair.model_path.parent.parent / "tiny"
    assert load_model(pair, 0) == (sibling / "model.onnx").read_bytes()
    faithful = Upscaler(sibling, device="cpu", precision="fp32").upscale(photo)
    assert np.array_equal(Upscaler(pair, device="cpu", precision="fp32", strength=0).upscale(photo), faithful)


@pytest.mark.parametrize("strength", [0.25, 0.5])
def test_weights_between_are_blended(pair: ModelCard, strength: float) -> None:
    ends = [read_weights(load_model(pair, end)) for end in (0, 1)]
    blended = read_weights(load_model(pair, strength))
    assert set(blended) == set(ends[0])
    for name, array in blended.items():
        expected = (1 - strength) * ends[0][name] + strength * ends[1][name]
        assert np.allclose(array, expected, atol=1e-3)
    assert any(not np.array_equal(blended[name], ends[1][name]) for name in blended)


def test_the_second_dial_leaves_grain(pair: ModelCard) -> None:
    gentle = pair.model_path.parent.parent / "gentle"
    assert load_model(pair, denoise=0) == (gentle / "model.onnx").read_bytes()
    ends = [read_weights(load_model(pair, *dials)) for dials in ((0, 1), (1, 0), (1, 1))]
    both = read_weights(load_model(pair, 0.5, 0.25))
    for name, array in both.items():
        faithful, grainy, sharp = (end[name] for end in ends)
        assert np.allclose(array, 0.5 * faithful + 0.5 * (0.75 * grainy + 0.25 * sharp), atol=1e-3)
    assert Upscaler(pair, device="cpu", denoise=0.5).identity != Upscaler(pair, device="cpu").identity


def test_every_engine_runs_the_same_blend(pair: ModelCard) -> None:
    x = np.random.default_rng(0).random((1, 3, 9, 11), dtype=np.float32)
    names, half = ("openvino", "torch", "onnxruntime"), load_model(pair, 0.5)
    outputs = [open_engine(pair, half, engine=name, device="cpu", precision="fp32").run(x) for name in names]
    assert np.abs(outputs[0] - outputs[1]).max() < 1e-4
    assert np.abs(outputs[0] - outputs[2]).max() < 1e-4
    assert np.abs(outputs[0] - open_engine(pair, device="cpu", precision="fp32").run(x)).max() > 0.01


def test_what_cannot_be_blended_is_refused(pair: ModelCard, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"strength must be between 0 \(the fidelity model\) and 1 .*, not 1\.5"):
        load_model(pair, 1.5)
    tiny = find_model(pair.model_path.parent.parent / "tiny")
    with pytest.raises(ModelError, match="tiny has no fidelity model to blend with; leave out --strength"):
        load_model(tiny, 0.5)
    with pytest.raises(ModelError, match="tiny has no grain-keeping model to blend with; leave out --denoise"):
        load_model(tiny, denoise=0.5)
    with pytest.raises(ModelError, match="minutia-x4-fidelity and sharp have different networks"):
        load_model(replace(pair, fidelity="minutia-x4-fidelity"), 0.5)
    with pytest.raises(ModelError, match="different networks"):  # Of the same weights, and yet no network of both.
        load_model(replace(pair, network={**pair.network, "skip": "bicubic"}), 0.5)
    with pytest.raises(ModelError, match="no model or model folder called nobody"):
        load_model(replace(pair, fidelity="nobody"), 0.5)


def test_a_dial_that_cannot_be_heard_is_told(pair: ModelCard, caplog: pytest.LogCaptureFixture) -> None:
    assert load_model(pair, 0, 0.5) == load_model(pair, 0)
    assert "At strength 0 only the fidelity model is used, and --denoise has no effect." in caplog.text


def test_a_sibling_is_found_from_within_the_folder(pair: ModelCard, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(pair.model_path.parent)
    assert load_model(find_model("."), 0) == load_model(pair, 0)


def test_the_sibling_stands_in_the_card(pair: ModelCard, tmp_path: Path) -> None:
    write_card(pair, tmp_path)
    assert read_card(tmp_path / "card.toml").fidelity == "tiny"
    assert read_card(tmp_path / "card.toml").grain == "gentle"
    text = (tmp_path / "card.toml").read_text()
    (tmp_path / "card.toml").write_text(text.replace('fidelity = "tiny"', "fidelity = 3"))
    with pytest.raises(ModelError, match="fidelity must be a text"):
        read_card(tmp_path / "card.toml")


@pytest.mark.parametrize("name", ["minutia-x4", "minutia-x4-photo", "minutia-x2-photo"])
def test_bundled_models_have_their_dials(name: str) -> None:
    card = find_model(name)
    assert load_model(card, 0) == find_model(card.fidelity).model_path.read_bytes()
    if card.grain:
        assert load_model(card, denoise=0) == find_model(card.grain).model_path.read_bytes()
    assert bool(card.grain) == (name in DEFAULT_MODELS)  # Those have both.
    assert not Upscaler(card, device="cpu", strength=0).color_lock
    assert Upscaler(card, device="cpu", strength=0.5).color_lock


def test_models_that_see_values_by_different_scales_are_not_blended(pair: ModelCard) -> None:
    other = replace(pair, normalisation=Normalisation((0.0,) * 3, (100.0,) * 3))
    with pytest.raises(ModelError, match="tiny and sharp have different normalisations and cannot be blended"):
        load_model(other, 0.5)
