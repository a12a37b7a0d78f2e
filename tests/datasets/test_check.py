from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
from helpers_datasets import save
from PIL import Image

from minutia.datasets.check import check
from minutia.datasets.findings import Kind, Report
from minutia.datasets.repair import repair
from minutia.errors import DataError
from minutia.image.io import read, write
from minutia.image.pairs import find_pairs
from minutia.image.resize import downscale
from minutia.types import Picture

SCALE = 2
BANDS = {"photometric": "minisblack", "planarconfig": "contig"}


@pytest.fixture
def pairs(scenes: list[np.ndarray], tmp_path: Path) -> Path:
    """HR and LR folders with nothing wrong: 0.png to 3.png, the last one in a sub-folder."""
    for index, scene in enumerate(scenes):
        name = f"sub/{index}.png" if index == 3 else f"{index}.png"
        save(scene, tmp_path / "set" / "HR" / name)
        save(downscale(scene, SCALE), tmp_path / "set" / "LR" / name.replace(".png", f"x{SCALE}.png"))
    return tmp_path / "set"


def found(report: Report) -> list[tuple[Kind, str]]:
    return [(finding.kind, finding.path.name) for finding in report.findings]


def test_good_pairs_have_nothing(pairs: Path) -> None:
    counts: list[tuple[int, int]] = []
    report = check(pairs, scale=SCALE, progress=lambda *pair: counts.append(pair))
    assert found(report) == []
    assert (report.hr, report.lr, len(report.candidates)) == (pairs / "HR", pairs / "LR", 4)
    assert counts == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert found(check(pairs / "HR", pairs / "LR", SCALE)) == []
    assert found(check(pairs / "HR", scale=SCALE)) == []


def test_missing_partners(pairs: Path) -> None:
    (pairs / "LR" / "0x2.png").unlink()
    (pairs / "HR" / "sub" / "3.png").unlink()
    report = check(pairs, scale=SCALE)
    assert found(report) == [("partner", "0.png"), ("partner", "3x2.png")]
    assert [finding.detail for finding in report.findings] == ["lacks its low-resolution picture", "lacks its original"]


def test_unreadable_files(pairs: Path) -> None:
    (pairs / "HR" / "1.png").write_bytes(b"broken")
    copy = pairs / "LR" / "2x2.png"
    copy.write_bytes(copy.read_bytes()[:500])
    report = check(pairs, scale=SCALE)
    assert found(report) == [("unreadable", "1.png"), ("unreadable", "2x2.png")]
    assert report.findings[0].detail == "is damaged or not a picture"


def test_sizes(pairs: Path, scenes: list[np.ndarray]) -> None:
    save(scenes[0][:60, :80], pairs / "LR" / "0x2.png")
    save(scenes[1][:127, :159], pairs / "HR" / "1.png")  # Its copy is rounded up, as MATLAB makes it.
    save(scenes[2][:1, :50], pairs / "HR" / "2.png")
    report = check(pairs, scale=SCALE)
    assert found(report) == [("size", "0x2.png"), ("sides", "1.png"), ("small", "2.png")]
    assert report.findings[0].detail == "80x60, but 1/2 of the original is 80x64"
    assert report.findings[1].detail == "159x127"


def test_copies_of_something_else(pairs: Path, scenes: list[np.ndarray]) -> None:
    save(downscale(scenes[1], SCALE), pairs / "LR" / "0x2.png")
    save(np.zeros((64, 80, 3), np.uint8), pairs / "LR" / "1x2.png")
    assert found(check(pairs, scale=SCALE)) == [("different", "0x2.png"), ("different", "1x2.png")]


def test_displaced_copies(pairs: Path, scenes: list[np.ndarray]) -> None:
    save(downscale(np.roll(scenes[0], (2, -3), axis=(0, 1)), SCALE), pairs / "LR" / "0x2.png")
    save(scenes[1][::2, ::2], pairs / "LR" / "1x2.png")
    report = check(pairs, scale=SCALE)
    assert found(report) == [("displaced", "0x2.png"), ("displaced", "1x2.png")]
    right, down = (float(word) for word in report.findings[0].detail.split() if word[0] in "+-")
    assert (right, down) == pytest.approx((-1.5, 1), abs=0.1)
    same = np.asarray(Image.fromarray(scenes[1]).resize((80, 64), Image.Resampling.LANCZOS))
    save(same, pairs / "LR" / "1x2.png")
    assert found(check(pairs, scale=SCALE)) == [("displaced", "0x2.png")]


def test_pairs_of_one_size_are_compared_too(scenes: list[np.ndarray], tmp_path: Path) -> None:
    for name, shift in (("a", 0), ("b", 1)):
        scene = scenes[0 if name == "a" else 1]
        save(scene, tmp_path / "HR" / f"{name}.png")
        save(np.roll(scene, shift, axis=0), tmp_path / "LR" / f"{name}.png")
    assert found(check(tmp_path, scale=1)) == [("displaced", "b.png")]


def test_duplicates(pairs: Path, scenes: list[np.ndarray], tmp_path: Path) -> None:
    save(scenes[3], pairs / "HR" / "again.jpg", quality=60)
    save(downscale(scenes[3], SCALE), pairs / "LR" / "again.png")
    report = check(pairs, scale=SCALE)
    assert found(report) == [("duplicate", "3.png")]
    assert report.findings[0].detail == "same as again.jpg"


def test_jpeg_history_is_seen_in_lossless_files_alone(scenes: list[np.ndarray], tmp_path: Path) -> None:
    spoilt = save(scenes[0], tmp_path / "a.jpg", quality=50)
    with Image.open(spoilt) as image:
        save(np.asarray(image), tmp_path / "other" / "b.png")
    assert found(check(tmp_path / "other", scale=SCALE)) == [("jpeg", "b.png")]
    (tmp_path / "other" / "b.png").unlink()
    assert found(check(tmp_path, scale=SCALE)) == []


def test_twelve_bits_in_sixteen_are_not_flat(scenes: list[np.ndarray], tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", scenes[0].astype(np.uint16), photometric="rgb")
    assert found(check(tmp_path, scale=SCALE)) == []


def test_flat_pictures_are_no_duplicates_of_each_other(tmp_path: Path) -> None:
    for name in ("a", "b"):
        save(np.full((64, 64, 3), 255, np.uint8), tmp_path / f"{name}.png")
    assert found(check(tmp_path)) == [("flat", "a.png"), ("flat", "b.png")]


def test_folders_may_be_named_in_small_letters(pairs: Path) -> None:
    for name in ("HR", "LR"):
        (pairs / name).rename(pairs / name.lower())
    report = check(pairs, scale=SCALE)
    assert (report.hr, report.lr, len(report.candidates)) == (pairs / "hr", pairs / "lr", 4)
    assert found(report) == []


def test_names_that_differ_in_the_suffix_alone(scenes: list[np.ndarray], tmp_path: Path) -> None:
    save(scenes[0], tmp_path / "a.png")
    save(scenes[1], tmp_path / "a.bmp")
    assert found(check(tmp_path)) == [("name", "a.png")]


def test_folders_that_cannot_be_checked(tmp_path: Path, pairs: Path) -> None:
    with pytest.raises(DataError, match="none does not exist"):
        check(tmp_path / "none")
    with pytest.raises(DataError, match="nowhere does not exist"):
        check(pairs / "HR", tmp_path / "nowhere")
    with pytest.raises(DataError, match=r"2\.png is a file; give the folder that contains it"):
        check(pairs / "HR" / "2.png")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="There are no pictures in"):
        check(tmp_path / "empty")


def spoil(pairs: Path, scenes: list[np.ndarray]) -> None:
    """One that is cut, one that is left out, two that are good."""
    save(scenes[0][:127, :159], pairs / "HR" / "0.png")
    (pairs / "LR" / "1x2.png").unlink()


def test_a_repaired_folder_has_nothing_wrong(pairs: Path, scenes: list[np.ndarray], tmp_path: Path) -> None:
    spoil(pairs, scenes)
    before = {path: path.read_bytes() for path in pairs.rglob("*.png")}
    fixed = repair(check(pairs, scale=SCALE), tmp_path / "new")
    assert (fixed.num_kept, fixed.num_cut, fixed.num_left_out) == (3, 1, 1)
    assert found(check(tmp_path / "new", scale=SCALE)) == []
    assert len(find_pairs(tmp_path / "new" / "HR", tmp_path / "new" / "LR", SCALE)) == 3
    assert (tmp_path / "new" / "HR" / "2.png").read_bytes() == before[pairs / "HR" / "2.png"]
    assert {path: path.read_bytes() for path in pairs.rglob("*.png")} == before


def test_a_repaired_folder_without_copies_holds_the_pictures_themselves(
    pairs: Path, scenes: list[np.ndarray], tmp_path: Path
) -> None:
    spoil(pairs, scenes)
    fixed = repair(check(pairs / "HR", scale=SCALE), tmp_path / "new")
    assert (fixed.num_kept, fixed.num_cut, fixed.num_left_out) == (4, 1, 0)
    with Image.open(tmp_path / "new" / "0.png") as image:
        assert image.size == (158, 126)
    assert (tmp_path / "new" / "sub" / "3.png").exists()


def test_a_repair_harms_nothing(pairs: Path, scenes: list[np.ndarray], tmp_path: Path) -> None:
    spoil(pairs, scenes)
    report = check(pairs, scale=SCALE)
    with pytest.raises(DataError, match="is inside the folder that was checked"):
        repair(report, pairs / "HR" / "new")
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "thesis.txt").write_text("precious")
    with pytest.raises(DataError, match="taken exists; choose a new folder"):
        repair(report, tmp_path / "taken")
    for path in (pairs / "HR").rglob("*.png"):
        path.write_bytes(b"broken")
    with pytest.raises(DataError, match=r"No picture of .* is without defects; .* was not made"):
        repair(check(pairs, scale=SCALE), tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_bands_and_measurements_are_looked_at_as_their_mean(scenes: list[np.ndarray], tmp_path: Path) -> None:
    for index, scene in enumerate(scenes):
        bands = np.concatenate([scene, scene[:, :, :2] // 2], axis=2).astype(np.float32) * 40 - 2000
        small = downscale(bands, SCALE)
        for folder, pixels in (("HR", bands), ("LR", np.roll(small, 3, axis=1) if index == 1 else small)):
            (tmp_path / "set" / folder).mkdir(parents=True, exist_ok=True)
            tifffile.imwrite(tmp_path / "set" / folder / f"{index}.tif", pixels, **BANDS)
    tifffile.imwrite(tmp_path / "set" / "HR" / "2.tif", np.full_like(bands, 7), **BANDS)
    report = check(tmp_path / "set", scale=SCALE)
    assert found(report) == [("displaced", "1.tif"), ("flat", "2.tif")]
    odd = tmp_path / "set" / "HR" / "3.tif"
    tifffile.imwrite(odd, bands[:-1, :-1], **BANDS)
    fixed = repair(check(tmp_path / "set", scale=SCALE), tmp_path / "new")
    assert (fixed.num_kept, fixed.num_cut, fixed.num_left_out) == (2, 1, 2)
    assert np.array_equal(tifffile.imread(tmp_path / "new" / "HR" / "3.tif"), bands[:-2, :-2])
    assert np.array_equal(tifffile.imread(tmp_path / "new" / "LR" / "3.tif"), small[:-1, :-1])
    assert found(check(tmp_path / "new", scale=SCALE)) == []
    for kind in ("HR", "LR"):
        assert (tmp_path / "new" / kind / "0.tif").read_bytes() == (tmp_path / "set" / kind / "0.tif").read_bytes()


def test_what_is_cut_keeps_its_depth_and_transparency(scenes: list[np.ndarray], tmp_path: Path) -> None:
    deep = Picture(scenes[0][:-1].astype(np.uint16) * 257, np.full(scenes[0][:-1].shape[:2], 40000, np.uint16))
    write(deep, tmp_path / "in" / "a.png")
    assert repair(check(tmp_path / "in", scale=SCALE), tmp_path / "new").num_cut == 1
    kept = read(tmp_path / "new" / "a.png")
    assert np.array_equal(kept.pixels, deep.pixels[:-1])
    assert np.array_equal(kept.alpha, deep.alpha[:-1])
