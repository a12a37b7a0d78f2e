"""A folder of small pictures, small VGG weights and a recipe that trains in a second."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from skimage import data

from minutia.train.config import Recipe
from minutia.train.loop import train

# Small networks are slower on many threads than on one.
torch.set_num_threads(1)

RECIPE = {
    "name": "test",
    "network": {"kind": "minutianet", "scale": 2, "num_blocks": 1, "num_features": 8},
    "content": {
        "steps": 6,
        "batch_size": 2,
        "lr_crop": 16,
        "schedule": {"learning_rate": 1e-3, "warmup_steps": 2},
        "clip_norm": 1.0,
    },
    "adversarial": {
        "steps": 6,
        "batch_size": 2,
        "lr_crop": 16,
        "schedule": {"learning_rate": 1e-3},
        "discriminator": {"kind": "unet", "num_features": 4},
        "gan": {"weight": 0.1, "ramp_steps": 3},
        "checkerboard": 0.5,
        "flat": 0.7,
        "ldl": 1.0,
    },
    "every": {"log": 1, "validation": 3, "checkpoint": 2},
    "hardware": {"device": "cpu", "precision": "fp32"},
}


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pictures")
    astronaut = Image.fromarray(data.astronaut())
    for index in range(6):
        left, top = 60 * index, 50 * index
        astronaut.crop((left, top, left + 64 + 4 * index, top + 72)).save(folder / f"{index}.png")
    return folder


@pytest.fixture(scope="session")
def vgg_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Random weights of the first two convolutions alone."""
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("vgg") / "vgg.safetensors"
    shapes = {"features.0": (64, 3), "features.2": (64, 64)}
    weights = {}
    for name, (wide, narrow) in shapes.items():
        weights[f"{name}.weight"] = torch.randn(wide, narrow, 3, 3) * (2 / (9 * narrow)) ** 0.5
        weights[f"{name}.bias"] = torch.zeros(wide)
    save_file(weights, path)
    return path


def make_recipe(pictures: Path, vgg_weights: Path, run: Path) -> Recipe:
    perceptual = {"layers": {"conv1_2": 1.0}, "shift": 1, "weights": str(vgg_weights)}
    return Recipe.model_validate(
        RECIPE
        | {
            "run": str(run),
            "data": {"hr": str(pictures), "num_held_out": 2},
            "adversarial": RECIPE["adversarial"] | {"perceptual": perceptual},
        }
    )


@pytest.fixture
def recipe(pictures: Path, vgg_weights: Path, tmp_path: Path) -> Recipe:
    return make_recipe(pictures, vgg_weights, tmp_path / "run")


@pytest.fixture(scope="session")
def finished(pictures: Path, vgg_weights: Path, tmp_path_factory: pytest.TempPathFactory) -> Recipe:
    """The recipe of a run that was never interrupted."""
    recipe = make_recipe(pictures, vgg_weights, tmp_path_factory.mktemp("finished") / "run")
    assert train(recipe)
    return recipe
