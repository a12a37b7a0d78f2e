"""Processes that share batches give what one process gives. Real ones, over gloo, on this machine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from test_picture_bank import numbered

from minutia.errors import TrainingError
from minutia.train.config import Recipe
from minutia.train.data import PictureBank
from minutia.train.loop import train
from minutia.train.outline import _check_shares
from minutia.train.processes import Processes
from minutia.train.recipe import dump_recipe
from minutia.train.rows import read_rows

LOSSES = {"pixel", "perceptual", "adversarial", "generator", "discriminator"}

STOPPING = """
import itertools, os, sys
from minutia.train.loop import train
from minutia.train.processes import disconnect
from minutia.train.recipe import load_recipe

steps = itertools.count(1)
assert not train(load_recipe(sys.argv[1]), should_stop=lambda: next(steps) >= 5 and os.environ["RANK"] == "1")
disconnect()
"""

TORCHRUN = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
ACCELERATE = ["-m", "accelerate.commands.launch", "--multi_gpu", "--num_processes", "2", "--num_machines", "1"]
ACCELERATE += ["--mixed_precision", "no", "--dynamo_backend", "no", "--main_process_port", "0"]


def change(recipe: Recipe, run: Path, **phases: object) -> Recipe:
    """The recipe with batches of four, short phases of a rate at which Adam does not blow up what is rounding."""
    table = json.loads(recipe.model_dump_json(exclude_none=True))
    length = {"steps": 4, "batch_size": 4, "schedule": {"learning_rate": 1e-4}, "clip_norm": 1.0}
    for name in ("content", "adversarial"):
        table[name] |= length | phases.get(name, {})
    table |= {"run": str(run), "every": {"log": 1, "validation": 4, "checkpoint": 4}}
    return Recipe.model_validate(table | {"network": phases.get("network", table["network"])})


def launch(launcher: Sequence[str], command: Sequence[str], recipe: Recipe) -> str:
    """Start processes on a recipe, and give back what they print."""
    path = recipe.folder.with_suffix(".toml")
    path.write_text(dump_recipe(recipe), encoding="utf-8")
    words = [sys.executable, *launcher, *command, str(path)]
    done = subprocess.run(words, capture_output=True, text=True, env=os.environ | {"OMP_NUM_THREADS": "1"}, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def assert_same(one: Recipe, other: Recipe, undetermined: tuple[str, ...] = ("-",)) -> None:
    """Losses are equal within 1e-5, weights within 1e-6, but for those of names that end so."""
    rows, others = (read_rows(recipe.folder / "log.jsonl") for recipe in (one, other))
    assert [(row["phase"], row["step"]) for row in rows] == [(row["phase"], row["step"]) for row in others]
    for row, compared in zip(rows, others, strict=True):
        names = LOSSES & set(row) if "psnr" not in row else {"psnr", "ssim"}
        tolerance = 1e-5 if "psnr" not in row else 1e-2
        assert names
        for name in names:
            assert compared[name] == pytest.approx(row[name], abs=tolerance, rel=0), (name, row, compared)
    for name in ("content-last", "adversarial-last"):
        first, second = (load_file(recipe.folder / "weights" / f"{name}.safetensors") for recipe in (one, other))
        for key, weight in first.items():
            assert key.endswith(undetermined) or torch.allclose(weight, second[key], atol=1e-6, rtol=0), key


def test_two_processes_equal_one_with_batch_normalisation(recipe: Recipe, tmp_path: Path) -> None:
    changes = {
        "network": {"kind": "srresnet", "scale": 2, "num_blocks": 1, "num_features": 8},
        "adversarial": {"discriminator": {"kind": "srgan", "num_features": 4, "num_dense": 8}},
    }
    one, two = (change(recipe, tmp_path / name, **changes) for name in ("one", "two"))
    train(one)
    printed = launch(TORCHRUN, ["-m", "minutia", "train"], two)
    assert printed.count("content: 4 steps") == printed.count("Done.") == 1
    assert "2 processes" in printed
    # A bias before a normalisation has a gradient of zero, and of its rounding error Adam makes a whole step.
    assert_same(one, two, (".conv1.bias", ".conv2.bias", "body_end.bias", ".running_mean"))


def test_a_stop_of_one_process_stops_all_and_one_goes_on_alone(recipe: Recipe, tmp_path: Path) -> None:
    """In the relativistic game, whose losses have means over the batch within them."""
    changes = {"adversarial": {"gan": {"kind": "relativistic", "weight": 0.1}}}
    one, two = (change(recipe, tmp_path / name, **changes) for name in ("one", "two"))
    assert one.adversarial.perceptual.rescale == "magnitude"
    train(one)
    script = tmp_path / "stopping.py"
    script.write_text(STOPPING, encoding="utf-8")
    launch(ACCELERATE, [str(script)], two)
    assert [row["step"] for row in read_rows(two.folder / "log.jsonl")][-1] == 1
    assert train(two, resume=True)
    assert_same(one, two)


@pytest.mark.parametrize("candidates", [1, 3])
def test_shares_are_the_batch(candidates: int) -> None:
    cpu = torch.device("cpu")
    bank = PictureBank([numbered(5, 6, 0), numbered(4, 9, 100)], 2, device=cpu, place=cpu)
    cut = partial(bank.batch, 6, 4, seed=1, step=3, augment=True, candidates=candidates)
    whole = cut()
    shares = [cut(own=Processes(index, 3, None).own(6)) for index in range(3)]
    for kind in range(2):
        assert torch.equal(torch.cat([share[kind] for share in shares]), whole[kind])


@pytest.mark.parametrize(("size", "words"), [(6, "use 4 or 8"), (2, "use 4")])
def test_batches_that_do_not_divide_are_refused(size: int, words: str) -> None:
    with pytest.raises(TrainingError, match=rf"content.batch_size = {size} crops cannot .* by 4 processes; {words}\."):
        _check_shares("content.batch_size", size, 4)
    _check_shares("content.batch_size", 8, 4)
