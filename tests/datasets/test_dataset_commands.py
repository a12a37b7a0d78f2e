"""Commands as a person types them: words printed, files left, exit status."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from helpers_datasets import Site, save, small_archives
from typer.testing import CliRunner, Result

from minutia.cli.datasets import datasets
from minutia.datasets.catalog import DATASETS, find_dataset
from minutia.datasets.fetch import Patience
from minutia.image.resize import downscale


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*words: object) -> Result:
    return CliRunner().invoke(datasets, [str(word) for word in words])


def test_the_list_names_every_set() -> None:
    done = run("list")
    assert done.exit_code == 0, done.output
    named = {line.split()[0] for line in done.stdout.splitlines() if line}
    assert {dataset.name for dataset in DATASETS if not dataset.name.endswith("-valid")} <= named
    assert "div2k-difficult-x4  800 + 100" in done.stdout
    assert "by hand" in done.stdout


def test_download_and_prepare(site: Site, place: Path, scenes: list[np.ndarray]) -> None:
    site.files = small_archives(find_dataset("set5"), scenes)
    done = run("download", "set5", "--mirror", f"{site.address}/")
    assert done.exit_code == 0, done.output
    lines = done.stdout.splitlines()
    assert lines[0] == "Set5: 5 pictures, test set, bicubic"
    assert lines[1] == "  licence  not stated; used for research."
    assert "has no published checksum; its own is stored beside it" in done.stdout
    assert lines[-1] == "  minutia datasets prepare set5 -o FOLDER"
    again = run("download", "set5", "--mirror", site.address)
    assert "is the same file as at the first download" in again.stdout
    assert len(site.asked) == 1

    made = run("prepare", "set5", "-o", "out", "--scale", 2, "--crop", 64)
    assert made.exit_code == 0, made.output
    assert "out holds 16 pictures in HR, and as many x2 smaller in LR." in made.stdout
    assert "--hr out/HR --lr out/LR" in made.stdout.replace("\\", "/")
    twice = run("prepare", "set5", "-o", "out", "--scale", 2, "--crop", 64)
    assert "out was prepared before and holds 16 pictures" in twice.stdout


def test_a_wrong_file_from_a_mirror_is_refused(
    site: Site, place: Path, scenes: list[np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("minutia.datasets.download.Patience", lambda: Patience(pause_seconds=0))
    monkeypatch.setattr("minutia.datasets.disk.free_bytes", lambda _: 10**12)
    site.files = small_archives(find_dataset("mirflickr25k"), scenes)
    done = run("download", "mirflickr25k", "--mirror", site.address, "-o", "here")
    assert done.exit_code == 1
    assert "is not the published file" in str(done.exception)
    assert list((place / "here").iterdir()) == []


def test_a_disk_that_is_too_small_is_told_before_anything_is_asked(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("minutia.datasets.disk.free_bytes", lambda _: 10**9)
    done = run("download", "coco2017", "--mirror", site.address)
    assert done.exit_code == 1
    assert "coco2017 needs 19.3 GB in datasets, which has 1 GB free" in str(done.exception)
    assert site.asked == []


def test_what_has_no_address_is_told_and_taken_from_the_user(place: Path, scenes: list[np.ndarray]) -> None:
    done = run("download", "flickr30k")
    assert done.exit_code == 1
    assert "fill in the form at https://shannon.cs.illinois.edu/DenotationGraph/" in str(done.exception)
    archive = place / "flickr30k-images.tar.gz"
    archive.write_bytes(small_archives(find_dataset("flickr30k"), scenes)[archive.name])
    made = run("prepare", "flickr30k", "--from", archive, "-o", "out", "--count", 3)
    assert made.exit_code == 0, made.output
    assert len(list((place / "out" / "LR").iterdir())) == 3


def test_a_mirror_may_have_what_has_no_open_address(site: Site, place: Path, scenes: list[np.ndarray]) -> None:
    site.files = small_archives(find_dataset("flickr30k"), scenes)
    done = run("download", "flickr30k", "--mirror", site.address, "-o", "here")
    assert done.exit_code == 0, done.output
    assert done.stdout.endswith("  minutia datasets prepare flickr30k --from here -o FOLDER\n")
    assert (place / "here" / "flickr30k-images.tar.gz").read_bytes() == site.files["flickr30k-images.tar.gz"]


def test_own_pictures_are_prepared(place: Path, scenes: list[np.ndarray]) -> None:
    for index, scene in enumerate(scenes):
        save(scene, place / "photos" / f"{index}.png")
    (place / "photos" / "broken.png").write_bytes(b"broken")
    done = run("prepare", "photos", "-o", "out", "--resize", "128x96")
    assert done.exit_code == 0, done.output
    assert "Left out: photos/broken.png is damaged or not a picture." in done.stderr.replace("\\", "/")
    assert "out holds 4 pictures in HR, and as many x4 smaller in LR." in done.stdout
    for words, sentence in (
        (["photos", "--resize", "128"], "--resize takes WIDTHxHEIGHT, such as 384x384, not 128"),
        (["photos", "--scale", "0"], "--scale must be 1 or more, not 0"),
        (["photos", "--from", "x"], "--from is for the name of a set, and photos is a path"),
        (["div2k-bicubic-x2", "--scale", "4"], "has low-resolution pictures of x2, not x4"),
        (["potos"], "There is no data set called potos"),
    ):
        assert sentence in str(run("prepare", *words, "-o", "other").exception)


def test_a_place_for_what_is_mended_is_looked_at_first(place: Path) -> None:
    done = run("check", "none", "--fix", ".")
    assert str(done.exception) == ". is the working folder; choose a new folder."


@pytest.mark.skipif(sys.platform == "win32", reason="such names are refused there")
def test_names_of_files_are_printed_without_what_terminals_obey(place: Path) -> None:
    (place / "set").mkdir()
    (place / "set" / "a\x1b[31m.png").write_bytes(b"broken")
    assert "a\\x1b[31m.png" in run("check", "set").stdout


def test_check_and_fix(place: Path, scenes: list[np.ndarray]) -> None:
    for index, scene in enumerate(scenes):
        save(scene, place / "set" / "HR" / f"{index}.png")
        save(downscale(scene, 4), place / "set" / "LR" / f"{index}.png")
    good = run("check", "set")
    assert good.exit_code == 0, good.output
    assert good.stdout.endswith("No defects were found.\n")
    (place / "set" / "LR" / "0.png").unlink()
    save(scenes[1][:126], place / "set" / "HR" / "1.png")
    bad = run("check", "set")
    assert bad.exit_code == 1
    assert "1 picture without a counterpart: add what is missing, or remove\n  set/HR/0.png" in bad.stdout.replace(
        "\\", "/"
    )
    assert "1 picture with sides that are not multiples of the scale: crop at the right" in bad.stdout
    assert "minutia datasets check set --scale 4 --fix NEW_FOLDER" in bad.stdout
    fixed = run("check", "set", "--fix", "new")
    assert fixed.exit_code == 0
    assert "new holds 3 pictures, 1 of them cut; 1 left out." in fixed.stdout
    assert run("check", "new").exit_code == 0


def test_long_lists_are_cut_short(place: Path) -> None:
    for index in range(12):
        save(np.full((16, 16), 20 * index, np.uint8), place / "blank" / f"{index:02d}.png")
    short, long = run("check", "blank"), run("check", "blank", "--all")
    assert "12 pictures without content (flat): remove" in short.stdout
    assert "and 2 more; --all lists them" in short.stdout
    assert "11.png" not in short.stdout
    assert "11.png" in long.stdout


def test_a_prepared_set_is_checked_at_its_own_scale(place: Path, scenes: list[np.ndarray]) -> None:
    for index, scene in enumerate(scenes):
        save(scene, place / "own" / f"{index}.png")
    assert run("prepare", "own", "-o", "pairs", "--scale", "2").exit_code == 0
    checked = run("check", "pairs")
    assert checked.exit_code == 0, checked.output
    assert "compared with those in pairs/LR, x2" in checked.stdout.replace("\\", "/")
    by_parts = run("check", "pairs/HR", "--lr", "pairs/LR")
    assert by_parts.stdout.replace("\\", "/") == checked.stdout.replace("\\", "/")
    fixed = run("check", "pairs", "--fix", "new")
    assert "Its LR pictures are 2 times smaller; pass --scale 2." in fixed.stdout
    for other in ("[]", '{"files": {}, "scale": null}', '{"files": {}}'):
        (place / "own" / "manifest.json").write_text(other, encoding="utf-8")
        assert run("check", "own").exit_code == 0
