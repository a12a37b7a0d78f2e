import math
import re
import tomllib
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F
from typer.testing import CliRunner

from minutia.cli import app
from minutia.errors import MinutiaError, RecipeError
from minutia.image.pairs import Pair
from minutia.train.batches import MARGIN, degrade_pair, make_batch
from minutia.train.config import Data
from minutia.train.data import PictureBank
from minutia.train.degrade import kernels
from minutia.train.degrade.filters import Blur, Shift
from minutia.train.degrade.pipeline import Degradation, degrade, load_degradation
from minutia.train.degrade.steps import Compress, Downscale, Noise, OneOf, Resize
from minutia.train.degrade.tables import known_degradations
from minutia.train.recipe import dump_recipe, load_recipe

TABLES = list(known_degradations())


def smooth(num: int, side: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    noise = torch.rand(num, 3, side // 8, side // 8, generator=generator)
    return F.interpolate(noise, (side, side), mode="bicubic", align_corners=False).clamp(0, 1)


@pytest.mark.parametrize("name", TABLES)
@pytest.mark.parametrize("scale", [2, 4])
def test_a_table_makes_pictures_of_the_right_size_and_values(name: str, scale: int) -> None:
    hr = smooth(3, 96)
    done = degrade(hr, load_degradation(name), scale, seed=1, step=0)
    assert done.lr.shape == (3, 3, 96 // scale, 96 // scale)
    assert torch.allclose(done.lr * 255, (done.lr * 255).round(), atol=1e-4)
    assert all(done.words)
    # It is still a picture of the same thing.
    small = F.avg_pool2d(hr, scale)
    assert float(torch.corrcoef(torch.stack([done.lr.flatten(), small.flatten()]))[0, 1]) > 0.5


@pytest.mark.parametrize("name", TABLES)
def test_a_crop_does_not_depend_on_its_neighbours(name: str) -> None:
    hr, table = smooth(4, 64), load_degradation(name)
    for step in range(3):
        whole = degrade(hr, table, 4, seed=7, step=step)
        part = degrade(hr[2:], table, 4, seed=7, step=step, first=2)
        assert torch.equal(part.lr, whole.lr[2:])
        assert part.words == whole.words[2:]


def test_seeds_and_steps_differ() -> None:
    hr, table = smooth(1, 64), load_degradation("photo")
    results = [degrade(hr, table, 4, seed=seed, step=step).lr for seed, step in ((0, 0), (0, 1), (1, 0))]
    assert not torch.equal(results[0], results[1])
    assert not torch.equal(results[0], results[2])


def test_what_no_step_shrank_is_shrunk_at_the_end() -> None:
    table = Degradation.model_validate({"steps": [{"step": "blur"}]})
    done = degrade(smooth(1, 64), table, 2, seed=0, step=0)
    assert done.lr.shape[2:] == (32, 32)
    assert done.words[0][-1] == "to LR bicubic"


def test_steps_that_do_not_happen_leave_no_words() -> None:
    steps = [{"step": name, "probability": 0} for name in ("blur", "noise", "jpeg", "webp")]
    table = Degradation.model_validate({"steps": [*steps, {"step": "downscale", "resampling": {"area": 1}}]})
    hr = smooth(2, 32)
    done = degrade(hr, table, 4, seed=0, step=0)
    assert done.words == [["to LR area"]] * 2
    assert torch.allclose(done.lr, F.avg_pool2d(hr, 4), atol=0.51 / 255)


def make_bank() -> PictureBank:
    cpu = torch.device("cpu")
    hr = (smooth(2, 128) * 255).byte().permute(0, 2, 3, 1).numpy()
    pairs = [Pair(str(index), one, one[::4, ::4].copy()) for index, one in enumerate(hr)]
    return PictureBank(pairs, 4, device=cpu, place=cpu)


def test_crops_and_their_copies_show_the_same_place() -> None:
    data = Data.model_validate(
        {"hr": ".", "degradation": {"steps": [{"step": "downscale", "resampling": {"area": 1}}]}}
    )
    bank = make_bank()
    offsets = set()
    for step in range(6):
        crops = make_batch(bank, data, 4, 10, seed=3, step=step)
        assert crops.lr.shape == (4, 3, 10, 10)
        assert torch.allclose(crops.lr, F.avg_pool2d(crops.hr, 4), atol=0.51 / 255)
        _, whole = bank.batch(4, 10 + MARGIN, seed=3, step=step, augment=True)
        offsets |= {
            (top, left)
            for top in range(MARGIN + 1)
            for left in range(MARGIN + 1)
            if torch.equal(whole[:, :, top * 4 : top * 4 + 40, left * 4 : left * 4 + 40], crops.hr)
        }
    assert len(offsets) > 3


def test_a_share_of_batches_is_left_clean() -> None:
    steps = [{"step": "noise", "gaussian": 1, "poisson": 0, "sigma": [20, 20]}]
    data = Data.model_validate({"hr": ".", "degradation": {"clean": 0.4, "steps": steps}})
    bank = make_bank()
    batches = [make_batch(bank, data, 2, 8, seed=0, step=step) for step in range(40)]
    clean = [not crops.words[0] for crops in batches]
    assert 8 <= sum(clean) <= 24
    lr, _ = bank.batch(2, 8, seed=0, step=clean.index(True), augment=True)
    assert torch.equal(batches[clean.index(True)].lr, lr)


def test_validation_pictures_are_always_degraded_alike() -> None:
    hr = (smooth(1, 64)[0] * 255).byte().permute(1, 2, 0).numpy()
    pair = Pair("one", hr, hr[::4, ::4])
    table = load_degradation("heavy")
    first, again, other = (degrade_pair(pair, table, 4, number) for number in (0, 0, 1))
    assert first.lr.shape == (16, 16, 3)
    assert first.lr.dtype == np.uint8
    assert np.array_equal(first.lr, again.lr)
    assert not np.array_equal(first.lr, other.lr)


def test_ways_may_be_named(tmp_path: Path) -> None:
    recipe = load_recipe(
        "tiny", ['data.degradation={steps=[{step="one_of", options=["light", "heavy"]}]}'], hr=tmp_path
    )
    assert recipe.data.degradation is not None
    (choose,) = recipe.data.degradation.steps
    assert isinstance(choose, OneOf)
    assert choose.options == (load_degradation("light").steps, load_degradation("heavy").steps)
    file = tmp_path / "recipe.toml"
    file.write_text(dump_recipe(recipe), encoding="utf-8")
    assert load_recipe(file) == recipe


def test_a_named_table_is_written_out_in_the_run_folder(tmp_path: Path) -> None:
    recipe = load_recipe("tiny", ["data.degradation=light"], hr=tmp_path)
    assert recipe.data.degradation == load_degradation("light")
    file = tmp_path / "recipe.toml"
    file.write_text(dump_recipe(recipe), encoding="utf-8")
    assert load_recipe(file) == recipe


def test_a_number_is_a_range_and_a_name_the_only_choice(tmp_path: Path) -> None:
    def read(value: str) -> Degradation | None:
        return load_recipe("tiny", [f"data.degradation={value}"], hr=tmp_path).data.degradation

    short = (
        '[{step="blur", kernels="motion", length=5}, {step="downscale", resampling="area"}, {step="jpeg", quality=50}]'
    )
    long = """{steps=[{step="blur", kernels={motion=1}, length=[5, 5]}, {step="downscale", resampling={area=1}},
        {step="jpeg", quality=[50, 50]}]}"""
    assert read(short) == read(long) is not None


def test_the_pages_tell_every_key_and_what_holds_without_it() -> None:
    page = (Path(__file__).parents[3] / "docs" / "degradations.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\|(.*?)\| `(\w+)` \| (.*?) \| ", page, re.MULTILINE)
    told: dict[str, dict[str, str]] = {}
    name = ""
    for steps, key, default in rows:
        name = steps.strip(" `").split("`")[0] or name  # Or that of the row above.
        told.setdefault(name, {})[key] = default.strip("`")
    for kind in (Blur, Resize, Downscale, Noise, Compress, Shift, OneOf):
        fields = {name: field.default for name, field in kind.model_fields.items()}
        (name, *_) = get_args(kind.model_fields["step"].annotation)
        assert set(told[name]) == set(fields) - {"step"}
        for key, words in told[name].items():
            if key not in {"wide_cutoff", "options"}:
                value = tomllib.loads(f"value = {words}")["value"]
                assert _flat(value) == pytest.approx(_flat(fields[key]), abs=1e-3), (name, key)


def _flat(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("fog", "there is no degradation called 'fog'"),
        ('{steps=[{step="one_of", options=["fog"]}]}', "there is no degradation called 'fog'"),
        ('{steps=[{step="blur", radius=3}]}', "unknown key data.degradation.steps.0.radius"),
        ('{steps=[{step="blur", size=[9, 7]}]}', "from the smaller to the larger"),
        ('{steps=[{step="blur", size=[9]}]}', "give a number, or two for a range"),
        ('{steps=[{step="fog"}]}', "'fog'"),
        ('{steps=[{step="noise", gaussian=0, poisson=0}]}', "one of the weights must be above 0"),
        (
            '{steps=[{step="one_of", options=[[{step="jpeg", q=3}]]}]}',
            "options.0.0.q; known here are probability, quality",
        ),
        (
            '{steps=[{step="resize", up=1, factor=[1.1, 1.5]}]}',
            "factor [1.1, 1.5] has none for down, whose weight is 1",
        ),
        ('{steps=[{step="resize", up=1, down=0, factor=[0.3, 0.8]}]}', "has none for up"),
        ('{steps=[{step="blur", kernels={motion=1}, length=[3, 40]}]}', "longer than its kernel"),
        ('{steps=[{step="blur", halved_beta=true, plateau_beta=[2, 3]}]}', "divides plateau_beta at 1"),
        ("{steps=[]}", "data.degradation.steps"),
    ],
)
def test_what_will_not_do_is_named(tmp_path: Path, value: str, words: str) -> None:
    with pytest.raises(RecipeError) as caught:
        load_recipe("tiny", [f"data.degradation={value}"], hr=tmp_path)
    assert words in str(caught.value)


def test_the_steps_on_the_page_work(tmp_path: Path) -> None:
    page = (Path(__file__).parents[3] / "docs" / "degradations.md").read_text(encoding="utf-8")
    (snippet,) = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    table = Degradation.model_validate(tomllib.loads(snippet)["data"]["degradation"])
    assert len(table.steps) == 4
    named = set(re.findall(r"^\| (`.*?`) \|", page, re.MULTILINE))
    assert set(re.findall(r"`([a-z-]+)`", " ".join(named))) >= set(TABLES)


def test_copies_are_read_or_made(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="not both"):
        load_recipe("tiny", ["data.degradation=light"], hr=tmp_path, lr=tmp_path)


def test_preview_draws_pairs_and_their_words(tmp_path: Path) -> None:
    hr = (smooth(3, 128) * 255).byte().permute(0, 2, 3, 1).numpy()
    folder = tmp_path / "hr"
    folder.mkdir()
    for index, pixels in enumerate(hr):
        Image.fromarray(pixels).save(folder / f"{index}.png")
    sheet = tmp_path / "sheet.png"
    words = ["preview", "tiny", "--hr", str(folder), "-o", str(sheet), "--count", "3"]
    result = CliRunner().invoke(app, [*words, "--set", "data.degradation=photo"])
    assert result.exit_code == 0
    assert "3 pairs" in result.output
    with Image.open(sheet) as image:
        assert image.width > 4 * 256
        assert image.height > 2 * 256
    for place, sentence in (
        (sheet, "--overwrite"),
        (sheet.with_suffix(".jpg"), "a name that ends in .png, not "),
        (tmp_path / "none" / "sheet.png", "none does not exist"),
    ):
        with pytest.raises(MinutiaError, match=sentence):
            CliRunner().invoke(app, [*words, "-o", str(place)], catch_exceptions=False)
    unset = CliRunner().invoke(app, ["preview", "tiny", "--hr", ""])
    assert unset.exit_code == 2
    assert "The path is empty" in unset.output


def test_real_esrgan_draws_as_published(monkeypatch: pytest.MonkeyPatch) -> None:
    """Betas halved at 1; the cutoff of sinc from a fifth of its range in kernels of 13 and more, else from a third."""
    seen: dict[str, list[tuple[float, ...]]] = {"sinc": [], "gaussian": [], "plateau": []}
    for name, found in seen.items():
        real = getattr(kernels, name)

        def keep(size: int, *drawn: Any, found: Any = found, real: Any = real) -> Tensor:
            found.append((size, *(each for each in drawn if isinstance(each, float))))
            return real(size, *drawn)

        monkeypatch.setattr(kernels, name, keep)
    blur = load_degradation("real-esrgan").steps[0]
    for seed in range(3000):
        blur._draw(np.random.default_rng(seed))
    wide = [cutoff for size, cutoff in seen["sinc"] if size >= 13]
    narrow = [cutoff for size, cutoff in seen["sinc"] if size < 13]
    assert math.pi / 5 < min(wide) < math.pi / 3.5
    assert math.pi / 3 < min(narrow)
    betas = [drawn[-1] for drawn in seen["gaussian"] if drawn[-1] != 1.0]
    assert 0.4 < np.mean([beta < 1 for beta in betas]) < 0.6
    plateaus = [drawn[-1] for drawn in seen["plateau"]]
    assert 0.4 < np.mean([beta == 1 for beta in plateaus]) < 0.6
    assert max(plateaus) > 1.9
