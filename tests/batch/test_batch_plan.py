from __future__ import annotations

import os
from pathlib import Path

import pytest
from PIL import Image

from minutia.batch import Job, Naming, Plan, plan_jobs
from minutia.errors import PictureError


def targets(plan: Plan, root: Path) -> list[str]:
    return [job.target.relative_to(root).as_posix() for job in plan.jobs]


def test_beside_the_source_names_say_how_it_was_enlarged(folder: Path) -> None:
    plan = plan_jobs([folder], Naming(mark="_w800"), recursive=True)
    assert targets(plan, folder) == ["a_w800.png", "b_w800.bmp", "deep/c_w800.jpg"]
    plan = plan_jobs([folder / "a.png"], Naming(suffix="-big", extension="webp"))
    assert targets(plan, folder) == ["a-big.webp"]


def test_another_folder_keeps_names_and_tree(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert targets(plan_jobs([folder], Naming(output=out), recursive=True), out) == ["a.png", "b.bmp", "deep/c.jpg"]
    assert targets(plan_jobs([folder / "deep" / "c.jpg"], Naming(output=out, extension="PNG")), out) == ["c.png"]


def test_without_r_only_the_folder_itself(folder: Path) -> None:
    assert targets(plan_jobs([folder], Naming()), folder) == ["a_x4.png", "b_x4.bmp"]


def test_one_picture_may_be_given_its_file(folder: Path, tmp_path: Path) -> None:
    naming = Naming(output=tmp_path / "new" / "x.webp")
    assert plan_jobs([folder / "a.png"], naming).jobs == (Job(folder / "a.png", tmp_path / "new" / "x.webp"),)
    assert (naming.file, naming.folder) == (tmp_path / "new" / "x.webp", None)
    assert (Naming(output=folder).file, Naming(output=folder).folder) == (None, folder)
    with pytest.raises(PictureError, match="-o must be a folder"):
        plan_jobs([folder], naming)
    for name in ("x.ico", "x.jxl", "x.mp4"):
        with pytest.raises(PictureError, match=rf"{name} cannot be written; known formats are"):
            plan_jobs([folder / "a.png"], Naming(output=tmp_path / name))
    with pytest.raises(PictureError, match="leave out --suffix and --format"):
        plan_jobs([folder / "a.png"], Naming(output=naming.output, extension="png"))


def test_an_original_is_never_replaced_whatever_it_is_called(folder: Path, tmp_path: Path) -> None:
    for output in (folder, folder / "deep" / "..", folder / "a.png", folder / "deep" / ".." / "a.png"):
        with pytest.raises(PictureError, match="replaced by its own result"):
            plan_jobs([folder / "a.png"], Naming(output=output))
    link = tmp_path / "link"
    try:
        link.symlink_to(folder)
    except OSError:
        pytest.skip("no links here")
    with pytest.raises(PictureError, match="replaced by its own result"):
        plan_jobs([folder], Naming(output=link))


def test_a_folder_of_two_names_is_one_folder(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stat, other = Path.stat, tmp_path / "other"
    other.mkdir()
    # As if the folder were mounted there once more.
    monkeypatch.setattr(Path, "stat", lambda path, **how: stat(folder if path == other else path, **how))
    with pytest.raises(PictureError, match="replaced by its own result"):
        plan_jobs([folder], Naming(output=other))


def test_files_of_one_content_are_two_where_they_have_two_names(folder: Path, tmp_path: Path) -> None:
    os.link(folder / "a.png", folder / "c.png")  # They are written by rename, and so come apart.
    (tmp_path / "out").mkdir()
    for name in ("a.png", "c.png"):
        os.link(folder / "a.png", tmp_path / "out" / name)
    assert targets(plan_jobs([folder], Naming(output=tmp_path / "out")), tmp_path / "out") == [
        "a.png",
        "b.bmp",
        "c.png",
    ]


def test_plans_that_would_lose_something_are_refused(folder: Path) -> None:
    Image.new("RGB", (4, 4)).save(folder / "a.webp")
    with pytest.raises(PictureError, match=r"a\.png and .*a\.webp would both become .*a_x4\.png"):
        plan_jobs([folder / "a.png", folder / "a.webp"], Naming(extension="png"))
    with pytest.raises(PictureError, match="replaced by its own result"):
        plan_jobs([folder / "a.png"], Naming(suffix=""))
    with pytest.raises(PictureError, match="There is no format xyz; known are png, apng, jpg"):
        plan_jobs([folder], Naming(extension="xyz"))


def test_outputs_of_an_earlier_run_and_repetitions_are_left_out(folder: Path) -> None:
    Image.new("RGB", (4, 4)).save(folder / "a_x4.png")
    plan = plan_jobs([folder, folder / "a.png", folder / "deep" / ".." / "a.png"], Naming())
    assert targets(plan, folder) == ["a_x4.png", "b_x4.bmp"]


def test_words_that_mean_no_picture_do_not_stop_the_others(folder: Path) -> None:
    (folder / "empty.png").mkdir()
    words = [folder / "empty.png", folder / "a.png", folder / "*.gif"]
    plan = plan_jobs(words, Naming())
    assert targets(plan, folder) == ["a_x4.png"]
    assert [str(problem) for problem in plan.problems] == [
        f"There are no pictures in {folder / 'empty.png'}.",
        f"No picture matches {folder / '*.gif'}.",
    ]
    with pytest.raises(PictureError, match=r"There are no pictures in .*empty\.png\.$"):
        plan_jobs(words[:1], Naming())
