from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage import data

from minutia.errors import DataError
from minutia.evaluate.benchmark import Method, find_test_set, run_benchmark
from minutia.evaluate.measures import CHECKERBOARD, NIQE, PSNR, SSIM, Measure
from minutia.evaluate.report import to_json, to_markdown
from minutia.image.resize import downscale
from minutia.metrics.fidelity import CONVENTION, score_y
from minutia.metrics.niqe import niqe
from minutia.types import Picture

ORIGINALS = {"a.png": data.astronaut()[:64, 100:180], "b.png": data.astronaut()[200:296, 100:164]}


def nearest(picture: Picture) -> Picture:
    return Picture(picture.pixels.repeat(4, axis=0).repeat(4, axis=1))


NEAREST = Method("nearest", 4, nearest)


@pytest.fixture
def originals(tmp_path: Path) -> Path:
    folder = tmp_path / "Mine"
    folder.mkdir()
    for name, pixels in ORIGINALS.items():
        Image.fromarray(pixels).save(folder / name)
    return folder


def test_figures_are_those_of_the_pictures_and_bicubic_takes_part(originals: Path) -> None:
    seen: list[tuple[int, int]] = []
    bicubic, ours = run_benchmark([NEAREST], [originals], lambda done, total: seen.append((done, total)))
    assert [bicubic.model, ours.model] == ["bicubic", "nearest"]
    assert (ours.data, ours.scale) == ("Mine", 4)
    expected = {name: score_y(nearest(Picture(downscale(hr, 4))).pixels, hr, 4) for name, hr in ORIGINALS.items()}
    assert ours.pictures == {name: {"psnr": score.psnr, "ssim": score.ssim} for name, score in expected.items()}
    assert ours.mean["psnr"] == pytest.approx(np.mean([score.psnr for score in expected.values()]))
    assert bicubic.mean["psnr"] > ours.mean["psnr"]
    assert seen == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_layouts_of_test_sets(tmp_path: Path) -> None:
    tiny = Image.new("RGB", (8, 8))
    for place in ("Set5/x4/HR", "Set5/x2/HR", "Other/HR"):
        folder = tmp_path / place
        folder.mkdir(parents=True)
        tiny.save(folder / "1.png")
    lr = tmp_path / "Set5/x4/LR"
    lr.mkdir()
    tiny.resize((2, 2)).save(lr / "1.png")
    whole, part = find_test_set(tmp_path / "Set5", 4), find_test_set(tmp_path / "Set5/x4", 4)
    assert whole == part
    assert whole.name == "Set5"
    assert whole.files[0].lr == lr / "1.png"
    assert find_test_set(tmp_path / "Set5", 2).files[0].lr is None
    assert find_test_set(tmp_path / "Other", 3).name == "Other"
    with pytest.raises(DataError, match="does not exist"):
        find_test_set(tmp_path / "None", 4)
    with pytest.raises(DataError, match="holds x2 and x4, and no x3"):
        find_test_set(tmp_path / "Set5", 3)


@pytest.mark.parametrize("name", ["LR", "LRbicx4", "lrx4", "downsampled_x4"])
def test_small_copies_are_not_taken_for_originals(name: str, tmp_path: Path) -> None:
    for place in ("GTmod12", name):
        (tmp_path / place).mkdir()
        Image.new("RGB", (8, 8)).save(tmp_path / place / "1.png")
    with pytest.raises(DataError, match=f"holds {name}, low-resolution by name, and no HR"):
        find_test_set(tmp_path, 4)
    assert len(find_test_set(tmp_path / "GTmod12", 4).files) == 1


def test_pictures_of_one_name_in_several_folders_all_count(tmp_path: Path) -> None:
    for name, pixels in ORIGINALS.items():
        (tmp_path / name).mkdir()
        Image.fromarray(pixels).save(tmp_path / name / "0.png")
    _, ours = run_benchmark([NEAREST], [tmp_path])
    assert list(ours.pictures) == ["a.png/0.png", "b.png/0.png"]


def test_reports_carry_figures_and_convention(originals: Path) -> None:
    results = run_benchmark([NEAREST], [originals])
    table = json.loads(to_json(results))
    assert table[1]["pictures"]["a.png"]["psnr"] == results[1].pictures["a.png"]["psnr"]
    assert {row["conventions"]["ssim"] for row in table} == {CONVENTION}
    text = to_markdown(results, pictures=True)
    assert f"| Mine | x4 | nearest | {results[1].mean['psnr']:.2f} | {results[1].mean['ssim']:.4f} |" in text
    assert "| Mine | x4 | b.png | bicubic |" in text
    assert CONVENTION in text
    assert "b.png" not in to_markdown(results)


def test_models_of_one_name_keep_their_own_words(originals: Path) -> None:
    models = [Method("nearest", 4, nearest, about={"sha256": checksum}) for checksum in ("1a", "2b")]
    table = json.loads(to_json(run_benchmark(models, [originals])))
    assert [row.get("sha256") for row in table] == [None, "1a", "2b"]


def test_equal_pictures_are_null_where_there_is_no_infinity(tmp_path: Path) -> None:
    Image.new("RGB", (32, 32), "white").save(tmp_path / "blank.png")
    results = run_benchmark([NEAREST], [tmp_path])
    assert results[1].mean["psnr"] == np.inf
    row = json.loads(to_json(results), parse_constant=pytest.fail)[1]
    assert (row["psnr"], row["pictures"]["blank.png"]["psnr"], row["ssim"]) == (None, None, 1.0)


def test_hr_and_lr_are_found_in_letters_of_either_case(tmp_path: Path) -> None:
    for place, side in (("hr", 8), ("lr", 2)):
        (tmp_path / "mine" / place).mkdir(parents=True)
        Image.new("RGB", (side, side)).save(tmp_path / "mine" / place / "1.png")
    (files,) = find_test_set(tmp_path / "mine", 4).files
    assert (files.hr, files.lr) == (tmp_path / "mine/hr/1.png", tmp_path / "mine/lr/1.png")


def test_the_working_folder_has_a_name_too(originals: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(originals)
    assert find_test_set(Path(), 4).name == "Mine"
    (originals.parent / "Linked").symlink_to(originals)
    assert find_test_set(originals.parent / "Linked", 4).name == "Linked"
    shutil.copytree(originals, originals / "x4")
    monkeypatch.chdir(originals / "x4")
    assert find_test_set(Path("../x4"), 4).name == "Mine"


def test_what_cannot_be_measured_is_told_before_anything_is(originals: Path) -> None:
    other = originals.parent / "other" / "Mine"
    shutil.copytree(originals, other)
    enlarged: list[Picture] = []
    watched = Method("watched", 4, lambda picture: (enlarged.append(picture), nearest(picture))[1])
    with pytest.raises(DataError, match="Two test sets are called Mine; rename the folder of one"):
        run_benchmark([watched], [originals, other])
    # 19 are enough for SSIM and its border, but of 19 the scale leaves 16.
    Image.new("RGB", (30, 19)).save(originals / "z.png")
    with pytest.raises(DataError, match=r"z\.png has 30x19 pixels, and SSIM at x4 needs sides of 20; remove it"):
        run_benchmark([watched], [originals])
    assert enlarged == []


@pytest.mark.parametrize("scale", [2, 3, 4, 8])
@pytest.mark.parametrize("measure", [PSNR, SSIM, NIQE, CHECKERBOARD], ids=lambda measure: measure.key)
def test_the_smallest_pictures_that_are_let_through_can_be_measured(measure: Measure, scale: int) -> None:
    side = -(-measure.least(scale) // scale) * scale
    noise = np.random.default_rng(0).integers(0, 256, (side, side, 3), dtype=np.uint8)
    assert np.isfinite(measure.compute(noise[::-1], noise, scale))
    smaller = noise[:-scale, :-scale]
    with pytest.raises(DataError, match="too small"):
        measure.compute(smaller[::-1], smaller, scale)


def test_originals_tell_what_is_natural_where_a_measure_needs_none(originals: Path) -> None:
    for name in ORIGINALS:
        with Image.open(originals / name) as picture:
            picture.resize((128, 128)).save(originals / name)
    assert [each.model for each in run_benchmark([NEAREST], [originals], measures=[PSNR])] == ["bicubic", "nearest"]
    *_, last = run_benchmark([NEAREST], [originals], measures=[PSNR, NIQE])
    assert last.model == "original"
    with Image.open(originals / "a.png") as picture:
        assert last.pictures["a.png"] == {"psnr": np.inf, "niqe": niqe(np.asarray(picture), crop=4)}
