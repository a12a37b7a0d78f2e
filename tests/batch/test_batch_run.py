from __future__ import annotations

import errno
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import final

import numpy as np
import pytest
import tifffile
from PIL import ExifTags, Image, ImageCms

from minutia.batch import Job, Naming, Options, Outcome, Output, plan_jobs, run, run_jobs, stages, upscale_file
from minutia.engines import FakeEngine
from minutia.errors import OutputExists, PictureError
from minutia.image import opening, png
from minutia.image.formats import Encoding
from minutia.image.opening import Limits
from minutia.image.target import Target
from minutia.types import Frames, Tensor
from minutia.upscaler import Upscaler

POSIX = pytest.mark.skipif(sys.platform == "win32", reason="links and pipes")
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


@final
class WatchedEngine:
    """Counts how often it runs, and does something before it does."""

    description = "watched"
    scale = 4

    def __init__(self, before: Callable[[int], object] = lambda count: None) -> None:
        self.count = 0
        self.before = before
        self.fake = FakeEngine(4)

    def run(self, x: Tensor) -> Tensor:
        self.count += 1
        self.before(self.count)
        return self.fake.run(x)


def pictures(folder: Path, count: int, side: int = 4) -> list[Job]:
    """Make 0.png, 1.png, ... and jobs for them."""
    folder.mkdir(exist_ok=True)
    for index in range(count):
        Image.fromarray(np.full((side, side, 3), index, np.uint8)).save(folder / f"{index}.png")
    return [Job(folder / f"{index}.png", folder / "out" / f"{index}.png") for index in range(count)]


def test_a_file_from_python_keeps_what_the_command_keeps(tmp_path: Path, tiny_model: Path) -> None:
    upscaler = Upscaler(tiny_model, device="cpu")
    (job,) = pictures(tmp_path, 1)
    deep = tmp_path / "deep.tif"
    tifffile.imwrite(deep, np.full((4, 5, 3), 40_000, np.uint16), photometric="rgb", iccprofile=SRGB)
    upscale_file(str(deep), tmp_path / "large.tif", upscaler)
    with tifffile.TiffFile(tmp_path / "large.tif") as file:
        assert (file.pages[0].shape, file.pages[0].dtype) == ((16, 20, 3), np.uint16)
        assert file.pages[0].tags["InterColorProfile"].value == SRGB
    with pytest.raises(OutputExists):
        upscale_file(job.source, tmp_path / "large.tif", upscaler)
    upscale_file(job.source, tmp_path / "large.tif", upscaler, Options(overwrite=True))
    with pytest.raises(PictureError, match=r"none\.png"):
        upscale_file(tmp_path / "none.png", tmp_path / "b.png", upscaler)


def statuses(jobs: list[Job] | tuple[Job, ...], upscaler: Upscaler, options: Options | None = None) -> list[str]:
    return [outcome.status for outcome in run_jobs(jobs, upscaler, options)]


def test_a_second_run_skips_what_is_done_and_never_enlarges_outputs(folder: Path, upscaler: Upscaler) -> None:
    def jobs() -> tuple[Job, ...]:
        return plan_jobs([folder], Naming(), recursive=True).jobs

    first = list(run_jobs(jobs(), upscaler))
    assert [outcome.status for outcome in first] == ["done"] * 3
    assert (first[0].before, first[0].after) == ((6, 5), (24, 20))
    with Image.open(first[0].job.target) as image:
        assert image.size == (20, 24)
    first[1].job.target.unlink()
    assert statuses(jobs(), upscaler) == ["skipped", "done", "skipped"]
    assert statuses(jobs(), upscaler, Options(overwrite=True)) == ["done"] * 3


def test_what_another_process_has_made_meanwhile_is_skipped(tmp_path: Path, upscaler: Upscaler) -> None:
    jobs = pictures(tmp_path, 3)

    def make_meanwhile(count: int) -> None:
        if count == 2:
            jobs[1].target.parent.mkdir(exist_ok=True)
            jobs[1].target.write_bytes(b"made by another")

    upscaler.engine = WatchedEngine(make_meanwhile)
    assert statuses(jobs, upscaler) == ["done", "skipped", "done"]
    assert jobs[1].target.read_bytes() == b"made by another"
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["0.png", "1.png", "2.png"]


def test_bad_files_fail_alone(folder: Path, upscaler: Upscaler) -> None:
    (folder / "a.png").write_bytes(b"broken")
    jobs = plan_jobs([folder, folder / "none.png"], Naming(), recursive=True).jobs
    outcomes = list(run_jobs(jobs, upscaler))
    assert [outcome.status for outcome in outcomes] == ["failed", "done", "done", "failed"]
    assert "damaged" in str(outcomes[0].error)
    assert "does not exist" in str(outcomes[3].error)


@POSIX
def test_what_only_looks_like_a_picture_fails_alone(folder: Path, upscaler: Upscaler) -> None:
    os.mkfifo(folder / "pipe.png")  # Whoever opens it waits for ever.
    (folder / "loop.png").symlink_to("loop.png")
    (folder / "nowhere.png").symlink_to("none.png")
    (folder / "folder.png").mkdir()
    outcomes = {o.job.source.name: o for o in run_jobs(plan_jobs([folder], Naming(), recursive=True).jobs, upscaler)}
    told = {name: str(outcome.error) for name, outcome in outcomes.items() if outcome.status == "failed"}
    assert told == {
        "loop.png": f"{folder / 'loop.png'} cannot be read: too many levels of symbolic links.",
        "nowhere.png": f"{folder / 'nowhere.png'} does not exist.",
        "pipe.png": f"{folder / 'pipe.png'} is not a regular file; to read from a pipe, use -.",
    }
    assert sum(outcome.status == "done" for outcome in outcomes.values()) == 3


def test_names_in_any_script(folder: Path, upscaler: Upscaler) -> None:
    names = ["🦊 лиса.png", "写真.png", "a\nb.png" if sys.platform != "win32" else "ab.png"]
    if sys.platform == "linux":
        names.append(os.fsdecode(b"caf\xe9.png"))
    for name in names:
        (folder / "a.png").rename(folder / name)
        (outcome,) = run_jobs(plan_jobs([folder / name], Naming(output=folder / "out")).jobs, upscaler)
        assert outcome.status == "done", outcome.error
        assert (folder / "out" / name).is_file()
        (folder / name).rename(folder / "a.png")


def test_names_that_are_too_long_fail_alone(folder: Path, upscaler: Upscaler) -> None:
    """The source can be: `a...a.png` of 253 letters; its output `a...a_x4.png` cannot."""
    (folder / "a.png").rename(folder / f"{'a' * 249}.png")
    jobs = plan_jobs([folder, folder / f"{'b' * 300}.png"], Naming(), recursive=True).jobs
    outcomes = list(run_jobs(jobs, upscaler))
    assert [outcome.status for outcome in outcomes] == ["failed", "done", "done", "failed"]
    assert "cannot be written: file name too long" in str(outcomes[0].error)
    assert "file name too long" in str(outcomes[3].error)


@pytest.mark.parametrize(
    ("code", "words"),
    [(errno.ENOSPC, "the disk is full"), (errno.EROFS, "read-only file system"), (errno.EACCES, "permission denied")],
)
def test_a_place_that_cannot_be_written(
    tmp_path: Path, upscaler: Upscaler, monkeypatch: pytest.MonkeyPatch, code: int, words: str
) -> None:
    real = png.write

    def write(picture: object, path: Path) -> None:
        real(picture, path)
        if path.name.startswith(".1"):
            raise OSError(code, os.strerror(code))

    monkeypatch.setattr(png, "write", write)
    outcomes = list(run_jobs(pictures(tmp_path, 3), upscaler))
    assert [outcome.status for outcome in outcomes] == ["done", "failed", "done"]
    assert str(outcomes[1].error) == f"{tmp_path / 'out' / '1.png'} cannot be written: {words}."
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["0.png", "2.png"]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 kB, where the system lets us have one."""
    place = tmp_path / "disk"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(place)]
    if sys.platform != "linux" or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("nothing may be mounted here")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def test_a_disk_that_is_really_full(tmp_path: Path, small_disk: Path, upscaler: Upscaler) -> None:
    """An output of noise takes 40 kB: the second does not fit, and what is small still does."""
    jobs = [Job(job.source, small_disk / job.source.name) for job in pictures(tmp_path, 3)]
    for job in jobs[:2]:
        Image.fromarray(np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8)).save(job.source)
    # One after the other: what is written beside the second would find the disk full too, for a moment.
    outcomes = list(run_jobs(jobs, upscaler, Options(num_threads=1)))
    assert [outcome.status for outcome in outcomes] == ["done", "failed", "done"]
    assert str(outcomes[1].error) == f"{jobs[1].target} cannot be written: the disk is full."
    assert sorted(path.name for path in small_disk.iterdir()) == ["0.png", "2.png"]


def test_a_source_that_may_not_be_read(tmp_path: Path, upscaler: Upscaler, monkeypatch: pytest.MonkeyPatch) -> None:
    real = opening._open

    def refuse(path: Path, limits: Limits) -> Image.Image:
        if path.name == "0.png":
            raise PermissionError(errno.EACCES, "Permission denied")
        return real(path, limits)

    monkeypatch.setattr(opening, "_open", refuse)
    first, second = run_jobs(pictures(tmp_path, 2), upscaler)
    assert str(first.error) == f"{tmp_path / '0.png'} cannot be read: permission denied."
    assert second.status == "done"


def test_a_single_output_that_exists_is_an_error(folder: Path, upscaler: Upscaler) -> None:
    (folder / "a_x4.png").write_text("precious")
    (outcome,) = run_jobs(plan_jobs([folder / "a.png"], Naming()).jobs, upscaler)
    assert isinstance(outcome.error, OutputExists)
    assert (folder / "a_x4.png").read_text() == "precious"


def test_sizes_in_the_users_words(folder: Path, upscaler: Upscaler) -> None:
    """The first is 5x6; the second would become smaller, and is left out."""
    Image.new("RGB", (40, 48)).save(folder / "b.bmp")
    options = Options(output=Output(target=Target("height", 15)))
    first, second = run_jobs(plan_jobs([folder], Naming()).jobs, upscaler, options)
    assert first.after == (15, 13)
    with Image.open(first.job.target) as image:
        assert image.size == (13, 15)
    assert (second.status, "40x48 would become smaller" in str(second.error)) == ("skipped", True)
    (alone,) = run_jobs(plan_jobs([folder / "b.bmp"], Naming()).jobs, upscaler, options)
    assert alone.status == "failed"


def test_what_the_format_cannot_hold_is_refused_before_the_work(tmp_path: Path, upscaler: Upscaler) -> None:
    upscaler.engine = engine = WatchedEngine()
    Image.new("RGB", (4096, 1)).save(tmp_path / "a.png")
    (outcome,) = run_jobs([Job(tmp_path / "a.png", tmp_path / "a.webp")], upscaler)
    assert "would have 16384x4 pixels, more than WEBP can hold" in str(outcome.error)
    assert engine.count == 0


def test_limits_are_the_users(tmp_path: Path, upscaler: Upscaler) -> None:
    jobs = pictures(tmp_path, 1)
    (outcome,) = run_jobs(jobs, upscaler, Options(output=Output(limits=Limits(max_pixels=15))))
    assert "raise it with --max-pixels" in str(outcome.error)
    whole = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    Image.fromarray(whole).save(jobs[0].source)
    jobs[0].source.write_bytes(jobs[0].source.read_bytes()[:6000])
    assert statuses(jobs, upscaler) == ["failed"]
    assert statuses(jobs, upscaler, Options(output=Output(limits=Limits(allow_truncated=True)))) == ["done"]


def test_strip_leaves_the_colour_profile_alone(tmp_path: Path, upscaler: Upscaler) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Artist] = "somebody"
    Image.new("RGB", (4, 4)).save(tmp_path / "a.jpg", exif=exif, dpi=(300, 300), icc_profile=SRGB, xmp=b"<x/>")
    for strip, kept in ((False, {"icc_profile", "exif", "xmp"}), (True, {"icc_profile"})):
        job = Job(tmp_path / "a.jpg", tmp_path / f"{strip}.jpg")
        assert statuses([job], upscaler, Options(output=Output(strip=strip))) == ["done"]
        with Image.open(job.target) as image:
            assert {"icc_profile", "exif", "xmp"} & set(image.info) == kept
            assert (image.info.get("dpi") == (300, 300)) is not strip


def test_pages_that_cannot_be_written_are_not_enlarged(
    tmp_path: Path, upscaler: Upscaler, caplog: pytest.LogCaptureFixture
) -> None:
    upscaler.engine = engine = WatchedEngine()
    page = Image.new("RGB", (4, 4))
    page.save(tmp_path / "a.tif", save_all=True, append_images=[page, page])
    told: list[tuple[int, int]] = []
    with caplog.at_level(logging.WARNING, "minutia"):
        list(run_jobs([Job(tmp_path / "a.tif", tmp_path / "a.jpg")], upscaler))
    assert engine.count == 1
    assert "a.tif holds several pictures; only the first is used." in caplog.text
    jobs = [Job(tmp_path / "a.tif", tmp_path / "b.tif")]
    (outcome,) = run_jobs(jobs, upscaler, progress=lambda job, done, total: told.append((done, total)))
    assert (outcome.status, engine.count) == ("done", 4)
    assert told == [(0, 1), (16, 48), (32, 48), (48, 48)]


def test_too_little_memory_fails_alone(tmp_path: Path, upscaler: Upscaler) -> None:
    def fail(count: int) -> None:
        if count == 1:
            raise MemoryError

    upscaler.engine = WatchedEngine(fail)
    first, second = run_jobs(pictures(tmp_path, 2), upscaler)
    assert str(first.error) == f"{tmp_path / '0.png'} needs more memory than there is; a smaller --tile may help."
    assert second.status == "done"


@pytest.mark.parametrize("station", ["read_frames", "scan", "write_frames"])
def test_too_little_memory_fails_alone_wherever_it_is(
    station: str, tmp_path: Path, upscaler: Upscaler, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        monkeypatch.undo()
        raise MemoryError

    monkeypatch.setattr(stages, station, fail)
    options = Options(memory=1 if station == "scan" else None, num_threads=1)
    first, second = run_jobs(pictures(tmp_path, 2), upscaler, options)
    assert (first.status, second.status) == ("failed", "done")
    assert "needs more memory than there is" in str(first.error)


def test_our_own_mistakes_are_not_hidden(tmp_path: Path, upscaler: Upscaler) -> None:
    def fail(count: int) -> None:
        raise ZeroDivisionError

    upscaler.engine = WatchedEngine(fail)
    with pytest.raises(ZeroDivisionError):
        list(run_jobs(pictures(tmp_path, 2), upscaler))


@pytest.mark.parametrize("num_threads", [1, 3])
def test_order_is_kept_with_any_number_of_threads(tmp_path: Path, upscaler: Upscaler, num_threads: int) -> None:
    """Bad, taken and good ones alternate, far more than there are threads."""
    jobs = pictures(tmp_path, 20)
    (tmp_path / "out").mkdir()
    for index in range(0, 20, 4):
        jobs[index].source.write_bytes(b"broken")
        jobs[index + 1].target.touch()
    outcomes = list(run_jobs(jobs, upscaler, Options(num_threads=num_threads)))
    assert [outcome.job for outcome in outcomes] == jobs
    assert [outcome.status for outcome in outcomes] == ["failed", "skipped", "done", "done"] * 5
    assert statuses(jobs, upscaler, Options(num_threads=num_threads)) == ["failed", "skipped", "skipped", "skipped"] * 5


def test_pictures_are_read_ahead_and_written_behind(
    tmp_path: Path, upscaler: Upscaler, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The network at picture 1 waits for picture 2 to be read; the writer of 1 for the network to be at 2."""
    read_next, at_second = threading.Event(), threading.Event()
    real_read, real_write = stages.read_frames, stages.write_frames

    def read(path: Path, limits: Limits, *, at_most: int | None) -> Frames:
        if path.name == "1.png":
            read_next.set()
        return real_read(path, limits, at_most=at_most)

    def write(frames: Frames, path: Path, *encoding: Encoding, **options: bool) -> None:
        assert path.name != "0.png" or at_second.wait(20)
        real_write(frames, path, *encoding, **options)

    def before(count: int) -> None:
        assert read_next.wait(20)
        if count == 2:
            at_second.set()

    monkeypatch.setattr(stages, "read_frames", read)
    monkeypatch.setattr(stages, "write_frames", write)
    upscaler.engine = WatchedEngine(before)
    assert statuses(pictures(tmp_path, 2), upscaler, Options(num_threads=1)) == ["done", "done"]


def test_memory_is_bounded(tmp_path: Path, upscaler: Upscaler, monkeypatch: pytest.MonkeyPatch) -> None:
    """While nothing is written, the network makes so many pictures, and no more are read."""
    release, num_read = threading.Event(), 0
    real_read, real_write = stages.read_frames, stages.write_frames

    def read(path: Path, limits: Limits, *, at_most: int | None) -> Frames:
        nonlocal num_read
        num_read += 1
        return real_read(path, limits, at_most=at_most)

    def write(frames: Frames, path: Path, *encoding: Encoding, **options: bool) -> None:
        assert release.wait(20)
        real_write(frames, path, *encoding, **options)

    monkeypatch.setattr(stages, "read_frames", read)
    monkeypatch.setattr(stages, "write_frames", write)
    jobs = pictures(tmp_path, 12)
    # An output has 768 bytes and an input 48; with memory enough the 3 threads are the limit, and one more is made.
    for memory, num_made, num_ahead in ((100, 1, 2), (1000, 2, 3), (2**30, 4, 3)):
        monkeypatch.setattr(run, "MEMORY", memory)
        upscaler.engine = engine = WatchedEngine()
        release.clear()
        num_read = asked = 0

        def release_later() -> bool:
            nonlocal asked
            asked += 1
            if asked == 12:  # It has had the time to go too far.
                assert (engine.count, num_read) == (num_made, num_made + num_ahead)  # noqa: B023 (called at once)
                release.set()
            return False

        outcomes = run_jobs(jobs, upscaler, Options(num_threads=3, overwrite=True), should_stop=release_later)
        assert [outcome.status for outcome in outcomes] == ["done"] * 12


def test_fail_fast(tmp_path: Path, upscaler: Upscaler) -> None:
    jobs = pictures(tmp_path, 30)
    jobs[2].source.write_bytes(b"broken")
    result = statuses(jobs, upscaler, Options(fail_fast=True, num_threads=1))
    assert result[:3] == ["done", "done", "failed"]
    assert len(result) < 8  # What was under way by then is finished.
    assert set(result[3:]) <= {"done"}
    made = sorted((tmp_path / "out").iterdir())
    assert len(made) == len(result) - 1


def test_asked_to_stop_the_picture_in_the_making_is_the_last(tmp_path: Path, upscaler: Upscaler) -> None:
    asked = threading.Event()
    upscaler.engine = engine = WatchedEngine(lambda count: asked.set() if count == 3 else None)
    outcomes = list(run_jobs(pictures(tmp_path, 12), upscaler, should_stop=asked.is_set))
    assert [outcome.status for outcome in outcomes] == ["done"] * engine.count
    assert 3 <= engine.count < 6
    assert len(list((tmp_path / "out").iterdir())) == engine.count


def test_interrupted_it_waits_for_nothing_and_leaves_nothing_half_written(
    tmp_path: Path, upscaler: Upscaler, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second picture is being written, the third is in the network, at the second of its four tiles."""
    writing, at_third, release = threading.Event(), threading.Event(), threading.Event()
    real = png.write

    def write(picture: object, path: Path) -> None:
        real(picture, path)
        if path.name.startswith(".1"):
            writing.set()
            release.wait(20)

    def before(count: int) -> None:
        if count == 2 * 4 + 2:
            at_third.set()
            release.wait(20)

    def interrupt() -> bool:
        if writing.is_set() and at_third.is_set():
            assert (tmp_path / "out" / f".1.png.{os.getpid()}.part").exists()
            raise KeyboardInterrupt
        return False

    monkeypatch.setattr(png, "write", write)
    upscaler.tile, upscaler.engine = 16, WatchedEngine(before)
    threads = set(threading.enumerate())
    outcomes: list[Outcome] = []
    with pytest.raises(KeyboardInterrupt):
        outcomes.extend(run_jobs(pictures(tmp_path, 12, side=32), upscaler, should_stop=interrupt))
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["0.png"]
    release.set()
    for thread in set(threading.enumerate()) - threads:
        thread.join(20)
    assert upscaler.engine.count == 2 * 4 + 2  # The third ended at the next tile.
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["0.png"]


def test_interrupted_it_leaves_nothing_half_written_by_rows(tmp_path: Path, upscaler: Upscaler) -> None:
    """As `os._exit` would find it: the network is still at work when the loop is left."""
    at_work, release = threading.Event(), threading.Event()

    def before(count: int) -> None:
        if count == 12:
            at_work.set()
            release.wait(20)

    def interrupt() -> bool:
        if at_work.is_set():
            assert (tmp_path / "out" / f".0.png.{os.getpid()}.part").exists()
            raise KeyboardInterrupt
        return False

    upscaler.tile, upscaler.engine = 16, WatchedEngine(before)
    threads = set(threading.enumerate())
    with pytest.raises(KeyboardInterrupt):
        list(run_jobs(pictures(tmp_path, 1, side=64), upscaler, Options(memory=1), should_stop=interrupt))
    assert list((tmp_path / "out").iterdir()) == []
    release.set()
    for thread in set(threading.enumerate()) - threads:
        thread.join(20)
    assert list((tmp_path / "out").iterdir()) == []
