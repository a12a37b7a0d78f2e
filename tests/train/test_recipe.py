from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from minutia.errors import RecipeError
from minutia.train.recipe import bundled_recipes, dump_recipe, load_recipe

SMALL = 'name = "a"\n[network]\nkind = "srresnet"\n[data]\nhr = "pictures"\n[content]\nsteps = 5\n'


@pytest.fixture
def small(tmp_path: Path) -> Path:
    path = tmp_path / "small.toml"
    path.write_text(SMALL, encoding="utf-8")
    return path


@pytest.mark.parametrize("name", bundled_recipes())
def test_bundled_recipe_parses_once_it_has_pictures(name: str) -> None:
    assert load_recipe(name, ["data.hr=pictures"]).name == name
    with pytest.raises(RecipeError, match=r"lacks data\.hr; .* add --hr FOLDER"):
        load_recipe(name)


def test_neighbourhoods_need_crops_larger_than_they_are(small: Path) -> None:
    game = "adversarial={steps = 1, lr_crop = 1, flat = 1, perceptual = {layers = {conv1_2 = 1}}}"
    with pytest.raises(RecipeError, match="flat and ldl need crops of more than 3 pixels"):
        load_recipe(small, ["network.scale=2", game])


def test_no_norm_is_too_large_for_inf(small: Path, tmp_path: Path) -> None:
    recipe = load_recipe(small, ["content.clip_norm=inf"])
    assert recipe.content.clip_norm is None
    (tmp_path / "a.toml").write_text(dump_recipe(recipe), encoding="utf-8")
    assert load_recipe(tmp_path / "a.toml") == recipe


def test_overrides_are_toml_or_text(small: Path) -> None:
    changes = ["content.steps=7", "content.schedule.learning_rate=1e-3", "data.lr=other/pictures", "seed = 3"]
    recipe = load_recipe(small, changes, hr=Path("high"))
    assert recipe.content.steps == 7
    assert recipe.content.schedule.learning_rate == 1e-3
    assert recipe.data.lr == (Path("other/pictures"),)
    assert recipe.seed == 3


@pytest.mark.parametrize(
    ("override", "sentence"),
    [
        ("content.stepps=7", r"unknown key content\.stepps; known here are batch_size, best, betas"),
        ("network.width=7", r"unknown key network\.width; known here are activation, channels"),
        ("colour=7", r"unknown key colour; known here are adversarial, content, data"),
        ("adversarial.discriminator.depth=1", r"unknown key adversarial\.discriminator\.depth; .*num_dense"),
        (
            "adversarial={steps = 1, lr_crop = 7, perceptual = {shift = 13}}",
            r"crops of 28 pixels, less 13 of .*shift, are too small for VGG19, .* a stride of 16",
        ),
        (
            "adversarial={steps = 1, lr_crop = 7, discriminator = {kind = 'unet'}}",
            r"crops of 28 pixels, but the U-Net needs multiples of 8",
        ),
        (
            "adversarial={steps = 1, lr_crop = 2}",
            r"crops of 8 pixels are too small for VGG19, whose chosen layers have a stride of 16",
        ),
        (
            "adversarial={steps = 1, lr_crop = 4, batch_size = 1, perceptual = {layers = {conv1_2 = 1}}}",
            r"reduces crops of 16 pixels to one position, .* set adversarial.batch_size to 2 or more",
        ),
        (
            "adversarial.discriminator.num_features=0",
            r"discriminator.* is not valid: num_features must be a whole number",
        ),
        ("content=3", r"content = 3 is not valid: it must be a table of keys"),
        ("content.schedule.learning_rate=inf", r"learning_rate = inf is not valid: Input should be a finite number"),
        ("seed=20260315123456789012", r"seed = .* is not valid"),
        ("adversarial={steps = 1, perceptual = {layers = {}}}", r"perceptual\.layers = {} is not valid"),
        ("content.betas=[0.9]", r"lacks content\.betas\.1"),
        ("network.kind=[]", r"network"),
        ("network.kind=resnet", r"network\.kind = 'resnet' is not valid: it must be one of 'srresnet', 'rrdb'"),
        ("network={num_blocks = 3}", r"lacks network\.kind; .*--set network\.kind=VALUE"),
        ("validation.lr=x", r"validation is not valid: lr holds the low-resolution pictures"),
        ("network.scale=5", r"network\.scale = 5 is not valid"),
        ("network.num_blocks=0", r"network is not valid: The network srresnet cannot have num_blocks = 0"),
        ("content.steps=-1", r"content\.steps = -1 is not valid"),
        ("content.steps", r"has no value"),
        ("data.hr=2024", r"data\.hr\.0 is not valid: 2024 is not a path; for a file of that name write \./2024"),
        ("data.hr=B\udcfccher", r"data\.hr\.0 is not valid: '.*' is not UTF-8, .*; rename it"),
        ("run=~nobody-is-called-so/x", r"run is not valid: ~nobody-is-called-so/x: "),
        ("data.hr=", r"data\.hr\.0 is not valid: the path is empty"),
        ("name=..", r"name = '\.\.' is not valid"),
        ("name.first=1", r"name is a value and has no keys"),
    ],
)
def test_wrong_keys_and_values_are_named(small: Path, override: str, sentence: str) -> None:
    overrides = [override]
    if override.startswith("adversarial."):
        overrides += ["adversarial.steps=1", "adversarial.discriminator.kind=srgan"]
    with pytest.raises(RecipeError, match=sentence):
        load_recipe(small, overrides)


def test_a_tilde_is_the_users_folder(small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    keys = ["run=~/runs/x", "validation.hr=~/b", "content.init=~/c.safetensors"]
    recipe = load_recipe(small, [*keys, "data.lr=./2024"], hr=Path("~/pictures"))
    assert recipe.folder == tmp_path / "runs" / "x"
    assert recipe.data.hr == (tmp_path / "pictures",)
    assert recipe.data.lr == (Path("2024"),)
    assert recipe.validation.hr == tmp_path / "b"
    assert recipe.content.init == tmp_path / "c.safetensors"


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_recipes_may_be_saved_as_windows_does(small: Path, encoding: str) -> None:
    plain = load_recipe(small)
    small.write_bytes(SMALL.replace("\n", "\r\n").encode(encoding))
    assert load_recipe(small) == plain


@pytest.mark.parametrize(
    ("steps", "key"), [("steps=9", "adversarial"), ("epochs=9", "adversarial"), ("steps=0", "content")]
)
def test_epochs_are_of_the_last_phase_that_has_something_to_do(small: Path, steps: str, key: str) -> None:
    recipe = load_recipe(small, [f"adversarial.{steps}"], epochs=3)
    epochs = {name: phase.epochs for name, phase in recipe.phases.items() if phase.epochs}
    assert epochs == {key: 3}
    assert "adversarial" in recipe.phases or steps == "steps=0"


def test_missing_and_broken_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="bundled recipes are coco-384, div2k"):
        load_recipe("nonexistent")
    broken = tmp_path / "broken.toml"
    broken.write_text("name = ", encoding="utf-8")
    with pytest.raises(RecipeError, match="not valid TOML"):
        load_recipe(broken)


def test_dumped_recipe_is_the_same_recipe(small: Path) -> None:
    recipe = load_recipe(small, ["adversarial.steps=3", "adversarial.discriminator.kind=unet"])
    again = small.with_name("again.toml")
    again.write_text(dump_recipe(recipe), encoding="utf-8")
    assert load_recipe(again) == recipe
    assert tomllib.loads(dump_recipe(recipe))["content"]["schedule"]["kind"] == "cosine"
