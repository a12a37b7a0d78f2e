"""Measurements from file to file: trained on, exported, measured and enlarged, with nothing rounded to 8 bits."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image
from typer.testing import CliRunner

from minutia.cli import app
from minutia.errors import DataError, MinutiaError, ModelError, PictureError, RecipeError
from minutia.export import export
from minutia.image.io import read
from minutia.image.resize import downscale, upscale_bicubic
from minutia.metrics.fidelity import BAND_CONVENTION
from minutia.nets.weights import load_weights
from minutia.train.config import Recipe
from minutia.train.loop import train
from minutia.train.preview import draw_preview
from minutia.train.recipe import dump_recipe, load_recipe
from minutia.upscaler import Upscaler
from minutia.zoo.catalog import find_model

RECIPE = """
name = "bands"
network = { kind = "minutianet", scale = 2, channels = 4, num_blocks = 1, num_features = 8 }
data = { num_held_out = 2, normalisation = { percentiles = [0.1, 99.9] } }
hardware = { device = "cpu", precision = "fp32" }
samples = { bands = [2, 1, 0], num_training = 1 }

[content]
steps = 2
batch_size = 2
lr_crop = 16

[adversarial]
steps = 2
batch_size = 2
lr_crop = 16
discriminator = { kind = "unet", num_features = 4 }
perceptual = { bands = [3, 2, 1], layers = { conv1_2 = 1.0 } }
"""

ONE_BAND = [
    "network.channels=1",
    "samples.bands=[0]",
    "adversarial.perceptual.bands=[0, 0, 0]",
    "data.normalisation={low = [270.0], high = [310.0]}",
]


def scene(index: int, bands: int, height: int = 68, width: int = 76) -> np.ndarray:
    """(H, W, bands) in about [0, 1], smooth with an edge, every band another."""
    rows, columns = np.mgrid[:height, :width] / 40
    planes = [
        0.5 + 0.3 * np.sin(rows * (1 + band) + index) * np.cos(columns) + 0.2 * (columns > 0.8 + 0.1 * band)
        for band in range(bands)
    ]
    return np.stack(planes, axis=2)


def satellite(index: int) -> np.ndarray:
    """(H, W, 4) uint16: reflectances in the low part of the range, as satellites give them, each band in its own."""
    return (scene(index, 4) * [400, 900, 1500, 4000] + [100, 200, 300, 400]).astype(np.uint16)


def thermal(index: int) -> np.ndarray:
    """(H, W, 1) float32 in kelvin."""
    return (scene(index, 1) * 30 + 275).astype(np.float32)


def save(pixels: np.ndarray, path: Path, **options: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    settings = {"photometric": "minisblack", "planarconfig": "contig", "metadata": None} | options
    if pixels.shape[2] == 1:
        pixels, settings["planarconfig"] = pixels[:, :, 0], None
    tifffile.imwrite(path, pixels, **settings)
    return path


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bands")
    for index in range(4):
        save(satellite(index), folder / "satellite" / f"{index}.tif")
        save(thermal(index), folder / "thermal" / f"{index}.tif")
    (folder / "recipe.toml").write_text(RECIPE, encoding="utf-8")
    return folder


def test_a_preview_shows_bands_as_the_network_sees_them(place: Path, vgg_weights: Path, tmp_path: Path) -> None:
    for kind, colours in (("satellite", 3), ("thermal", 1)):
        sheet = tmp_path / f"{kind}.png"
        recipe = load_recipe(place / "recipe.toml", overrides(place, vgg_weights, kind), hr=place / kind)
        draw_preview(recipe, sheet, 2)
        panel = np.asarray(Image.open(sheet))[40:280, 20:260]
        assert np.ptp(panel.astype(int), axis=2).max() > 40 if colours == 3 else np.ptp(panel, axis=2).max() == 0
        assert np.ptp(panel) > 50


def overrides(place: Path, vgg_weights: Path, kind: str) -> list[str]:
    return [f"run={place / f'{kind}-run'}", f"adversarial.perceptual.weights={vgg_weights}"] + (
        ONE_BAND if kind == "thermal" else []
    )


@pytest.fixture(scope="module", params=["satellite", "thermal"])
def kind(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module")
def model(place: Path, vgg_weights: Path, kind: str) -> Path:
    """Trained for two steps of each phase, and exported."""
    recipe = load_recipe(place / "recipe.toml", overrides(place, vgg_weights, kind), hr=place / kind)
    assert train(recipe)
    export(recipe.folder, place / f"{kind}-model")
    return place / f"{kind}-model"


def test_a_model_of_bands_enlarges_files_as_it_was_trained(place: Path, model: Path, kind: str) -> None:
    source, out = place / kind / "0.tif", place / kind / "out" / "large.tif"
    options = ["-m", str(model), "-o", str(out), "--device", "cpu", "--precision", "fp32", "--no-color-lock"]
    result = CliRunner().invoke(app, ["upscale", str(source), *options])
    assert result.exit_code == 0, result.output
    before, after = read(source).pixels, read(out).pixels
    assert after.dtype == before.dtype == (np.uint16 if kind == "satellite" else np.float32)
    assert after.shape == (2 * before.shape[0], 2 * before.shape[1], before.shape[2])
    by = find_model(model).normalisation
    low, high = np.array(by.low), np.array(by.high)
    x = ((before - low) / (high - low)).transpose(2, 0, 1)[None].astype(np.float32)
    y = Upscaler(model, device="cpu", precision="fp32").engine.run(x)[0].transpose(1, 2, 0)
    expected = y * (high - low) + low
    assert np.abs(after - np.clip(expected, 0, None)).max() < (0.51 if kind == "satellite" else 1e-3)


def test_tiled_is_equal_to_whole_and_arrays_come_back_as_they_went(place: Path, model: Path, kind: str) -> None:
    pixels = read(place / kind / "1.tif").pixels
    whole, tiled = (
        Upscaler(model, device="cpu", precision="fp32", tile=tile, color_lock=False).upscale(pixels) for tile in (0, 20)
    )
    assert whole.dtype == pixels.dtype
    step = 1 if kind == "satellite" else 1e-3
    assert np.abs(whole.astype(float) - tiled).max() <= step
    if kind == "thermal":
        flat = Upscaler(model, device="cpu", precision="fp32", color_lock=False).upscale(pixels[:, :, 0])
        assert flat.shape == whole.shape[:2]


def test_a_stream_is_known_for_bands_and_what_is_computed_is_exact(place: Path, model: Path, kind: str) -> None:
    assert Upscaler(model, device="cpu").description.endswith("fp32")
    command = [sys.executable, "-m", "minutia", "upscale", "-", "-m", str(model), "--device", "cpu"]
    source = place / kind / "0.tif"
    done = subprocess.run(command, input=source.read_bytes(), capture_output=True, check=True)
    (place / "stream.tif").write_bytes(done.stdout)
    assert np.array_equal(read(place / "stream.tif").pixels, Upscaler(model, device="cpu").upscale(read(source).pixels))


def test_values_beyond_the_normalisation_are_not_clipped(place: Path, model: Path, kind: str) -> None:
    pixels = read(place / kind / "1.tif").pixels
    bright = (pixels * (4 if kind == "satellite" else 2)).astype(pixels.dtype)
    large = Upscaler(model, device="cpu").upscale(bright)
    assert np.abs(large.mean(axis=(0, 1)) / bright.mean(axis=(0, 1)) - 1).max() < 0.02


def test_the_card_and_the_run_folder_hold_the_numbers(place: Path, model: Path, kind: str) -> None:
    card, run = find_model(model), place / f"{kind}-run"
    kept = tomllib.loads((run / "recipe.toml").read_text(encoding="utf-8"))["data"]["normalisation"]
    assert card.normalisation == load_weights(run / "weights" / "content-best.safetensors").normalisation
    assert (card.normalisation.low, card.normalisation.high) == (tuple(kept["low"]), tuple(kept["high"]))
    if kind == "satellite":
        recipe = load_recipe(run / "recipe.toml")
        held_out = {0, 2}
        seen = np.concatenate([satellite(index).reshape(-1, 4) for index in range(4) if index not in held_out])
        assert recipe.data.num_held_out == len(held_out)
        assert np.allclose((kept["low"], kept["high"]), np.percentile(seen, [0.1, 99.9], axis=0))
    with Image.open(run / "samples" / "crops" / "original-0.png") as crop:
        assert crop.mode == "RGB"
    report = (run / "report.html").read_text(encoding="utf-8")
    assert BAND_CONVENTION in report
    assert "PSNR-Y" not in report


def test_models_of_bands_are_measured_on_all_of_them(place: Path, model: Path, kind: str) -> None:
    command = ["evaluate", str(model), "--data", str(place / kind), "--device", "cpu"]
    result = CliRunner().invoke(app, [*command, "--json", str(place / f"{kind}.json"), "--write-card"])
    assert result.exit_code == 0, result.output
    bicubic, ours = json.loads((place / f"{kind}.json").read_text(encoding="utf-8"))
    hr, by = (satellite if kind == "satellite" else thermal)(0), find_model(model).normalisation
    larger = upscale_bicubic(downscale(hr, 2), 2)
    x, y = (
        np.clip((each - np.array(by.low)) / (np.array(by.high) - by.low), 0, 1)[2:-2, 2:-2] for each in (larger, hr)
    )
    assert bicubic["pictures"]["0.tif"]["psnr"] == pytest.approx(-10 * np.log10(((x - y) ** 2).mean()), abs=1e-3)
    assert set(ours["conventions"].values()) == {BAND_CONVENTION}
    (figure,) = find_model(model).figures
    assert (figure.convention, figure.psnr) == (BAND_CONVENTION, pytest.approx(ours["psnr"], abs=1e-3))
    refused = CliRunner().invoke(app, [*command, "--niqe"])
    assert str(refused.exception).startswith("NIQE, checkerboard, VGG and LPIPS measure photographs")


def test_what_the_model_does_not_take_is_refused(place: Path, model: Path, kind: str, photo: np.ndarray) -> None:
    upscaler = Upscaler(model, device="cpu")
    takes = "4 bands" if kind == "satellite" else "one band"
    with pytest.raises(PictureError, match=rf"has three bands \(RGB\), but the model takes {takes}; choose"):
        upscaler.upscale(photo)
    Image.fromarray(photo).save(place / "photo.png")
    result = CliRunner().invoke(app, ["upscale", str(place / "photo.png"), "-m", str(model)])
    assert f"{place / 'photo.png'}: The picture has three bands" in result.output.replace("\n", "")
    source = place / kind / "0.tif"
    result = CliRunner().invoke(app, ["upscale", str(source), "-m", str(model), "-f", "png"])
    assert "which PNG cannot; add --format tiff" in " ".join(result.output.split())
    with pytest.raises(PictureError, match=r"A Pillow image cannot hold .*; give an array"):
        upscaler.upscale(source)


def test_a_run_that_is_resumed_keeps_its_numbers(place: Path, vgg_weights: Path, tmp_path: Path) -> None:
    keys = [*overrides(place, vgg_weights, "satellite"), f"run={tmp_path / 'run'}"]
    recipe = load_recipe(place / "recipe.toml", keys, hr=place / "satellite")
    assert not train(recipe, should_stop=lambda: True)
    table = tomllib.loads((tmp_path / "run" / "recipe.toml").read_text(encoding="utf-8"))
    table["data"]["normalisation"]["high"] = [1000.0, 2000.0, 3000.0, 9000.0]  # As if of pictures that have changed.
    changed = dump_recipe(Recipe.model_validate(table))
    (tmp_path / "run" / "recipe.toml").write_text(changed, encoding="utf-8")
    assert train(recipe, resume=True)
    assert (tmp_path / "run" / "recipe.toml").read_text(encoding="utf-8") == changed
    found = load_weights(tmp_path / "run" / "weights" / "adversarial-last.safetensors").normalisation
    assert found.high == (1000, 2000, 3000, 9000)


@pytest.mark.parametrize(
    ("keys", "sentence"),
    [
        (
            ["adversarial.perceptual.bands=[0, 1, 4]"],
            "perceptual.bands names band 4, but the network has 4 bands, counted",
        ),
        (["adversarial.perceptual.bands=[0, 1]"], "adversarial.perceptual.bands must name 3 bands, not 2"),
        (["samples.bands=[0, 1]"], "The recipe is not valid: samples.bands must name 1 or 3 bands, not 2"),
        (["data.normalisation={low = [0], high = [1]}"], "normalisation.low has 1 numbers for a network of 4 bands"),
        (
            ["data.normalisation={low = [0]}"],
            "recipe's data.normalisation is not valid: give both low and high, or neither",
        ),
        (["data.normalisation={}"], "give low and high, or percentiles"),
        (["data.normalisation.percentiles=[99, 1]"], "99 is not below 1"),
        (["data.normalisation={low = [0, 0, 5, 0], high = [1, 1, 5, 1]}"], "5 is not below 5"),
        (["data.normalisation.lows=[1]"], r"unknown key data\.normalisation\.lows; known here are high, low, percent"),
    ],
)
def test_recipes_that_cannot_be_meant(place: Path, keys: list[str], sentence: str) -> None:
    with pytest.raises(RecipeError, match=sentence):
        load_recipe(place / "recipe.toml", keys, hr=place)


def test_pictures_that_do_not_fit_are_named(place: Path, vgg_weights: Path, tmp_path: Path) -> None:
    def refused(kind: str, *keys: str) -> str:
        run = [*overrides(place, vgg_weights, kind), f"run={tmp_path / 'run'}", "adversarial.steps=0", *keys]
        with pytest.raises(MinutiaError) as caught:
            train(load_recipe(place / "recipe.toml", run, hr=folder))
        assert not (tmp_path / "run").exists()
        return str(caught.value)

    folder = tmp_path / "pictures"
    folder.mkdir()
    for index in range(3):
        save(satellite(index), folder / f"{index}.tif")
    assert ".tif has 4 bands, but the network takes one band" in refused("thermal")
    for index in range(3):
        save(thermal(index), folder / f"{index}.tif")
    assert ".tif has one band, but the network takes 4 bands" in refused("satellite")
    table = RECIPE.replace(", normalisation = { percentiles = [0.1, 99.9] }", "")
    (tmp_path / "plain.toml").write_text(table, encoding="utf-8")
    keys = [f"run={tmp_path / 'run'}", "adversarial.steps=0", *ONE_BAND[:3]]
    with pytest.raises(DataError, match=r"\d\.tif holds values of float32; set data\.normalisation"):
        train(load_recipe(tmp_path / "plain.toml", keys, hr=folder))
    for index in range(3):
        save(np.full((68, 76, 1), 5, np.float32), folder / f"{index}.tif")
    words = refused("thermal", "data.normalisation={percentiles = [0.1, 99.9]}")
    assert "Band 0 of the training pictures is 5 at both percentiles; write its numbers" in words


def test_the_recipe_of_the_manual_trains_and_its_example_runs(
    place: Path, vgg_weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = (Path(__file__).parents[2] / "docs" / "bands.md").read_text(encoding="utf-8")
    (recipe,), (example,) = (re.findall(rf"```{kind}\n(.*?)```", text, re.DOTALL) for kind in ("toml", "python"))
    monkeypatch.chdir(tmp_path)
    Path("satellite.toml").write_text(recipe, encoding="utf-8")
    quick = [
        f"{phase}.{key}" for phase in ("content", "adversarial") for key in ("steps=2", "batch_size=1", "lr_crop=16")
    ]
    quick += ["adversarial.perceptual.layers={conv1_2 = 1.0}", f"adversarial.perceptual.weights={vgg_weights}"]
    loaded = load_recipe(
        "satellite.toml", [*quick, "data.num_held_out=1", "network.num_blocks=1"], hr=place / "satellite"
    )
    assert train(loaded)
    export(loaded.folder, Path("my-satellite"))
    names = {"array": satellite(0)}
    exec(example, names)  # noqa: S102 (our own manual)
    assert names["large"].dtype == np.uint16
    assert names["large"].shape == (136, 152, 4)


def test_models_of_other_normalisations_are_not_set_side_by_side(place: Path, model: Path, tiny_model: Path) -> None:
    result = CliRunner().invoke(app, ["evaluate", str(model), str(tiny_model), "--data", str(place)])
    assert isinstance(result.exception, (DataError, ModelError))
    assert "evaluate them separately" in str(result.exception)
