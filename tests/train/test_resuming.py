"""A run that goes on by other settings than it had does what whoever set them means."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
from safetensors import safe_open

from minutia.errors import TrainingError
from minutia.train import record
from minutia.train.checkpoint import read_place
from minutia.train.config import Recipe
from minutia.train.loop import train
from minutia.train.phases import ContentPhase
from minutia.train.rows import Row, read_rows
from minutia.train.run import Listener


def changed(recipe: Recipe, **phases: dict[str, object]) -> Recipe:
    table = json.loads(recipe.model_dump_json(exclude_none=True))
    for name, keys in phases.items():
        table[name] |= keys
    return Recipe.model_validate(table)


def stop_after(recipe: Recipe, count: int, *, resume: bool | None = None) -> None:
    seen = iter(range(1, 100))
    assert not train(recipe, resume=resume, should_stop=lambda: next(seen) >= count)


def facts_of(path: Path) -> dict[str, Any]:
    with safe_open(path, framework="pt") as file:
        return json.loads(file.metadata()["training"])


@pytest.fixture
def harder(recipe: Recipe, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Recipe:
    """The same run, measured on pictures on which every figure is far lower."""
    validate = record.validate

    def score(network: Any, pairs: Any, *arguments: Any, **options: Any) -> Any:
        found = validate(network, pairs, *arguments, **options)
        return replace(found, psnr=found.psnr - 15) if len(pairs) == 3 else found

    monkeypatch.setattr(record, "validate", score)
    folder = tmp_path / "other"
    folder.mkdir()
    for path in sorted(recipe.data.hr[0].iterdir())[:3]:
        (folder / path.name).write_bytes(path.read_bytes())
    return changed(recipe, validation={"hr": str(folder)})


def test_figures_by_another_yardstick_are_no_breakdown(recipe: Recipe, harder: Recipe) -> None:
    stop_after(recipe, 4)
    assert read_place(recipe.folder / "last.safetensors").best is not None
    assert train(harder, resume=True)
    rows = [row for row in read_rows(recipe.folder / "log.jsonl") if row["phase"] == "content" and "psnr" in row]
    assert float(rows[1]["psnr"]) < float(rows[0]["psnr"]) - 10
    assert facts_of(recipe.folder / "weights" / "content-best.safetensors")["content_steps"] == 6


def test_what_other_settings_mean_is_kept_should_the_run_die(recipe: Recipe, monkeypatch: pytest.MonkeyPatch) -> None:
    stop_after(recipe, 4)
    by_ssim = changed(recipe, content={"best": "ssim"})
    with monkeypatch.context() as patched:
        patched.setattr(ContentPhase, "step", Mock(side_effect=KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            train(by_ssim, resume=True)
    place = read_place(recipe.folder / "last.safetensors")
    assert (place.step, place.best, place.since) == (4, None, 4)
    assert train(by_ssim, resume=True)


def test_another_yardstick_and_an_end_at_once(recipe: Recipe) -> None:
    stop_after(recipe, 4)
    assert train(changed(recipe, content={"best": "ssim", "steps": 4}), resume=True)


def test_that_a_run_goes_on_by_another_recipe_is_said_once(recipe: Recipe, caplog: pytest.LogCaptureFixture) -> None:
    stop_after(recipe, 2)
    stop_after(changed(recipe, content={"best": "ssim"}), 1, resume=True)
    assert caplog.messages == ["The run continues with changed settings: content.best."]
    caplog.clear()
    (recipe.folder / "recipe.toml").write_text("name = 'of another version'")
    stop_after(recipe, 1, resume=True)
    (message,) = caplog.messages
    assert message.startswith("The run's recipe cannot be read any more")


@pytest.mark.parametrize("adversarial", [True, False])
def test_a_phase_that_is_made_shorter_ends_with_figures(recipe: Recipe, adversarial: bool) -> None:
    if not adversarial:
        recipe = recipe.model_copy(update={"adversarial": None})
    recipe = changed(recipe, every={"log": 1, "validation": 100, "checkpoint": 1})
    stop_after(recipe, 2)
    assert not (recipe.folder / "weights" / "content-best.safetensors").exists()
    shorter = changed(recipe, content={"steps": 2})
    assert train(shorter, resume=True)
    assert facts_of(recipe.folder / "weights" / "content-best.safetensors")["content_steps"] == 2
    rows = [(row["phase"], row["step"]) for row in read_rows(recipe.folder / "log.jsonl") if "psnr" in row]
    assert rows == [("content", 2), *([("adversarial", 6)] if adversarial else [])]
    assert train(shorter, resume=True)
    assert [(row["phase"], row["step"]) for row in read_rows(recipe.folder / "log.jsonl") if "psnr" in row] == rows


def test_a_phase_that_is_over_gets_no_more_steps(recipe: Recipe) -> None:
    stop_after(recipe, 8)
    with pytest.raises(TrainingError, match="ended after 6 steps; for more steps start another run"):
        train(changed(recipe, content={"steps": 9}), resume=True)
    any_length = recipe.model_copy(update={"content": recipe.content.model_copy(update={"steps": None})})
    with pytest.raises(TrainingError, match="ended after 6 steps"):
        train(changed(any_length, content={"epochs": 9}), resume=True)
    assert train(changed(recipe, content={"steps": 3}), resume=True)
    assert facts_of(recipe.folder / "weights" / "adversarial-best.safetensors")["content_steps"] == 6


@pytest.mark.parametrize("name", ["README.txt", "recipe.toml", "versions.txt"])
def test_files_that_are_not_of_a_run_are_not_replaced(recipe: Recipe, name: str) -> None:
    recipe.folder.mkdir()
    (recipe.folder / name).write_text("precious")
    with pytest.raises(
        TrainingError, match=f"{name} does not belong to a run and would be replaced; .* --set run=FOLDER"
    ):
        train(recipe)
    assert [(path.name, path.read_text()) for path in recipe.folder.iterdir()] == [(name, "precious")]


def test_rows_of_a_phase_that_is_no_more_are_dropped(recipe: Recipe) -> None:
    recipe = changed(recipe, every={"log": 1, "validation": 6, "checkpoint": 6})

    def die(row: Row) -> None:
        if (row["phase"], row["step"]) == ("adversarial", 2):
            raise MemoryError

    with pytest.raises(MemoryError):
        train(recipe, listener=Listener(row=die))
    assert train(changed(recipe, adversarial={"steps": 0}), resume=True)
    assert {row["phase"] for row in read_rows(recipe.folder / "log.jsonl")} == {"content"}


def test_rates_that_are_set_anew_are_what_they_say(recipe: Recipe, caplog: pytest.LogCaptureFixture) -> None:
    stop_after(recipe, 3)
    path = recipe.folder / "last.safetensors"
    with safe_open(path, framework="pt") as file:
        scalars = json.loads(file.metadata()["state"])
    lowered = json.dumps(scalars | {"place": scalars["place"] | {"rate_factor": 0.25}})
    path.write_bytes(_with_state(path.read_bytes(), lowered))
    rate = {"schedule": {"kind": "constant", "learning_rate": 1e-4}}
    seen = iter(range(1, 100))
    assert not train(recipe, resume=True, should_stop=lambda: next(seen) >= 1)
    assert "the run continues at 0.25 of the recipe's learning rates" in caplog.text
    assert train(changed(recipe, content=rate), resume=True)
    rates = [
        float(row["learning_rate"])
        for row in read_rows(recipe.folder / "log.jsonl")
        if row["phase"] == "content" and "psnr" not in row
    ]
    assert rates[3] < 0.3 * rates[2]
    assert rates[4:] == [1e-4, 1e-4]


def _with_state(file: bytes, state: str) -> bytes:
    """Give a safetensors file another state in its head."""
    length = int.from_bytes(file[:8], "little")
    head = json.loads(file[8 : 8 + length])
    head["__metadata__"]["state"] = state
    packed = json.dumps(head).encode()
    return len(packed).to_bytes(8, "little") + packed + file[8 + length :]
