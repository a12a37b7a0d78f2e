"""Whole films, in and out."""

from __future__ import annotations

import errno
import logging
import sys
import threading
import weakref
from fractions import Fraction
from functools import partial
from pathlib import Path

import av
import numpy as np
import pytest
from helpers_video import Repeater, grey, level, levels_of, make_film, packets_of, pictures_of, times_of

from minutia.errors import OutputExists, PictureError
from minutia.image.target import Target
from minutia.upscaler import Upscaler
from minutia.video import Summary, run, upscale_video


def test_ten_seconds_from_end_to_end(tmp_path: Path, tiny_model: Path, photo: np.ndarray) -> None:
    source = make_film(tmp_path / "clip.mp4", range(0, 10000, 250), paint=lambda index: photo[index : index + 24, :32])
    upscaler = Upscaler(tiny_model, device="cpu", precision="fp32")
    seen: list[tuple[int, int]] = []
    summary = upscale_video(
        source,
        tmp_path / "large.mp4",
        upscaler,
        segment_seconds=2,
        progress=lambda done, total: seen.append((done, total)),
    )
    large = tmp_path / "large.mp4"
    assert (summary.num_frames, summary.num_kept) == (40, 0)
    assert (summary.before, summary.after) == ((24, 32), (96, 128))
    assert (seen[0], seen[-1], len(seen)) == ((0, 40), (40, 40), 42)
    assert times_of(large) == times_of(source) == [Fraction(index, 4) for index in range(40)]
    assert packets_of(large, "audio") == packets_of(source, "audio")
    assert len(packets_of(large, "audio")) > 400
    with av.open(str(source)) as old, av.open(str(large)) as new:
        assert [stream.type for stream in new.streams] == ["video", "audio"]
        assert new.streams.video[0].time_base == old.streams.video[0].time_base
        assert new.streams.video[0].codec_context.name == "h264"
        assert [stream.duration for stream in new.streams] == [stream.duration for stream in old.streams]
    for small, made in zip(pictures_of(source)[::7], pictures_of(large)[::7], strict=True):
        assert made.shape == (96, 128, 3)
        # Random weights make noise of every colour, of which half the samples stay; means over 4x4 pixels all do.
        wanted, found = (each.reshape(24, 4, 32, 4, 3).mean(axis=(1, 3)) for each in (upscaler.upscale(small), made))
        assert np.abs(wanted - found).mean() < 3
    assert sorted(path.name for path in tmp_path.iterdir()) == ["clip.mp4", "large.mp4"]


@pytest.mark.parametrize(
    ("size", "after"),
    [
        (None, (92, 124)),
        (Target("scale", 2.5), (58, 78)),
        (Target("fit", 1000, 55), (54, 74)),
        (Target("width", 31), (22, 30)),
    ],
)
def test_films_become_of_any_size_and_of_even_sides(
    tmp_path: Path, tiny_model: Path, size: Target | None, after: tuple[int, int]
) -> None:
    source = make_film(
        tmp_path / "clip.mkv",
        range(0, 80, 40),
        paint=partial(grey, size=(31, 23)),
        codec="ffv1",
        pixel_format="yuv444p",
    )
    upscaler = Upscaler(tiny_model, device="cpu")
    summary = upscale_video(source, tmp_path / "large.mkv", upscaler, size=size)
    assert (summary.before, summary.after) == ((23, 31), after)
    assert {made.shape[:2] for made in pictures_of(tmp_path / "large.mkv")} == {after}


def test_devices_work_side_by_side_and_frames_keep_their_order(tmp_path: Path) -> None:
    source = make_film(tmp_path / "clip.mp4")
    meeting = threading.Barrier(2, timeout=20)

    class Pair(Repeater):
        num_devices = 2

        def upscale(self, pixels: np.ndarray, *, target: Target) -> np.ndarray:
            meeting.wait()
            return super().upscale(pixels, target=target)

    upscale_video(source, tmp_path / "large.mp4", Pair())
    assert times_of(tmp_path / "large.mp4") == times_of(source)
    for index, found in enumerate(levels_of(tmp_path / "large.mp4")):
        assert abs(found - level(index)) <= 2


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv", ".webm"])
def test_frames_keep_uneven_times_across_segments(tmp_path: Path, suffix: str) -> None:
    """Long and short gaps, at seams too, where encoders begin anew; no frame is lost, made twice or out of its turn."""
    gaps = [1, 40, 40, 333, 17, 900, 2, 2, 41, 500, 1, 1, 1, 700, 33, 2500, 40, 40, 40, 40]
    times = [int(time) for time in np.cumsum(gaps)]
    web = suffix == ".webm"
    source = make_film(
        tmp_path / f"clip{suffix}",
        times,
        codec="libvpx-vp9" if web else "libx264",
        sound="libopus" if web else "aac",
    )
    large = tmp_path / f"large{suffix}"
    upscale_video(source, large, Repeater(), segment_seconds=0.4)
    assert times_of(large) == times_of(source)
    assert len(times_of(large)) == 20
    for index, found in enumerate(levels_of(large)):
        assert abs(found - level(index)) <= 2
    assert packets_of(large, "audio") == packets_of(source, "audio")


def stopped_after(count: int, source: Path, target: Path, **options: object) -> None:
    with pytest.raises(KeyboardInterrupt):
        upscale_video(source, target, Repeater(stop_after=count), segment_seconds=1, **options)


def test_a_run_that_was_stopped_goes_on_after_the_last_whole_segment(tmp_path: Path) -> None:
    source = make_film(tmp_path / "clip.mp4", range(0, 5000, 250))
    upscale_video(source, tmp_path / "at_once.mp4", Repeater(), segment_seconds=1)
    target = tmp_path / "large.mp4"
    threads = threading.active_count()
    stopped_after(11, source, target)
    assert threading.active_count() == threads
    assert not target.exists()
    repeater, seen = Repeater(), []
    summary = upscale_video(
        source, target, repeater, segment_seconds=1, progress=lambda done, total: seen.append((done, total))
    )
    assert (repeater.count, summary.num_frames, summary.num_kept, seen[0]) == (12, 20, 8, (8, 20))
    assert target.read_bytes() == (tmp_path / "at_once.mp4").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["at_once.mp4", "clip.mp4", "large.mp4"]


def test_other_settings_or_another_film_start_anew(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    source = make_film(tmp_path / "clip.mp4", range(0, 4000, 250))
    target = tmp_path / "large.mp4"
    stopped_after(11, source, target)
    stopped_after(6, source, target, crf=30)
    assert "made again, since this has changed: codec options." in caplog.text
    make_film(source, range(0, 4000, 250), paint=lambda index: grey(index + 3))
    caplog.clear()
    repeater = Repeater()
    upscale_video(source, target, repeater, segment_seconds=1, crf=30)
    assert "since this has changed: film." in caplog.text
    assert repeater.count == 16
    assert abs(levels_of(target)[0] - level(3)) <= 2


def test_a_failure_at_the_very_end_loses_no_work_and_leaves_no_half_film(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fill_the_disk(*arguments: object) -> None:
        Path(str(arguments[-1])).write_bytes(b"half a film")
        raise OSError(errno.ENOSPC, "No space left on device")

    source, target = make_film(tmp_path / "clip.mp4"), tmp_path / "large.mp4"
    with monkeypatch.context() as patched:
        patched.setattr(run, "join", fill_the_disk)
        with pytest.raises(PictureError, match=r"large\.mp4 cannot be written: no space left on device"):
            upscale_video(source, target, Repeater())
    assert {path.name for path in tmp_path.iterdir()} == {"clip.mp4", ".large.mp4.parts"}
    repeater = Repeater()
    assert upscale_video(source, target, repeater).num_kept == 4
    assert repeater.count == 0
    assert len(levels_of(target)) == 4


def test_no_more_frames_are_alive_in_a_longer_film(tmp_path: Path) -> None:
    class Counter(Repeater):
        def __init__(self) -> None:
            super().__init__()
            self.made: list[weakref.ref[np.ndarray]] = []
            self.most = 0

        def upscale(self, pixels: np.ndarray, *, target: Target) -> np.ndarray:
            large = super().upscale(pixels, target=target)
            self.made.append(weakref.ref(large))
            self.most = max(self.most, sum(each() is not None for each in self.made))
            return large

    counter = Counter()
    upscale_video(make_film(tmp_path / "clip.mp4", range(0, 6000, 40)), tmp_path / "large.mp4", counter)
    assert counter.count == 150
    assert counter.most <= 4


@pytest.mark.parametrize("seconds", [0, float("nan")])
def test_segments_take_some_time(tmp_path: Path, seconds: float) -> None:
    with pytest.raises(PictureError, match=f"A segment cannot have a length of {seconds:g} seconds"):
        upscale_video(make_film(tmp_path / "a.mp4"), tmp_path / "b.mp4", Repeater(), segment_seconds=seconds)


def test_what_exists_is_not_replaced_unasked(tmp_path: Path) -> None:
    source = make_film(tmp_path / "clip.mp4")
    target = tmp_path / "large.mp4"
    target.write_text("precious")
    with pytest.raises(OutputExists, match="add --overwrite"):
        upscale_video(source, target, Repeater())
    assert target.read_text() == "precious"
    assert isinstance(upscale_video(source, target, Repeater(), overwrite=True), Summary)
    assert len(levels_of(target)) == 4
    with pytest.raises(PictureError, match="replaced by its own result"):
        upscale_video(source, source, Repeater(), overwrite=True)


def test_a_film_that_breaks_off_is_made_as_far_as_it_goes(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    whole = make_film(tmp_path / "whole.mkv", range(0, 10000, 100))
    source = tmp_path / "clip.mkv"
    source.write_bytes(whole.read_bytes()[: whole.stat().st_size * 6 // 10])
    with caplog.at_level(logging.WARNING):
        summary = upscale_video(source, tmp_path / "large.mkv", Repeater())
    assert 50 < summary.num_frames < 70
    assert len(levels_of(tmp_path / "large.mkv")) == summary.num_frames
    assert f"{source} is damaged or cut short: " in caplog.text
    assert " of 10.0 seconds could be decoded." in caplog.text


@pytest.mark.skipif(sys.platform == "win32", reason="no such names")
def test_names_that_mean_something_to_ffmpeg_are_only_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    make_film(tmp_path / "clip.mp4").rename("concat:på 50% #1 %d.mp4")
    upscale_video(Path("concat:på 50% #1 %d.mp4"), Path("http:%03d?.mkv"), Repeater())
    assert len(times_of(tmp_path / "http:%03d?.mkv")) == 4


def test_an_mp4_counts_time_as_its_source_did(tmp_path: Path) -> None:
    upscale_video(make_film(tmp_path / "clip.mkv"), tmp_path / "large.mp4", Repeater())
    with av.open(str(tmp_path / "large.mp4")) as film:
        assert film.streams.video[0].time_base == Fraction(1, 1000)
