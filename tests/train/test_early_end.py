from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from minutia.errors import RecipeError
from minutia.train import record
from minutia.train.config import Recipe
from minutia.train.loop import train
from minutia.train.recipe import load_recipe
from minutia.train.rows import read_rows
from minutia.train.run import Listener, Outline

WORDS = (
    "The content phase stopped early, after 3 of 6 steps: the last 2 validations were no better by PSNR than one before"
)


@pytest.fixture
def falling(recipe: Recipe, monkeypatch: pytest.MonkeyPatch) -> Recipe:
    """Figures get worse with every step but for SSIM; the content phase has no patience with it."""
    validate = record.validate

    def fall(network: Any, *arguments: Any, **options: Any) -> Any:
        done = int(network.num_averaged)
        return replace(validate(network, *arguments, **options), psnr=20 - 0.1 * done, ssim=0.5 + 0.01 * done)

    monkeypatch.setattr(record, "validate", fall)
    monkeypatch.setattr(record, "draw_curves", lambda *_: None)  # It takes most of the time, and nobody looks.
    return patient(recipe, content={"patience": 2}, adversarial={"best": "ssim", "patience": 2})


def patient(recipe: Recipe, **phases: dict[str, object]) -> Recipe:
    table = json.loads(recipe.model_dump_json(exclude_none=True))
    for name, keys in phases.items():
        table[name] |= keys
    return Recipe.model_validate(table | {"every": {"log": 1, "validation": 1, "checkpoint": 1}})


def steps(recipe: Recipe) -> list[tuple[object, object]]:
    return [(row["phase"], row["step"]) for row in read_rows(recipe.folder / "log.jsonl") if "psnr" in row]


def test_a_phase_without_progress_ends_and_the_next_begins_from_its_best(falling: Recipe) -> None:
    assert train(falling)
    assert steps(falling) == [("content", n) for n in (1, 2, 3)] + [("adversarial", n) for n in range(1, 7)]
    weights = falling.folder / "weights"
    # The best of the adversarial phase is its last, by SSIM; and it knows how long the content phase was.
    best, last = (load_file(weights / f"adversarial-{which}.safetensors") for which in ("best", "last"))
    assert all(torch.equal(best[key], last[key]) for key in best)
    assert b'\\"content_steps\\": 3' in (weights / "adversarial-best.safetensors").read_bytes()
    stopped = [row["stopped"] for row in read_rows(falling.folder / "log.jsonl") if "stopped" in row]
    assert len(stopped) == 1
    for text in (stopped[0], *(falling.folder.joinpath(name).read_text() for name in ("README.txt", "report.html"))):
        assert WORDS in text
    assert "Finished. The content phase stopped early" in (falling.folder / "report.html").read_text()
    assert train(falling, resume=True)


@pytest.mark.parametrize("cut", [2, 3])
def test_a_phase_that_ended_is_not_begun_again(falling: Recipe, cut: int) -> None:
    whole = falling.model_copy(update={"run": falling.folder.with_name("whole")})
    assert train(whole)
    seen = iter(range(1, 100))
    assert not train(falling, should_stop=lambda: next(seen) >= cut)
    outlines: list[Outline] = []
    assert train(falling, resume=True, listener=Listener(outline=outlines.append))
    assert steps(falling) == steps(whole)
    one, other = (load_file(run.folder / "last.safetensors") for run in (whole, falling))
    assert all(torch.equal(one[key], other[key]) for key in one)
    assert WORDS in (falling.folder / "README.txt").read_text()


def test_the_last_phase_may_end_early(falling: Recipe) -> None:
    run = patient(falling, adversarial={"best": "psnr", "patience": 1})
    assert train(run)
    assert steps(run)[-1] == ("adversarial", 2)
    page = (run.folder / "report.html").read_text()
    assert "Finished." in page
    assert "after 2 of 6 steps: the last validation was no better by PSNR" in page


def test_figures_that_a_phase_has_not_are_refused() -> None:
    with pytest.raises(RecipeError, match=r"content\.best = 'perceptual' is not valid: .*'psnr' or 'ssim'"):
        load_recipe("tiny", ["data.hr=x", "content.best=perceptual"])
    assert load_recipe("tiny", ["data.hr=x", "adversarial.best=ssim"]).adversarial.best == "ssim"
