from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from minutia.batch import Job, plan_jobs, run_jobs
from minutia.errors import OutputExists, PictureError
from minutia.upscaler import Upscaler


@pytest.fixture(scope="module")
def upscaler(tiny_model: Path) -> Upscaler:
    return Upscaler(tiny_model, device="cpu", precision="fp32")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """a.png, b.bmp and deep/c.jpg, each a few pixels large."""
    root = tmp_path / "in"
    (root / "deep").mkdir(parents=True)
    for name in ("a.png", "b.bmp", "deep/c.jpg"):
        Image.fromarray(np.full((6, 5, 3), 90, np.uint8)).save(root / name)
    return root


def targets(jobs: list[Job], root: Path) -> list[str]:
    return [job.target.relative_to(root).as_posix() for job in jobs]


def test_beside_the_source_names_say_the_scale(folder: Path) -> None:
    assert targets(plan_jobs([folder], scale=4), folder) == ["a_x4.png", "b_x4.bmp", "deep/c_x4.jpg"]
    jobs = plan_jobs([folder / "a.png"], scale=4, suffix="-big", extension="webp")
    assert targets(jobs, folder) == ["a-big.webp"]


def test_another_folder_keeps_names_and_tree(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert targets(plan_jobs([folder], out, scale=4), out) == ["a.png", "b.bmp", "deep/c.jpg"]
    assert targets(plan_jobs([folder / "deep" / "c.jpg"], out, scale=4, extension="PNG"), out) == ["c.png"]


def test_one_picture_may_be_given_its_file(folder: Path, tmp_path: Path) -> None:
    wanted = tmp_path / "new" / "x.webp"
    assert plan_jobs([folder / "a.png"], wanted, scale=4) == [Job(folder / "a.png", wanted)]
    with pytest.raises(PictureError, match="-o must be a folder"):
        plan_jobs([folder], wanted, scale=4)
    with pytest.raises(PictureError, match=r"x\.ico cannot be written; the formats are"):
        plan_jobs([folder / "a.png"], tmp_path / "x.ico", scale=4)
    with pytest.raises(PictureError, match="leave out --suffix and --format"):
        plan_jobs([folder / "a.png"], wanted, scale=4, extension="png")


def test_an_original_is_never_replaced_whatever_it_is_called(folder: Path, tmp_path: Path) -> None:
    for output in (folder, folder / "deep" / "..", folder / "a.png", folder / "deep" / ".." / "a.png"):
        with pytest.raises(PictureError, match="replaced by its own enlargement"):
            plan_jobs([folder / "a.png"], output, scale=4)
    link = tmp_path / "link"
    try:
        link.symlink_to(folder)
    except OSError:
        pytest.skip("no links here")
    with pytest.raises(PictureError, match="replaced by its own enlargement"):
        plan_jobs([folder], link, scale=4)


def test_plans_that_would_lose_something_are_refused(folder: Path) -> None:
    Image.new("RGB", (4, 4)).save(folder / "a.webp")
    with pytest.raises(PictureError, match=r"a\.png and .*a\.webp would both become .*a_x4\.png"):
        plan_jobs([folder / "a.png", folder / "a.webp"], scale=4, extension="png")
    with pytest.raises(PictureError, match="replaced by its own enlargement"):
        plan_jobs([folder / "a.png"], scale=4, suffix="")
    (folder / "empty").mkdir()
    with pytest.raises(PictureError, match="There are no pictures in"):
        plan_jobs([folder / "empty"], scale=4)
    with pytest.raises(PictureError, match="no format xyz"):
        plan_jobs([folder], scale=4, extension="xyz")


def test_a_second_run_skips_what_is_done_and_never_enlarges_outputs(folder: Path, upscaler: Upscaler) -> None:
    first = list(run_jobs(plan_jobs([folder], scale=4), upscaler))
    assert [outcome.status for outcome in first] == ["done"] * 3
    assert first[0].size == (5, 6)
    with Image.open(first[0].job.target) as image:
        assert image.size == (20, 24)
    first[1].job.target.unlink()
    second = list(run_jobs(plan_jobs([folder], scale=4), upscaler))
    assert [outcome.status for outcome in second] == ["skipped", "done", "skipped"]
    third = list(run_jobs(plan_jobs([folder], scale=4), upscaler, overwrite=True))
    assert [outcome.status for outcome in third] == ["done"] * 3


def test_bad_files_fail_alone(folder: Path, upscaler: Upscaler) -> None:
    (folder / "a.png").write_bytes(b"broken")
    jobs = plan_jobs([folder, folder / "none.png"], scale=4)
    outcomes = list(run_jobs(jobs, upscaler))
    assert [outcome.status for outcome in outcomes] == ["failed", "done", "done", "failed"]
    assert "broken" in str(outcomes[0].error)
    assert "does not exist" in str(outcomes[3].error)


def test_names_that_are_too_long_fail_alone(folder: Path, upscaler: Upscaler) -> None:
    """The source can be: `a...a.png` of 253 letters; its output `a...a_x4.png` cannot."""
    (folder / "a.png").rename(folder / f"{'a' * 249}.png")
    outcomes = list(run_jobs(plan_jobs([folder, folder / f"{'b' * 300}.png"], scale=4), upscaler))
    assert [outcome.status for outcome in outcomes] == ["failed", "done", "done", "failed"]
    for outcome in (outcomes[0], outcomes[3]):
        assert "cannot be written: file name too long" in str(outcome.error)


def test_a_single_output_that_exists_is_an_error(folder: Path, upscaler: Upscaler) -> None:
    (folder / "a_x4.png").write_text("precious")
    (outcome,) = run_jobs(plan_jobs([folder / "a.png"], scale=4), upscaler)
    assert isinstance(outcome.error, OutputExists)
    assert (folder / "a_x4.png").read_text() == "precious"
