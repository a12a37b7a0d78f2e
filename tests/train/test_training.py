from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from minutia.errors import DataError, MinutiaError, TrainingError
from minutia.image.io import read, write
from minutia.image.resize import downscale, modcrop
from minutia.nets import weights
from minutia.nets.minutianet import MinutiaNetSpec
from minutia.nets.weights import load_generator, save_weights
from minutia.train import loop
from minutia.train.checkpoint import read_place
from minutia.train.config import Recipe, Validation, Watch
from minutia.train.data import PictureBank
from minutia.train.loop import train
from minutia.train.losses import PerceptualLoss
from minutia.train.objectives import Gan
from minutia.train.pictures import choose_pictures, load_pictures
from minutia.train.recipe import load_recipe
from minutia.train.rows import read_rows
from minutia.train.run import Listener
from minutia.types import Picture, ignore_progress


def stop_after(steps: int) -> object:
    """A request to stop that comes after so many steps."""
    seen = iter(range(1, 10_000))
    return lambda: next(seen) >= steps


def test_a_run_leaves_what_it_promises(finished: Recipe) -> None:
    folder = finished.folder
    names = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert {
        "recipe.toml",
        "versions.txt",
        "log.jsonl",
        "curves.png",
        "last.safetensors",
        "weights/content-best.safetensors",
        "weights/content-last.safetensors",
        "weights/adversarial-best.safetensors",
        "weights/adversarial-last.safetensors",
        "samples/content-0000006.png",
        "samples/adversarial-0000003.png",
    } <= names
    assert not [name for name in names if name.endswith(".part")]
    assert any("events.out" in name for name in names)
    assert load_recipe(folder / "recipe.toml") == finished
    spec, _ = load_generator(folder / "weights/adversarial-best.safetensors")
    assert spec == finished.network
    with Image.open(folder / "samples/content-0000006.png") as sheet:
        assert sheet.width > 4 * 64


def test_the_diary_has_every_step_and_every_validation(finished: Recipe) -> None:
    rows = read_rows(finished.folder / "log.jsonl")
    steps = [row for row in rows if "psnr" not in row]
    assert [row["step"] for row in steps] == [*range(1, 7), *range(1, 7)]
    assert {"pixel", "perceptual", "adversarial", "discriminator", "logit_real", "logit_fake"} <= set(steps[-1])
    validations = [row for row in rows if "psnr" in row]
    assert [(row["phase"], row["step"]) for row in validations] == [
        ("content", 3),
        ("content", 6),
        ("adversarial", 3),
        ("adversarial", 6),
    ]
    assert "perceptual" in validations[-1]


@pytest.mark.parametrize("steps", [1, 6, 7, 11])
def test_interrupted_and_resumed_equals_uninterrupted(recipe: Recipe, finished: Recipe, steps: int) -> None:
    """Bit for bit, wherever it is cut: networks, averages, optimisers, logged figures."""
    assert not train(recipe, should_stop=stop_after(steps))
    assert train(recipe)
    for name in ("last", "weights/content-best", "weights/adversarial-best"):
        one = load_file(finished.folder / f"{name}.safetensors")
        other = load_file(recipe.folder / f"{name}.safetensors")
        assert one.keys() == other.keys()
        assert all(torch.equal(one[key], other[key]) for key in one), name
    timeless = [
        [{key: value for key, value in row.items() if key != "seconds_per_step"} for row in read_rows(path)]
        for path in (finished.folder / "log.jsonl", recipe.folder / "log.jsonl")
    ]
    assert timeless[0] == timeless[1]


def test_a_run_with_muon_resumes_bit_for_bit(recipe: Recipe, tmp_path: Path) -> None:
    changes = {"network": MinutiaNetSpec(scale=2, num_blocks=1, num_features=16)}
    changes["content"] = recipe.content.model_copy(update={"optimiser": "muon"})
    one = recipe.model_copy(update=changes)
    other = one.model_copy(update={"run": tmp_path / "other"})
    assert train(one)
    assert not train(other, should_stop=stop_after(4))
    assert train(other)
    weights = [load_file(each.folder / "weights" / "content-last.safetensors") for each in (one, other)]
    assert all(torch.equal(weights[0][key], weights[1][key]) for key in weights[0])


def test_rows_after_the_last_checkpoint_are_dropped_on_resume(recipe: Recipe) -> None:
    """A run that was killed wrote rows which its checkpoint does not know; they are made again, not twice."""

    class Killed(BaseException):
        pass

    def kill(row: dict[str, object]) -> None:
        if row["phase"] == "content" and row["step"] == 5:
            raise Killed

    with pytest.raises(Killed):
        train(recipe, listener=Listener(row=kill))
    assert train(recipe, resume=True)
    steps = [row["step"] for row in read_rows(recipe.folder / "log.jsonl") if "psnr" not in row]
    assert steps == [*range(1, 7), *range(1, 7)]


def test_a_loss_that_is_not_finite_stops_with_name_and_step(recipe: Recipe, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = iter(range(1, 100))
    forward = PerceptualLoss.forward

    def break_down(self: PerceptualLoss, *tensors: object) -> torch.Tensor:
        broken = not torch.is_inference_mode_enabled() and next(calls) == 5
        return forward(self, *tensors) * (float("nan") if broken else 1.0)

    monkeypatch.setattr(PerceptualLoss, "forward", break_down)
    every = recipe.every.model_copy(update={"log": 4})
    recipe = recipe.model_copy(update={"every": every, "watch": Watch(recover=False)})
    with pytest.raises(TrainingError, match="The loss perceptual of the adversarial phase is nan at step 5"):
        train(recipe)
    kept = load_file(recipe.folder / "last.safetensors")
    assert all(torch.isfinite(value).all() for value in kept.values())
    monkeypatch.undo()
    assert train(recipe, resume=True)


def test_content_alone_needs_no_vgg(recipe: Recipe) -> None:
    recipe = recipe.model_copy(update={"adversarial": None})
    assert train(recipe)
    assert not (recipe.folder / "weights/adversarial-best.safetensors").exists()


@pytest.mark.parametrize("kind", ["relativistic", "hinge"])
def test_every_game_trains(recipe: Recipe, kind: str) -> None:
    table = json.loads(recipe.model_dump_json())
    table["adversarial"]["gan"]["kind"] = kind
    table["adversarial"]["discriminator"] = {"kind": "srgan", "num_features": 4, "num_dense": 8}
    assert train(Recipe.model_validate(table))


def test_the_generator_pays_the_sum_of_its_losses(recipe: Recipe, finished: Recipe) -> None:
    weights = {"pixel": 1.0, "perceptual": 1.0, "adversarial": 0.1, "checkerboard": 0.5, "flat": 0.7, "ldl": 1.0}
    last = [row for row in read_rows(finished.folder / "log.jsonl") if "generator" in row][-1]
    assert last["ldl"] > 0
    assert last["generator"] == pytest.approx(sum(weight * last[name] for name, weight in weights.items()), rel=1e-5)
    without = recipe.model_copy(update={"adversarial": recipe.adversarial.model_copy(update={"ldl": 0.0})})
    assert train(without)
    assert not [row for row in read_rows(without.folder / "log.jsonl") if "ldl" in row]


def test_without_a_weight_there_is_no_game(recipe: Recipe) -> None:
    game = recipe.adversarial.model_copy(update={"gan": Gan(weight=0)})
    assert train(recipe.model_copy(update={"adversarial": game}))
    rows = [row for row in read_rows(recipe.folder / "log.jsonl") if "perceptual" in row and "psnr" not in row]
    assert rows
    assert not [row for row in rows if {"adversarial", "discriminator", "logit_real"} & row.keys()]
    assert (recipe.folder / "weights/adversarial-best.safetensors").exists()


def test_on_a_cpu_the_generator_alone_is_compiled(recipe: Recipe, monkeypatch: pytest.MonkeyPatch) -> None:
    compiled: list[str] = []
    monkeypatch.setattr(torch.nn.Module, "compile", lambda self, **_: compiled.append(type(self).__name__))
    assert train(recipe.model_copy(update={"hardware": recipe.hardware.model_copy(update={"compile": True})}))
    assert set(compiled) == {"MinutiaNet"}


def test_vgg_looks_through_the_window_that_moves(recipe: Recipe, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    def watch(self: PerceptualLoss, sr: Tensor, hr: Tensor, *rest: object) -> Tensor:
        seen.append(hr.shape[-2:])
        return forward(self, sr, hr, *rest)

    forward = PerceptualLoss.forward
    monkeypatch.setattr(PerceptualLoss, "forward", watch)
    train(recipe)
    assert seen.count((31, 31)) == recipe.adversarial.steps


def test_each_phase_chooses_among_its_own_number_of_candidates(recipe: Recipe, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    def watch(self: PictureBank, *args: object, candidates: int, **rest: object) -> tuple[Tensor, Tensor]:
        seen.append(candidates)
        return batch(self, *args, candidates=candidates, **rest)

    batch = PictureBank.batch
    monkeypatch.setattr(PictureBank, "batch", watch)
    train(recipe.model_copy(update={"content": recipe.content.model_copy(update={"candidates": 3})}))
    assert seen == [3] * recipe.content.steps + [1] * recipe.adversarial.steps


def test_training_makes_the_loss_smaller(recipe: Recipe) -> None:
    content = recipe.content.model_copy(update={"steps": 60})
    every = recipe.every.model_copy(update={"log": 10, "validation": 60})
    changed = recipe.model_copy(update={"content": content, "adversarial": None, "every": every})
    rows: list[dict[str, object]] = []
    train(changed, listener=Listener(row=rows.append))
    losses = [row["pixel"] for row in rows if "pixel" in row]
    assert losses[-1] < 0.7 * losses[0]


@pytest.mark.parametrize("state", [{}, {"place": {"phase": "content", "of_another_version": 1}}])
def test_a_checkpoint_of_another_version_is_refused(recipe: Recipe, state: dict[str, object]) -> None:
    recipe.folder.mkdir()
    path = recipe.folder / "last.safetensors"
    save_file({"weight": torch.zeros(1)}, path, {"state": json.dumps(state)})
    with pytest.raises(TrainingError, match=r"last\.safetensors is of another version of Minutia"):
        train(recipe, resume=True)


def test_pictures_are_looked_for_before_weights_are_downloaded(
    recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def download(*_: object) -> None:
        raise AssertionError("548 MB for nothing")

    monkeypatch.setattr(loop, "make_judge", download)
    (tmp_path / "empty").mkdir()
    empty = recipe.data.model_copy(update={"hr": (tmp_path / "empty",)})
    with pytest.raises(DataError, match="There are no pictures in"):
        train(recipe.model_copy(update={"data": empty}))


def test_a_taken_folder_and_a_missing_run_are_refused(recipe: Recipe, finished: Recipe) -> None:
    with pytest.raises(TrainingError, match="no checkpoint to continue from"):
        train(recipe, resume=True)
    with pytest.raises(TrainingError, match="holds a run; add --resume"):
        train(finished, resume=False)
    with pytest.raises(TrainingError, match=r"holds a run with other settings \(seed\); add --resume"):
        train(finished.model_copy(update={"seed": 7}))
    shorter = finished.content.model_copy(update={"steps": 1, "batch_size": 1, "lr_crop": 9, "ema_decay": 0.5})
    other = finished.model_copy(update={"content": shorter, "adversarial": None})
    named = r"content\.steps, content\.batch_size, content\.lr_crop, content\.ema_decay and 1 more"
    with pytest.raises(TrainingError, match=named):
        train(other)


def test_another_optimiser_or_a_phase_that_is_gone_is_refused_on_resume(recipe: Recipe) -> None:
    train(recipe, should_stop=stop_after(8))
    muon = recipe.adversarial.model_copy(update={"optimiser": "muon"})
    with pytest.raises(TrainingError, match=r"optimiser adam; add --set adversarial\.optimiser=adam"):
        train(recipe.model_copy(update={"adversarial": muon}), resume=True)
    kept = (recipe.folder / "recipe.toml").read_text(encoding="utf-8")
    with pytest.raises(TrainingError, match="is in its adversarial phase, which the recipe does not have"):
        train(recipe.model_copy(update={"adversarial": None}), resume=True)
    assert (recipe.folder / "recipe.toml").read_text(encoding="utf-8") == kept


def test_a_phase_may_be_added_whose_batches_are_of_automatic_size(recipe: Recipe) -> None:
    content, game = (phase.model_copy(update={"batch_size": "auto"}) for phase in (recipe.content, recipe.adversarial))
    first = {"content": content, "adversarial": game.model_copy(update={"steps": 0})}
    assert train(recipe.model_copy(update=first))
    assert train(recipe.model_copy(update=first | {"adversarial": game.model_copy(update={"steps": 1})}), resume=True)


def test_a_blank_validation_picture_ends_nothing(recipe: Recipe, tmp_path: Path) -> None:
    held_out = tmp_path / "held out"
    held_out.mkdir()
    Image.new("RGB", (64, 64), "white").save(held_out / "blank.png")
    rows: list[dict[str, object]] = []
    validation = recipe.validation.model_copy(update={"hr": held_out})
    assert train(recipe.model_copy(update={"validation": validation}), listener=Listener(row=rows.append))
    assert {row["bicubic_psnr"] for row in rows if "psnr" in row} == {100.0}


def test_training_pictures_are_looked_at_as_they_are_trained_on(recipe: Recipe, pictures: Path, tmp_path: Path) -> None:
    for path in pictures.iterdir():
        write(Picture(downscale(modcrop(read(path).pixels, 2), 2)), tmp_path / path.name)
    changes = {
        "samples": recipe.samples.model_copy(update={"num_training": 1}),
        "validation": recipe.validation.model_copy(update={"hr": pictures, "lr": tmp_path}),
    }
    degraded = recipe.data.model_copy(
        update={"degradation": load_recipe("minutia-x2-photo", ["data.hr=x"]).data.degradation}
    )
    found = []
    for data in (recipe.data, degraded):
        changed = recipe.model_copy(update=changes | {"data": data})
        found.append(load_pictures(changed, choose_pictures(changed), torch.device("cpu"), ignore_progress))
    clean, worse = found
    assert not np.array_equal(clean.training[0].lr, worse.training[0].lr)
    assert np.array_equal(clean.validation[0].lr, worse.validation[0].lr)


def test_weights_to_start_from_must_fit(recipe: Recipe, tmp_path: Path) -> None:
    other = load_recipe("tiny", ["data.hr=x"]).network
    save_weights(tmp_path / "other.safetensors", other, other.build().state_dict())
    content = recipe.content.model_copy(update={"init": tmp_path / "other.safetensors"})
    with pytest.raises(TrainingError, match="another network than that of the recipe: it has "):
        train(recipe.model_copy(update={"content": content}))


def test_a_discriminator_is_started_from(recipe: Recipe, finished: Recipe, tmp_path: Path) -> None:
    def begin(init: Path | None, **changes: object) -> dict[str, Tensor]:
        run = tmp_path / f"{len(list(tmp_path.iterdir()))}"
        still = recipe.adversarial.schedule.model_copy(update={"learning_rate": 1e-9})
        keys = {"discriminator_init": init, "steps": 1, "schedule": still} | changes
        adversarial = recipe.adversarial.model_copy(update=keys)
        train(recipe.model_copy(update={"run": run, "adversarial": adversarial}))
        return load_file(run / "last.safetensors")

    known, trained, fresh = load_file(finished.folder / "last.safetensors"), begin(finished.folder), begin(None)
    name = "discriminator.head.weight"
    assert (trained[name] - known[name]).abs().max() < 1e-6
    assert (fresh[name] - known[name]).abs().max() > 1e-3
    for wrong, words in (
        (tmp_path, "no checkpoint to continue from"),
        (finished.folder, "another discriminator than the recipe's"),
    ):
        changes = {"discriminator": recipe.adversarial.discriminator.__class__(num_features=8)}
        with pytest.raises(TrainingError, match=words):
            begin(wrong, **changes)
    train(recipe.model_copy(update={"run": tmp_path / "content", "adversarial": None}))
    with pytest.raises(TrainingError, match="no discriminator"):
        begin(tmp_path / "content")


def test_weights_to_start_from_are_started_from(recipe: Recipe, tmp_path: Path) -> None:
    start = recipe.network.build()
    save_weights(tmp_path / "start.safetensors", recipe.network, start.state_dict())
    content = recipe.content.model_copy(update={"init": tmp_path / "start.safetensors", "steps": 0})
    adversarial = recipe.adversarial.model_copy(update={"steps": 1})
    train(recipe.model_copy(update={"content": content, "adversarial": adversarial}))
    _, trained = load_generator(recipe.folder / "weights/adversarial-best.safetensors")
    for one, other in zip(start.parameters(), trained.parameters(), strict=True):
        assert torch.allclose(one, other, atol=2e-3)


def test_too_few_pictures_to_hold_some_out(recipe: Recipe) -> None:
    data = recipe.data.model_copy(update={"num_held_out": 6})
    with pytest.raises(DataError, match="too few to keep 6 for validation"):
        train(recipe.model_copy(update={"data": data}))


def test_pictures_that_are_too_small_to_be_scored_are_trained_on_alone(
    recipe: Recipe, pictures: Path, tmp_path: Path
) -> None:
    """At x2 SSIM needs 15 pixels, and so a picture 16."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    for path in pictures.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    for name, side in (("0", 15), ("1", 16), ("3", 15)):
        Image.new("RGB", (40, side)).save(folder / f"{name}.png")
    data = recipe.data.model_copy(update={"hr": (folder,)})
    samples = recipe.samples.model_copy(update={"num_training": 9})
    mixed = recipe.model_copy(update={"data": data, "samples": samples})
    assert train(mixed)
    chosen = choose_pictures(mixed)
    assert [files.hr.stem for files in chosen.held_out] == ["1", "4"]
    assert [files.hr.stem for files in chosen.training] == ["0", "2", "3", "5"]
    found = load_pictures(mixed, chosen, torch.device("cpu"), ignore_progress)
    assert [pair.name for pair in found.training] == ["2", "5"]
    many = data.model_copy(update={"num_held_out": 5})
    with pytest.raises(DataError, match="4 of 6 pictures have sides of 16 pixels, which validation needs"):
        choose_pictures(recipe.model_copy(update={"data": many}))
    validation = recipe.validation.model_copy(update={"hr": folder})
    with pytest.raises(DataError, match=r"0\.png has 40x15 pixels, and validation at x2 needs sides of 16; remove it"):
        choose_pictures(recipe.model_copy(update={"validation": validation}))


def test_a_folder_that_holds_small_copies_too_is_not_taken_whole(
    recipe: Recipe, pictures: Path, tmp_path: Path
) -> None:
    both = tmp_path / "both"
    for name in ("hr", "LR"):
        (both / name).mkdir(parents=True)
        for path in pictures.iterdir():
            (both / name / path.name).write_bytes(path.read_bytes())
    data = recipe.data.model_copy(update={"hr": (pictures, both)})
    with pytest.raises(DataError, match=rf"holds HR and LR folders; name both: --hr {both}/hr --lr {both}/LR\."):
        choose_pictures(recipe.model_copy(update={"data": data}))
    validation = recipe.validation.model_copy(update={"hr": both})
    with pytest.raises(DataError, match=rf"name both: --set validation\.hr={both}/hr --set validation\.lr="):
        choose_pictures(recipe.model_copy(update={"validation": validation}))


@pytest.mark.parametrize("kind", ["data", "validation"])
def test_a_run_folder_among_the_pictures_is_refused_before_it_is_made(
    recipe: Recipe, pictures: Path, kind: str
) -> None:
    run = pictures / "runs" / "mine"
    changed: dict[str, object] = {"run": run}
    if kind == "validation":
        changed |= {
            "validation": Validation(hr=pictures),
            "data": recipe.data.model_copy(update={"hr": (pictures / "no",)}),
        }
    with pytest.raises(DataError, match=r"mine is inside .*; choose another: --set run=FOLDER"):
        train(recipe.model_copy(update=changed))
    assert not run.parent.exists()


@pytest.mark.parametrize("lacking", ["pictures", "weights of VGG19"])
def test_what_is_lacking_is_said_before_anything_is_written(recipe: Recipe, tmp_path: Path, lacking: str) -> None:
    nothing = tmp_path / "nothing"
    if lacking == "pictures":
        changed = {"data": recipe.data.model_copy(update={"hr": (nothing,)})}
    else:
        perceptual = recipe.adversarial.perceptual.model_copy(update={"weights": nothing})
        changed = {"adversarial": recipe.adversarial.model_copy(update={"perceptual": perceptual})}
    with pytest.raises(DataError, match="nothing"):
        train(recipe.model_copy(update=changed))
    assert not recipe.folder.exists()


def test_a_run_that_died_before_its_first_checkpoint_can_begin_again(recipe: Recipe, finished: Recipe) -> None:
    def die(row: dict[str, object]) -> None:
        raise MemoryError

    with pytest.raises(MemoryError):
        train(recipe, listener=Listener(row=die))
    assert recipe.folder.exists()
    assert train(recipe)
    one, other = (load_file(run.folder / "last.safetensors") for run in (recipe, finished))
    assert all(torch.equal(one[key], other[key]) for key in other)


def test_a_full_disk_ends_a_run_that_then_goes_on(recipe: Recipe, monkeypatch: pytest.MonkeyPatch) -> None:
    save_file, seen = weights.save_file, iter(range(1, 100))

    def fill(*arguments: object) -> None:
        if next(seen) == 4:  # The state at the second checkpoint; weights are written before it.
            raise SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)")
        save_file(*arguments)

    monkeypatch.setattr(weights, "save_file", fill)
    with pytest.raises(MinutiaError, match=r"cannot be written.*No space left"):
        train(recipe)
    assert read_place(recipe.folder / "last.safetensors").step == 2
    assert train(recipe)
