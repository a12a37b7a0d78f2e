from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage import data

from minutia.errors import DataError
from minutia.evaluate.benchmark import Contestant, find_test_set, run_benchmark
from minutia.evaluate.report import to_json, to_markdown
from minutia.image.resize import downscale
from minutia.metrics.fidelity import CONVENTION, score_y
from minutia.types import Picture

ORIGINALS = {"a.png": data.astronaut()[:64, 100:180], "b.png": data.astronaut()[200:296, 100:164]}


def nearest(picture: Picture) -> Picture:
    return Picture(picture.pixels.repeat(4, axis=0).repeat(4, axis=1))


NEAREST = Contestant("nearest", 4, nearest)


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
    assert "| Mine | b.png | bicubic |" in text
    assert CONVENTION in text
    assert "b.png" not in to_markdown(results)
