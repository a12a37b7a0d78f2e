from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from minutia.errors import RecipeError
from minutia.train.config import Recipe
from minutia.train.loop import train
from minutia.train.pictures import find_training_pairs
from minutia.train.plan import Span, due, make_plan
from minutia.train.recipe import load_recipe
from minutia.train.rows import read_rows
from minutia.train.run import Listener, Outline

IN_EPOCHS = {"content": {"epochs": 2}, "adversarial": {"epochs": 3}, "samples": {"epochs": [2], "num_training": 1}}


def in_epochs(recipe: Recipe, **changes: object) -> Recipe:
    """The recipe with its four training pictures seen in epochs of two steps."""
    table = json.loads(recipe.model_dump_json(exclude_none=True))
    for section, keys in IN_EPOCHS.items():
        table.setdefault(section, {}).pop("steps", None)
        table[section] |= keys
    table["every"] = {"log": 100, "validation": 100, "checkpoint": 100} | changes
    return Recipe.model_validate(table)


def test_an_epoch_is_every_picture_once_in_whole_batches(recipe: Recipe) -> None:
    plan = make_plan(in_epochs(recipe), num_pictures=5)
    assert plan == {"content": Span(6, 3), "adversarial": Span(9, 3)}
    assert [plan["content"].epoch(done) for done in range(1, 7)] == [1, 1, 1, 2, 2, 2]
    assert [plan["content"].finished_epoch(done) for done in range(1, 7)] == [None, None, 1, None, None, 2]
    assert make_plan(recipe, num_pictures=5)["content"] == Span(6)
    assert Span(6).epoch(3) is None
    assert Span(6).finished_epoch(6) is None


def test_length_is_steps_or_epochs(recipe: Recipe) -> None:
    sets = ["data.hr=x"]
    assert load_recipe("tiny", [*sets, "content.epochs=3"]).content.steps is None
    assert load_recipe("mirflickr", [*sets, "adversarial.steps=3"]).adversarial.epochs is None
    table = json.loads(recipe.model_dump_json(exclude_none=True))
    for lengths in ({"steps": 1, "epochs": 1}, {}):
        changed = {key: value for key, value in table["content"].items() if key != "steps"} | lengths
        with pytest.raises(ValueError, match="give either steps or epochs"):
            Recipe.model_validate(table | {"content": changed})


def test_a_file_that_gives_both_lengths_is_refused_with_the_key(tmp_path: Path) -> None:
    path = tmp_path / "both.toml"
    path.write_text('name = "a"\nnetwork.kind = "srresnet"\ndata.hr = "x"\n[content]\nsteps = 1\nepochs = 1\n')
    with pytest.raises(RecipeError, match="recipe's content is not valid: give either steps or epochs"):
        load_recipe(path)


def test_plain_options_take_the_place_of_keys(tmp_path: Path) -> None:
    recipe = load_recipe("mirflickr", hr=Path("high"), lr=Path("low"), epochs=7)
    assert (recipe.data.hr, recipe.data.lr) == ((Path("high"),), (Path("low"),))
    assert recipe.adversarial is not None
    assert (recipe.adversarial.epochs, recipe.content.epochs) == (7, 10)
    assert load_recipe("tiny", hr=Path("high"), epochs=7).adversarial.steps is None
    path = tmp_path / "content.toml"
    path.write_text('name = "a"\nnetwork.kind = "srresnet"\n[content]\nsteps = 1\n')
    assert load_recipe(path, hr=Path("high"), epochs=7).content.epochs == 7


def test_several_folders_are_one_training_set(recipe: Recipe, pictures: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    shutil.copy(min(pictures.iterdir()), other / "first.png")
    data = load_recipe("tiny", hr=[pictures, other]).data
    found = [files.hr for files in find_training_pairs(data, 4)]
    assert found == [*sorted(pictures.iterdir()), other / "first.png"]
    again = load_recipe("tiny", [f'data.hr=["{pictures}", "{other}"]']).data
    assert again == data
    assert load_recipe("tiny", [f"data.hr={other}"]).data.hr == (other,)
    with pytest.raises(RecipeError, match="hr names 2 folders and lr 1; lr needs one folder for each of hr"):
        load_recipe("tiny", hr=[pictures, other], lr=other)
    with pytest.raises(RecipeError, match=r"data\.hr"):
        load_recipe("tiny", ["data.hr=[]"])


def test_validation_is_due_after_chosen_epochs_or_steps(recipe: Recipe) -> None:
    span = Span(12, 2)

    def validated(recipe: Recipe, span: Span) -> list[int]:
        return [done for done in range(1, 13) if due(recipe, span, done, stopped=False).validation]

    assert validated(in_epochs(recipe), span) == [4, 12]
    assert validated(in_epochs(recipe, validation_epochs=3, validation=1), span) == [4, 6, 12]
    assert validated(in_epochs(recipe, validation=5), span) == [4, 5, 10, 12]
    assert validated(in_epochs(recipe, validation_epochs=3, validation=5), Span(12)) == [5, 10, 12]
    assert [done for done in range(1, 13) if due(in_epochs(recipe), span, done, stopped=False).row] == [
        2,
        4,
        6,
        8,
        10,
        12,
    ]


def test_a_run_in_epochs_tells_them_and_resumes_bit_for_bit(recipe: Recipe, tmp_path: Path) -> None:
    whole = in_epochs(recipe)
    cut = whole.model_copy(update={"run": tmp_path / "cut"})
    outlines: list[Outline] = []
    assert train(whole, listener=Listener(outline=outlines.append))
    assert outlines[0].plan == {"content": Span(4, 2), "adversarial": Span(6, 2)}
    assert (outlines[0].num_training, outlines[0].num_held_out) == (4, 2)
    rows = read_rows(whole.folder / "log.jsonl")
    steps = [(row["phase"], row["step"], row["epoch"]) for row in rows if "psnr" not in row]
    assert steps == [
        *(("content", 2, 1), ("content", 4, 2)),
        *(("adversarial", 2, 1), ("adversarial", 4, 2), ("adversarial", 6, 3)),
    ]
    assert all("training_psnr" in row for row in rows if "psnr" in row)
    names = {path.name for path in (whole.folder / "samples").iterdir()}
    assert {"adversarial-epoch-0002.png", "adversarial-epoch-0003-training.png"} <= names
    seen = iter(range(1, 100))
    assert not train(cut, should_stop=lambda: next(seen) >= 7)
    assert train(cut, resume=True)
    one, other = (load_file(run.folder / "last.safetensors") for run in (whole, cut))
    assert all(torch.equal(one[key], other[key]) for key in one)


def test_without_a_content_phase_the_game_starts_from_a_fresh_network(recipe: Recipe) -> None:
    assert train(recipe.model_copy(update={"content": recipe.content.model_copy(update={"steps": 0})}))
    assert not (recipe.folder / "weights/content-best.safetensors").exists()
    assert (recipe.folder / "weights/adversarial-best.safetensors").exists()
