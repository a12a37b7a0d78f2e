"""`minutia recipes`."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from minutia.cli import app
from minutia.errors import RecipeError
from minutia.nets.generators import SPECS
from minutia.train.keys import recipe_keys
from minutia.train.recipe import bundled_recipes, load_recipe

PAGE = (Path(__file__).parents[2] / "docs" / "recipes.md").read_text(encoding="utf-8")


def printed(*words: str, columns: int = 80) -> str:
    done = CliRunner().invoke(app, ["recipes", *words], env={"COLUMNS": str(columns)}, catch_exceptions=False)
    assert done.exit_code == 0
    return done.output


@pytest.mark.parametrize("words", [("--markdown",), ("--keys", "--markdown")])
def test_the_tables_of_the_page_are_printed(words: tuple[str, ...]) -> None:
    between = PAGE.split(f"<!-- minutia recipes {' '.join(words)} -->\n")[1].split("<!-- end -->")[0]
    assert between == printed(*words)


def test_all_are_listed_whole() -> None:
    lines = printed().splitlines()
    assert {line.split(" ")[0] for line in lines} - {""} == set(bundled_recipes())
    assert max(map(len, lines)) <= 80
    assert "adversarial 800 steps of 8 crops of 32x32" in " ".join(printed(columns=200).split())


def test_one_is_printed_as_it_is() -> None:
    assert printed("minutia-x4") == bundled_recipes()["minutia-x4"].read_text(encoding="utf-8")


def test_a_list_and_a_recipe_are_not_printed_at_once() -> None:
    done = CliRunner().invoke(app, ["recipes", "tiny", "--keys"])
    assert done.exit_code == 2
    assert "leave out --keys" in done.output


def test_an_unknown_one_is_one_sentence() -> None:
    with pytest.raises(RecipeError, match="no bundled recipe 'fog'; known are coco-384"):
        printed("fog")


@pytest.mark.parametrize("kind", SPECS)
def test_every_key_of_a_recipe_has_its_row(tmp_path: Path, kind: str) -> None:
    listed = {name for names in recipe_keys() for name in names}
    recipe = load_recipe("minutia-x4", [f'network={{kind = "{kind}"}}'], hr=tmp_path)
    assert set(_leaves(recipe.model_dump(mode="json"))) <= listed


def test_defaults_and_choices_are_those_of_the_tables() -> None:
    rows = {name: key for names, key in recipe_keys().items() for name in names}
    assert rows["data.hr"].default == "required"
    assert rows["adversarial.perceptual.rescale"].default == '"magnitude"'
    assert rows["content.schedule.kind"].choices == ('"constant"', '"cosine"', '"multistep"')
    assert rows["network.num_growth"].words.startswith("rrdb: ")
    assert "23 (rrdb)" in rows["network.num_blocks"].default
    assert ("content.lr_crop", "adversarial.lr_crop") in recipe_keys()


def _leaves(table: dict, prefix: str = "") -> list[str]:
    found = []
    for name, value in table.items():
        is_table = isinstance(value, dict) and name != "layers"
        found += _leaves(value, f"{prefix}{name}.") if is_table else [prefix + name]
    return found
