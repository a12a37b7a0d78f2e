"""The work folder, encoders, and the times that packets get."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from helpers_video import Repeater, level, levels_of, make_film, times_of
from hypothesis import given
from hypothesis import strategies as st

from minutia.errors import PictureError
from minutia.video import choose_target, upscale_video
from minutia.video.encoding import OPTIONS, PREFERRED, Packet, choose_encoding
from minutia.video.film import read_film
from minutia.video.joining import decoding_times, rehearse
from minutia.video.parts import PartWriter, claim, find_parts, read_packets, read_stamps


@given(st.lists(st.lists(st.integers(1, 500), min_size=1, max_size=9), min_size=1, max_size=6), st.randoms())
def test_packets_are_decoded_in_order_and_before_they_are_shown(segments: list[list[int]], random: object) -> None:
    """Segments follow on one another; inside of one, frames may be in any order."""
    end, pts = 0, []
    for gaps in segments:
        times = list(end + np.cumsum(gaps))
        end = times[-1]
        random.shuffle(times)
        pts += times
    dts = decoding_times(np.array(pts, np.int64))
    assert len(dts) == len(pts)
    assert (np.diff(dts) > 0).all()
    assert (dts <= pts).all()


def test_films_without_reordering_are_decoded_when_they_are_shown() -> None:
    assert decoding_times(np.array([3, 5, 9])).tolist() == [3, 5, 9]
    assert decoding_times(np.array([0, 4, 2, 8, 6])).tolist() == [-2, 0, 2, 4, 6]
    assert decoding_times(np.array([7])).tolist() == [7]
    assert decoding_times(np.array([], np.int64)).tolist() == []


def test_packets_come_back_from_a_segment(tmp_path: Path) -> None:
    packets = [Packet(-5, 40, True, b"abc"), Packet(2**40, 0, False, b""), Packet(7, 1, False, b"\0" * 99)]
    claim(tmp_path / "work", {"crf": 18})
    part = PartWriter(tmp_path / "work")
    part.write(packets)
    assert find_parts(tmp_path / "work") == []
    part.finish(0, 3)
    (found,) = find_parts(tmp_path / "work")
    assert (found.first, found.stop) == (0, 3)
    assert list(read_packets(found)) == packets
    assert list(read_stamps(found)) == [-5, 2**40, 7]


def test_only_segments_that_follow_on_one_another_count(tmp_path: Path) -> None:
    claim(tmp_path, {"crf": 18})
    for first, stop in ((0, 10), (10, 25), (30, 40)):
        PartWriter(tmp_path).finish(first, stop)
    PartWriter(tmp_path).close()
    assert [(part.first, part.stop) for part in find_parts(tmp_path)] == [(0, 10), (10, 25)]


def test_the_work_folder_is_emptied_when_settings_change(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder = tmp_path / "deep" / "work"
    claim(folder, {"crf": 18, "codec": "a"})
    PartWriter(folder).finish(0, 10)
    claim(folder, {"crf": 18, "codec": "a"})
    assert len(find_parts(folder)) == 1
    assert caplog.text == ""
    claim(folder, {"crf": 20, "codec": "a"})
    assert find_parts(folder) == []
    assert "this has changed: crf." in caplog.text
    (folder / "settings.json").write_text("{broken")
    claim(folder, {"crf": 18, "codec": "a"})
    assert caplog.text.count("made again") == 1


@pytest.mark.parametrize(
    ("source", "output", "target"),
    [
        ("a/clip.mp4", None, "a/clip_x4.mp4"),
        ("a/clip.MOV", None, "a/clip_x4.MOV"),
        ("a/clip.avi", None, "a/clip_x4.mkv"),
        ("a/clip.ts", "out", "out/clip.mkv"),
        ("a/clip.mp4", "out", "out/clip.mp4"),
        ("a/clip.mp4", "out/x.webm", "out/x.webm"),
    ],
)
def test_where_the_large_film_goes(source: str, output: str | None, target: str) -> None:
    assert choose_target(Path(source), None if output is None else Path(output), "_x4") == Path(target)


@pytest.mark.parametrize(
    ("target", "options", "sentence"),
    [
        ("x.avi", {}, r"x.avi cannot be written; known video formats are .mp4, .m4v, .mov, .mkv, .webm."),
        ("x.mp4", {"codec": "libx267"}, "There is no encoder libx267 here; try one of libx264,"),
        ("x.mp4", {"codec": "aac"}, "There is no encoder aac here"),
        ("x.webm", {"codec": "libx264"}, "x.webm cannot hold the output of libx264"),
        ("x.mp4", {"codec": "mpeg4", "crf": 3}, "mpeg4 has no crf; codecs with one are libx264,"),
    ],
)
def test_wishes_that_cannot_be_met_are_refused(tmp_path: Path, target: str, options: dict, sentence: str) -> None:
    film = read_film(make_film(tmp_path / "clip.mp4"))
    with pytest.raises(PictureError) as caught:
        choose_encoding(film, (96, 128), Path(target), **options)
    assert sentence in str(caught.value)


def test_sizes_no_encoder_takes_are_refused_before_the_work(tmp_path: Path) -> None:
    film = read_film(make_film(tmp_path / "clip.mp4"))
    encoding = choose_encoding(film, (98304, 131072), tmp_path / "large.mp4")
    with pytest.raises(PictureError, match=r"libx264 cannot encode 131072x98304 crf=18 rc-lookahead=10 for .*large"):
        rehearse(film, encoding, [], tmp_path / "large.mp4")


def test_the_default_codec_is_the_first_that_fits(tmp_path: Path) -> None:
    film = read_film(make_film(tmp_path / "clip.mp4"))
    assert PREFERRED[0] == "libx264"
    chosen = {
        suffix: choose_encoding(film, (96, 128), Path(f"x{suffix}")).codec for suffix in (".mp4", ".mkv", ".webm")
    }
    assert chosen == {".mp4": "libx264", ".mkv": "libx264", ".webm": "libvpx-vp9"}
    assert choose_encoding(film, (96, 128), Path("x.mp4"), crf=7).options["crf"] == "7"


@pytest.mark.parametrize(("name", "tag"), [("large.mp4", True), ("large.mov", True), ("large.mkv", False)])
def test_hevc_is_called_what_all_players_know_it_by(tmp_path: Path, name: str, tag: bool) -> None:
    upscale_video(make_film(tmp_path / "clip.mp4"), tmp_path / name, Repeater(), codec="libx265")
    with av.open(str(tmp_path / name)) as large:
        assert large.streams.video[0].codec_context.name == "hevc"
        assert (large.streams.video[0].codec_context.codec_tag == "hvc1") == tag


@pytest.mark.parametrize("codec", ["libx265", "libvpx-vp9", "mpeg4", "ffv1"])
def test_other_codecs_make_the_same_film(tmp_path: Path, codec: str, capfd: pytest.CaptureFixture[str]) -> None:
    """With and without crf, lossless too; all in segments, none with words of its own on the screen."""
    source = make_film(tmp_path / "clip.mp4", range(0, 2000, 100), sound=None)
    large = tmp_path / "large.mkv"
    upscale_video(source, large, Repeater(), codec=codec, segment_seconds=0.7)
    assert times_of(large) == [Fraction(index, 10) for index in range(20)]
    for index, found in enumerate(levels_of(large)):
        assert abs(found - level(index)) <= 3
    assert capfd.readouterr() == ("", "")
    assert set(OPTIONS) & {codec} == ({codec} if codec.startswith("lib") else set())
