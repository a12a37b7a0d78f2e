from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from minutia.cli import app
from minutia.cli.console import in_words
from minutia.cli.train import _listening
from minutia.train.config import Recipe
from minutia.train.pace import NUM_MEASURED, Pace
from minutia.train.recipe import dump_recipe
from minutia.train.rows import read_rows


def test_plain_options_train_and_say_how_much_there_is_to_do(recipe: Recipe, pictures: Path, tmp_path: Path) -> None:
    table = json.loads(recipe.model_dump_json(exclude_none=True))
    table["data"]["hr"] = "nowhere"
    path = tmp_path / "small.toml"
    path.write_text(dump_recipe(Recipe.model_validate(table)), encoding="utf-8")
    done = CliRunner().invoke(app, ["train", str(path), "--hr", str(pictures), "--epochs", "4"])
    assert done.exit_code == 0, done.output
    assert "4 training pictures (" in done.output
    assert "bytes of memory), 2 validation pictures" in done.output
    assert f"device: cpu, {torch.get_num_threads()} threads, fp32\n" in done.output
    assert "content: 6 steps\n" in done.output
    assert "adversarial: 4 epochs of 2 steps, 8 steps\n" in done.output
    assert "adversarial: about " in done.output
    assert "adversarial epoch 4, step 8: psnr" in done.output
    assert read_rows(recipe.folder / "log.jsonl")[-1]["epoch"] == 4


def test_a_wish_to_stop_is_heard_while_pictures_are_read() -> None:
    wishes = iter([False, True])
    with _listening(lambda: next(wishes)) as listener:
        listener.loading(1, 2)
        with pytest.raises(KeyboardInterrupt):
            listener.loading(2, 2)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(7.4, "7.40 s"), (17.4, "17 s"), (61, "1 min"), (7830, "2 h 10 min"), (7199, "2 h 00 min"), (300000, "3 d 11 h")],
)
def test_times_are_told_with_two_units(seconds: float, words: str) -> None:
    assert in_words(seconds) == words


def test_time_left_is_told_once_by_steps_after_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([100.0, 110.0])
    monkeypatch.setattr("time.perf_counter", lambda: next(clock))
    pace = Pace(20, 120, torch.device("cpu"))
    told = {done: pace.seconds_left(done) for done in range(21, 121)}
    assert {done: seconds for done, seconds in told.items() if seconds is not None} == {
        21 + NUM_MEASURED: 10 / NUM_MEASURED * (99 - NUM_MEASURED)
    }
