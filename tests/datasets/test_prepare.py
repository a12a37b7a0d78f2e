from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from helpers_datasets import save, small_set
from PIL import Image

from minutia.datasets import prepare as room
from minutia.datasets.catalog import find_dataset
from minutia.datasets.cutting import Box, Settings, plan_boxes
from minutia.datasets.prepare import prepare_dataset, prepare_own, scale_for
from minutia.errors import DataError, PictureError
from minutia.evaluate.benchmark import find_test_set
from minutia.image.color import spare_bits
from minutia.image.io import read, write
from minutia.image.pairs import find_pairs, load_pair
from minutia.image.resize import downscale, resize
from minutia.types import Picture


@pytest.fixture
def photos(scenes: list[np.ndarray], tmp_path: Path) -> Path:
    """Four PNGs of 160x128 in a folder, one of them deeper."""
    folder = tmp_path / "photos"
    for index, scene in enumerate(scenes):
        save(scene, folder / ("deep" if index == 3 else "") / f"{index}.png")
    return folder


def pixels(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image)


def test_a_folder_becomes_pairs(photos: Path, scenes: list[np.ndarray], tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = prepare_own(photos, out, Settings())
    assert (done.num_pairs, done.skipped, done.is_new) == (4, {}, True)
    assert sorted(path.name for path in out.iterdir()) == ["HR", "LR", "manifest.json"]
    assert (out / "HR" / "0.png").read_bytes() == (photos / "0.png").read_bytes()
    assert np.array_equal(pixels(out / "LR" / "deep" / "3.png"), downscale(scenes[3], 4))
    assert len(find_pairs(out / "HR", out / "LR", 4)) == 4
    assert len(find_test_set(out, 4).files) == 4


def test_the_manifest_tells_all(photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    prepare_own(photos, out, Settings(count=3, seed=7, scale=2))
    manifest = json.loads((out / "manifest.json").read_text(encoding="utf-8"))
    wanted = {"name": "photos", "source": str(photos), "count": 3, "seed": 7, "scale": 2, "resize": None, "crop": None}
    assert wanted.items() <= manifest.items()
    assert len(manifest["pictures"]) == 3
    files = {path.relative_to(out).as_posix(): path for path in out.rglob("*.png")}
    assert len(files) == 6
    assert manifest["files"] == {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in files.items()}


def test_the_same_again_does_nothing_and_another_is_refused(photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    prepare_own(photos, out, Settings(count=2))
    times = {path: path.stat().st_mtime_ns for path in out.rglob("*")}
    again = prepare_own(photos, out, Settings(count=2))
    assert (again.is_new, again.num_pairs) == (False, 2)
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*")} == times
    with pytest.raises(DataError, match=r"was prepared differently: count 2, not 3; choose a new folder"):
        prepare_own(photos, out, Settings(count=3))
    with pytest.raises(DataError, match="was prepared differently"):
        prepare_own(photos, out, Settings(count=2, seed=1))
    next((out / "HR").rglob("*.png")).unlink()
    with pytest.raises(DataError, match=r"lacks HR/.*; delete it and prepare it again"):
        prepare_own(photos, out, Settings(count=2))


def test_replaced_pictures_are_noticed(photos: Path, scenes: list[np.ndarray], tmp_path: Path) -> None:
    prepare_own(photos, tmp_path / "out", Settings())
    save(scenes[1][::-1], photos / "0.png")
    with pytest.raises(DataError, match=r"prepared differently: from other pictures"):
        prepare_own(photos, tmp_path / "out", Settings())


def test_foreign_folders_are_left_alone(photos: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.txt").write_text("precious")
    with pytest.raises(DataError, match="out exists; choose a new folder"):
        prepare_own(photos, tmp_path / "out", Settings())
    with pytest.raises(DataError, match="would be used as a source"):
        prepare_own(photos, photos / "out", Settings())
    (tmp_path / "empty").mkdir()
    assert prepare_own(photos, tmp_path / "empty", Settings()).num_pairs == 4


def test_pictures_are_resized(photos: Path, scenes: list[np.ndarray], tmp_path: Path) -> None:
    prepare_own(photos, tmp_path / "out", Settings(resize=(96, 64)))
    hr = resize(scenes[1], 64, 96)
    assert np.array_equal(pixels(tmp_path / "out" / "HR" / "1.png"), hr)
    assert np.array_equal(pixels(tmp_path / "out" / "LR" / "1.png"), downscale(hr, 4))


@pytest.mark.parametrize("settings", [Settings(), Settings(resize=(96, 64)), Settings(crop=64)], ids=str)
def test_pictures_keep_their_depth(photos: Path, scenes: list[np.ndarray], tmp_path: Path, settings: Settings) -> None:
    """Of 12 bits in 16: what is made of them has no more, so that training lifts both alike."""
    for path in photos.rglob("*.png"):
        path.unlink()
    grey = scenes[0][:, :, :1].astype(np.uint16) * 16
    grey[:, 96:112], grey[:, 112:] = 0, 4095  # Beyond which bicubic goes at such an edge.
    write(Picture(grey), photos / "0.png")
    out = tmp_path / "out"
    prepare_own(photos, out, settings)
    for files in find_pairs(out / "HR", out / "LR", 4):
        hr, lr = (read(path).pixels for path in (files.hr, files.lr))
        assert hr.dtype == lr.dtype == np.uint16
        assert spare_bits(hr) >= 4 <= spare_bits(lr)
        assert len(np.unique(lr)) > 30
        pair = load_pair(files, 4, 1, deep=True)
        assert abs(pair.hr.mean() - pair.lr.mean()) < 655


def test_pictures_are_cut_edge_to_edge(photos: Path, scenes: list[np.ndarray], tmp_path: Path) -> None:
    done = prepare_own(photos, tmp_path / "out", Settings(crop=48, scale=2))
    assert done.num_pairs == 4 * 6
    whole = downscale(scenes[0], 2)
    for index, (top, left) in enumerate([(0, 0), (0, 48), (0, 96), (48, 0), (48, 48), (48, 96)]):
        name = f"0_{index:03d}.png"
        assert np.array_equal(pixels(tmp_path / "out" / "HR" / name), scenes[0][top : top + 48, left : left + 48])
        low = whole[top // 2 : top // 2 + 24, left // 2 : left // 2 + 24]
        assert np.array_equal(pixels(tmp_path / "out" / "LR" / name), low)


def test_boxes_cover_what_fits() -> None:
    assert plan_boxes(5, 9, Settings(crop=16)) == [Box(0, 0, 4, 4), Box(0, 4, 4, 4)]
    assert plan_boxes(5, 9, Settings()) == [Box(0, 0, 5, 9)]
    assert plan_boxes(3, 9, Settings(crop=16)) == []
    assert plan_boxes(0, 9, Settings()) == []


def test_sides_are_cut_to_the_scale_and_jpegs_that_fit_stay_jpegs(scenes: list[np.ndarray], tmp_path: Path) -> None:
    save(scenes[0][:127, :159], tmp_path / "in" / "odd.jpg")
    whole = save(scenes[1], tmp_path / "in" / "even.jpg")
    prepare_own(tmp_path / "in", tmp_path / "out", Settings())
    assert pixels(tmp_path / "out" / "HR" / "odd.png").shape == (124, 156, 3)
    assert (tmp_path / "out" / "HR" / "even.jpg").read_bytes() == whole.read_bytes()
    assert len(find_pairs(tmp_path / "out" / "HR", tmp_path / "out" / "LR", 4)) == 2


def test_pictures_that_cannot_serve_are_left_out_and_named(photos: Path, tmp_path: Path) -> None:
    (photos / "0.png").write_bytes(b"broken")
    save(np.zeros((3, 50, 3), np.uint8), photos / "1.png")
    done = prepare_own(photos, tmp_path / "out", Settings())
    assert done.num_pairs == 2
    assert "damaged or not a picture" in done.skipped["0"]
    assert "smaller than the scale 4" in done.skipped["1"]
    again = prepare_own(photos, tmp_path / "out", Settings())
    assert (again.is_new, again.skipped) == (False, done.skipped)
    with pytest.raises(DataError, match=r"None of the 4 pictures can be used; the first: .*0\.png is damaged"):
        prepare_own(photos, tmp_path / "other", Settings(crop=512))
    assert not (tmp_path / ".other.part").exists()


def test_a_run_that_was_stopped_is_gone_on_with(photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real, done = room.cut, []

    def stopped(source: room.Source, settings: Settings) -> list[object]:
        if len(done) == 2:
            raise KeyboardInterrupt
        done.append(source.name)
        return real(source, settings)

    monkeypatch.setattr("minutia.datasets.workers.MAX_WORKERS", 1)
    monkeypatch.setattr(room, "cut", stopped)
    with pytest.raises(KeyboardInterrupt):
        prepare_own(photos, tmp_path / "out", Settings())
    assert not (tmp_path / "out").exists()
    journal = tmp_path / ".out.part" / "journal.jsonl"
    journal.write_text(journal.read_text() + '{"name": "half a li')
    rest: list[str] = []
    monkeypatch.setattr(room, "cut", lambda source, settings: (rest.append(source.name), real(source, settings))[1])
    assert prepare_own(photos, tmp_path / "out", Settings()).num_pairs == 4
    assert (done, rest) == (["0", "1"], ["2", "deep/3"])
    assert len(json.loads((tmp_path / "out" / "manifest.json").read_text())["files"]) == 8
    assert not journal.parent.exists()


def test_what_was_stopped_for_another_wish_is_begun_anew(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(room, "cut", stop)
        with pytest.raises(KeyboardInterrupt):
            prepare_own(photos, tmp_path / "out", Settings())
    save(np.zeros((8, 8, 3), np.uint8), tmp_path / ".out.part" / "HR" / "stale.png")
    prepare_own(photos, tmp_path / "out", Settings(count=1))
    assert len(list((tmp_path / "out").rglob("*.png"))) == 2


def test_a_full_disk_ends_the_run(photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise PictureError("out.png cannot be written: the disk is full.")

    with monkeypatch.context() as patch:
        patch.setattr("minutia.datasets.cutting.write", full)
        with pytest.raises(PictureError, match="the disk is full"):
            prepare_own(photos, tmp_path / "out", Settings())
    assert not (tmp_path / "out").exists()
    assert prepare_own(photos, tmp_path / "out", Settings()).num_pairs == 4


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"resize": (128, 130)}, "--resize: 130 is not a multiple of the scale 4"),
        ({"crop": 50}, "--crop: 50 is not a multiple of the scale 4"),
        ({"crop": 48, "resize": (48, 48)}, "--resize and --crop cannot be combined"),
        ({"count": 0}, "--count must be 1 or more"),
        ({"scale": 0}, "--scale must be 1 or more"),
    ],
)
def test_impossible_wishes_are_refused(options: dict[str, object], sentence: str) -> None:
    with pytest.raises(DataError, match=sentence):
        Settings(**options)


def test_copies_that_come_with_a_set_are_kept(scenes: list[np.ndarray], tmp_path: Path) -> None:
    dataset = small_set("set5", scenes, tmp_path / "in")
    done = prepare_dataset(dataset, tmp_path / "in", tmp_path / "out", Settings(scale=2))
    assert done.num_pairs == 4
    assert np.array_equal(pixels(tmp_path / "out" / "HR" / "img_002.png"), scenes[1])
    assert np.array_equal(pixels(tmp_path / "out" / "LR" / "img_002.png"), downscale(scenes[1], 2))
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert list(manifest["archives"]) == ["Set5_SR.zip"]
    assert manifest["licence"] == "not stated; used for research."
    with pytest.raises(DataError, match="has low-resolution pictures of its own, which --resize does not keep"):
        prepare_dataset(dataset, tmp_path / "in", tmp_path / "o2", Settings(resize=(32, 32)))


def test_copies_may_be_rounded_up_and_are_cut_with_their_originals(scenes: list[np.ndarray], tmp_path: Path) -> None:
    """Sides of DIV2K are multiples of 12: a picture of 1356 rows has 170 at a scale of 8, where 169.5 would fit."""
    save(scenes[0][:124], tmp_path / "in" / "DIV2K_valid_HR" / "0801.png")
    copy = save(downscale(scenes[0], 8), tmp_path / "in" / "DIV2K_valid_LR_x8" / "0801x8.png")
    dataset = find_dataset("div2k-bicubic-x8-valid")
    prepare_dataset(dataset, tmp_path / "in", tmp_path / "out", Settings(scale=8))
    assert pixels(tmp_path / "out" / "HR" / "0801.png").shape == (120, 160, 3)
    assert np.array_equal(pixels(tmp_path / "out" / "LR" / "0801.png"), downscale(scenes[0], 8)[:15])
    save(downscale(scenes[0], 4), copy)
    with pytest.raises(DataError, match=r"0801x8\.png has 40x32 pixels, but 1/8 of .*0801\.png is 20x15"):
        prepare_dataset(dataset, tmp_path / "in", tmp_path / "out2", Settings(scale=8))


def test_every_wild_copy_gets_its_original(scenes: list[np.ndarray], tmp_path: Path) -> None:
    dataset = small_set("div2k-wild-x4", scenes, tmp_path / "in")
    assert prepare_dataset(dataset, tmp_path / "in", tmp_path / "out", Settings(count=1)).num_pairs == 4
    names = sorted(path.name for path in (tmp_path / "out" / "LR").iterdir())
    assert [name[4:] for name in names] == [f"x4w{copy}.png" for copy in (1, 2, 3, 4)]
    assert sorted(path.name for path in (tmp_path / "out" / "HR").iterdir()) == names


def test_scales_are_those_of_the_set() -> None:
    assert scale_for(find_dataset("div2k"), None) == 4
    assert scale_for(find_dataset("div2k"), 3) == 3
    assert scale_for(find_dataset("div2k-bicubic-x2"), None) == 2
    assert scale_for(find_dataset("set14"), None) == 4
    with pytest.raises(DataError, match="div2k-bicubic-x2 has low-resolution pictures of x2, not x4; change --scale"):
        scale_for(find_dataset("div2k-bicubic-x2"), 4)


def test_the_new_folder_may_be_told_from_inside_the_old_one(
    scenes: list[np.ndarray], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(scenes[0], tmp_path / "pictures" / "a.png")
    monkeypatch.chdir(tmp_path / "pictures")
    assert prepare_own(Path(), Path("../out"), Settings(scale=4)).num_pairs == 1
    (tmp_path / "link").symlink_to(tmp_path / "pictures")
    with pytest.raises(DataError, match="is inside"):
        prepare_own(Path(), tmp_path / "link" / "out", Settings(scale=4))


def test_the_working_folder_is_not_exchanged(photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    for name in (".", "../empty"):
        with pytest.raises(DataError, match="is the working folder; choose a new folder"):
            prepare_own(photos, Path(name), Settings())
    (tmp_path / "link").symlink_to(tmp_path / "real")
    (tmp_path / "real").mkdir()
    assert prepare_own(photos, tmp_path / "link", Settings()).num_pairs == 4
    assert sorted(path.name for path in tmp_path.iterdir()) == ["empty", "link", "photos", "real"]
