"""A run that breaks down goes back once. Ten runs of the tiny recipe with ten seeds end without it:

for seed in 0 1 2 3 4 5 6 7 8 9; do minutia train tiny --hr PICTURES --set seed=$seed --set run=runs/$seed; done
"""

from __future__ import annotations

import pytest
import torch
from safetensors.torch import load_file

from minutia.errors import TrainingError
from minutia.train.checkpoint import read_place
from minutia.train.config import Recipe
from minutia.train.loop import train
from minutia.train.losses import PerceptualLoss
from minutia.train.rows import read_rows
from minutia.train.watch import find_collapse


def break_down(monkeypatch: pytest.MonkeyPatch, steps: set[int]) -> None:
    """Make the perceptual loss no number at these of its calls in training."""
    calls = iter(range(1, 1000))
    forward = PerceptualLoss.forward

    def break_down(self: PerceptualLoss, *tensors: object) -> torch.Tensor:
        broken = not torch.is_inference_mode_enabled() and next(calls) in steps
        return forward(self, *tensors) * (float("nan") if broken else 1.0)

    monkeypatch.setattr(PerceptualLoss, "forward", break_down)


def test_a_run_that_breaks_down_goes_back_and_on_more_slowly(
    recipe: Recipe, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    break_down(monkeypatch, {5})
    assert train(recipe)
    assert "loss perceptual of the adversarial phase is nan at step 5; the run returns to step 3" in caplog.text
    rows = [
        row for row in read_rows(recipe.folder / "log.jsonl") if row["phase"] == "adversarial" and "psnr" not in row
    ]
    assert [row["step"] for row in rows] == [1, 2, 3, 4, 5, 6]
    rates = [float(row["learning_rate"]) for row in rows]
    assert rates[3] < 0.3 * rates[2]
    assert read_place(recipe.folder / "last.safetensors").rate_factor == 0.25
    kept = load_file(recipe.folder / "last.safetensors")
    assert all(torch.isfinite(value).all() for value in kept.values())


def test_a_run_that_breaks_down_again_stops(recipe: Recipe, monkeypatch: pytest.MonkeyPatch) -> None:
    break_down(monkeypatch, {5, 7})
    with pytest.raises(TrainingError, match="is nan at step 5; the last checkpoint is kept: lower the learning rate"):
        train(recipe)


def test_a_run_that_breaks_down_before_its_first_validation_stops(
    recipe: Recipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    break_down(monkeypatch, {2})
    with pytest.raises(TrainingError, match="is nan at step 2"):
        train(recipe)


def test_a_collapse_is_a_fall_far_below_the_best_of_the_phase() -> None:
    content = {"phase": "content", "step": 9, "psnr": 30.0}
    game = [{"phase": "adversarial", "step": step, "psnr": psnr} for step, psnr in ((1, 25.0), (2, 23.0), (3, 20.0))]
    assert find_collapse([content, *game[:2]]) == ""
    assert "PSNR is 20.0 dB at step 3, after 25.0 at step 1" in find_collapse([content, *game])
    losses = {"phase": "adversarial", "step": 4, "pixel": 0.1}
    assert "PSNR is 20.0 dB at step 3" in find_collapse([content, *game, losses])
