from __future__ import annotations

from pathlib import Path

import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from skimage import data

from minutia.nets.vgg import BLOCKS, layer_index
from minutia.nets.weights import load_generator
from minutia.train.loop import train
from minutia.train.recipe import bundled_recipes, load_recipe


@pytest.fixture(scope="module")
def whole_vgg(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Random weights of all sixteen convolutions."""
    torch.manual_seed(0)
    weights, narrow = {}, 3
    for block, (num_convs, wide) in enumerate(BLOCKS, start=1):
        for place in range(1, num_convs + 1):
            name = f"features.{layer_index(f'conv{block}_{place}')}"
            weights[f"{name}.weight"] = (torch.randn(wide, narrow, 3, 3) * (2 / (9 * narrow)) ** 0.5).half()
            weights[f"{name}.bias"] = torch.zeros(wide).half()
            narrow = wide
    path = tmp_path_factory.mktemp("vgg") / "vgg.safetensors"
    save_file(weights, path)
    return path


@pytest.mark.parametrize("name", bundled_recipes())
def test_trains_two_steps_of_each_phase(name: str, whole_vgg: Path, tmp_path: Path) -> None:
    (tmp_path / "hr").mkdir()
    for index in range(2):
        Image.fromarray(data.astronaut()[:200, 100 * index : 100 * index + 200]).save(tmp_path / "hr" / f"{index}.png")
    phases = [f"{phase}.{key}" for phase in ("content", "adversarial") for key in ("steps=2", "batch_size=1")]
    paths = [f"run={tmp_path / 'run'}", f"data.hr={tmp_path / 'hr'}", f"adversarial.perceptual.weights={whole_vgg}"]
    recipe = load_recipe(name, [*phases, *paths, "data.num_held_out=1", "hardware.device=cpu"])
    assert train(recipe)
    spec, _ = load_generator(recipe.folder / "weights" / "adversarial-last.safetensors")
    assert spec == recipe.network
