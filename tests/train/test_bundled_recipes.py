from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from skimage import data

from minutia.datasets.catalog import find_dataset
from minutia.nets.vgg import BLOCKS, layer_index
from minutia.nets.weights import load_generator
from minutia.train.loop import train
from minutia.train.recipe import bundled_recipes, load_recipe

SYSTEMS = [name for name, path in bundled_recipes().items() if "minutia datasets" in path.read_text(encoding="utf-8")]


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
    phases = [f"{phase}.{key}" for phase in ("content", "adversarial") for key in ("steps=2", "batch_size=1")]
    phases += [f"{phase}.lr_crop=16" for phase in ("content", "adversarial")]
    paths = [f"run={tmp_path / 'run'}", f"data.hr={tmp_path / 'hr'}", f"adversarial.perceptual.weights={whole_vgg}"]
    recipe = load_recipe(name, [*phases, *paths, "data.num_held_out=1", "hardware.device=cpu"])
    (tmp_path / "hr").mkdir()
    for index in range(2):
        Image.fromarray(data.astronaut()[:96, 100 * index : 100 * index + 96]).save(tmp_path / "hr" / f"{index}.png")
    assert train(recipe)
    spec, _ = load_generator(recipe.folder / "weights" / "adversarial-last.safetensors")
    assert spec == recipe.network


@pytest.mark.parametrize("name", bundled_recipes())
def test_discriminators_are_of_a_size_that_fits_crops_and_memory(name: str) -> None:
    recipe = load_recipe(name, ["data.hr=x"])
    assert recipe.adversarial is not None
    crop = recipe.adversarial.lr_crop * recipe.network.scale
    with torch.device("meta"):
        network = recipe.adversarial.discriminator.build(recipe.network.channels, crop)
    assert sum(weight.numel() for weight in network.parameters()) < 40e6


@pytest.mark.parametrize("name", SYSTEMS)
def test_commands_in_front_of_a_recipe_name_sets_and_the_recipe(name: str) -> None:
    text = bundled_recipes()[name].read_text(encoding="utf-8")
    head = text[: text.index("\nname = ")]
    sets = re.findall(r"minutia datasets (?:download|prepare) (\S+)", head)
    assert sets
    assert [find_dataset(each).name for each in sets] == sets
    prepared = re.findall(r"-o (\S+)|--fix (\S+)", head)
    trained = re.findall(rf"minutia train {name} --hr (\S+)/HR --lr (\S+)/LR", head)
    assert trained
    for hr, lr in trained:
        assert hr == lr
        assert hr in {folder for pair in prepared for folder in pair}


def test_the_systems_are_as_long_as_they_should_be() -> None:
    lengths = {}
    for name in ("coco-384", "div2k-x2", "mirflickr"):
        recipe = load_recipe(name, ["data.hr=x"])
        assert recipe.adversarial is not None
        lengths[name] = recipe.adversarial.epochs
    assert lengths == {"coco-384": 31, "div2k-x2": 30, "mirflickr": 150}
    assert load_recipe("mirflickr", ["data.hr=x"]).samples.epochs == (5, 50, 150)
