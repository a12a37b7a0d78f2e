from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from minutia.errors import RecipeError, TrainingError
from minutia.train import memory, outline
from minutia.train.config import Recipe
from minutia.train.loop import train
from minutia.train.losses import PerceptualLoss
from minutia.train.memory import StepMemory, shortage_told
from minutia.train.pictures import choose_pictures
from minutia.train.recipe import load_recipe
from minutia.train.run import Batch, Listener, Outline

TRUTH = """
import sys, torch
from minutia.train.memory import measure_step
from minutia.train.recipe import load_recipe
from minutia.train.setup import make_accelerator, make_phase

NUM_CROPS = 16

def read(key):
    lines = open("/proc/self/status").read().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(key))

recipe = load_recipe(sys.argv[1])
accelerator = make_accelerator(recipe.hardware)
guess = measure_step(recipe, "content", accelerator, None).num_bytes(NUM_CROPS)
before = read("VmRSS")
phase = make_phase(recipe, "content", accelerator, None)
side = recipe.content.lr_crop
for step in range(2):
    phase.step(torch.rand(NUM_CROPS, 3, side, side), torch.rand(NUM_CROPS, 3, 2 * side, 2 * side), step, 1e-4)
print(guess, read("VmHWM") - before)
"""


def automatic(recipe: Recipe, size: int | str = "auto") -> Recipe:
    """The recipe with batches of this size in both phases."""
    phases = {name: phase.model_copy(update={"batch_size": size}) for name, phase in recipe.phases.items()}
    return recipe.model_copy(update=phases)


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="The peak of a process's memory is read in /proc.")
def test_the_measured_step_is_what_a_process_grows_by(tmp_path: Path) -> None:
    """Within a factor of two, in a process of its own; tensors of 200 MB are a multiple of what else there is."""
    path = tmp_path / "recipe.toml"
    path.write_text(
        'name = "a"\nnetwork = { kind = "srresnet", scale = 2, num_blocks = 3, num_features = 32 }\n'
        'data.hr = "x"\ncontent = { steps = 1, lr_crop = 64 }\nhardware = { device = "cpu", precision = "fp32" }\n'
    )
    done = subprocess.run([sys.executable, "-c", TRUTH, str(path)], capture_output=True, text=True, check=True)
    guess, truth = map(int, done.stdout.split())
    assert guess > 200e6
    assert 0.5 < truth / guess < 2


def test_as_many_crops_as_fit() -> None:
    # Two operations: one that needs much however many crops there are, and one that grows with them.
    step = StepMemory(base=(100, 10), per_crop=(0, 10))
    assert [step.num_bytes(crops) for crops in (1, 9, 10)] == [100, 100, 110]
    assert [step.choose(free, 1) for free in (0, 89, 100, 170, 330, 10**6)] == [1, 1, 8, 16, 32, 64]
    assert [step.choose(10**6, processes) for processes in (2, 3, 64, 100)] == [64, 48, 64, 100]
    assert step.choose(0, 3) == 3


def test_automatic_sizes_are_told_kept_and_leave_no_trace(recipe: Recipe, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not a bit differs from a run with the same sizes in its recipe; on resume memory is not asked again."""
    monkeypatch.setattr(memory, "MAX_CROPS", 4)
    fixed = automatic(recipe.model_copy(update={"run": recipe.folder.with_name("fixed")}), 4)
    assert train(fixed)
    outlines: list[Outline] = []
    seen = iter(range(1, 100))
    assert not train(automatic(recipe), listener=Listener(outline=outlines.append), should_stop=lambda: next(seen) >= 8)
    assert [batch.num_crops for batch in outlines[0].chosen.values()] == [4, 4]
    assert all(0 < batch.num_bytes < batch.num_free for batch in outlines[0].chosen.values())
    monkeypatch.setattr(outline, "free_memory", lambda device: outlines[0].num_bytes)
    assert train(automatic(recipe))
    assert load_recipe(recipe.folder / "recipe.toml") == automatic(recipe, 4)
    one, other = (load_file(run.folder / "last.safetensors") for run in (fixed, recipe))
    assert all(torch.equal(one[key], other[key]) for key in one)


def test_little_memory_gives_small_batches(recipe: Recipe, monkeypatch: pytest.MonkeyPatch) -> None:
    files = choose_pictures(recipe)
    num_bytes = files.num_bytes(recipe.network.scale, recipe.network.channels, normalised=False)
    monkeypatch.setattr(outline, "free_memory", lambda device: num_bytes - 1)
    with pytest.raises(TrainingError, match=r"would take \d+ bytes of memory, but \d+ bytes is free; use"):
        train(recipe)
    monkeypatch.setattr(outline, "free_memory", lambda device: num_bytes)
    chosen: list[dict[str, Batch]] = []
    train(automatic(recipe), listener=Listener(outline=lambda told: chosen.append(told.chosen)))
    assert [batch.num_crops for batch in chosen[0].values()] == [1, 1]


def test_a_lack_of_memory_is_said_in_one_sentence(recipe: Recipe) -> None:
    sentence = r"A step of 8 crops of 16x16 does not fit into memory; reduce content\.batch_size or"
    with pytest.raises(TrainingError, match=sentence), shortage_told("content", 8, 16):
        torch.empty(1 << 60)
    with pytest.raises(RuntimeError, match="size of tensor"), shortage_told("content", 8, 16):
        torch.ones(2) + torch.ones(3)


def test_a_phase_that_does_not_fit_is_named(recipe: Recipe, monkeypatch: pytest.MonkeyPatch) -> None:
    def run_out(*_: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(PerceptualLoss, "forward", run_out)
    with pytest.raises(TrainingError, match=r"step of 2 crops .* does not fit .*adversarial\.batch_size or"):
        train(recipe)


@pytest.mark.parametrize("size", ["0", "-4", "1.5", "many", "true"])
def test_other_sizes_are_refused(size: str) -> None:
    with pytest.raises(RecipeError, match=r"content\.batch_size is not valid: it must be a whole number of crops, or"):
        load_recipe("tiny", ["data.hr=x", f"content.batch_size={size}"])
    assert json.loads(load_recipe("tiny", ["data.hr=x", "content.batch_size=auto"]).model_dump_json())
