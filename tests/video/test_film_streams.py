"""What travels along with a film, and what is a film at all."""

from __future__ import annotations

import io
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
from av.container import OutputContainer
from av.stream import Disposition
from helpers_video import Repeater, levels_of, make_film, packets_of, times_of
from PIL import Image

from minutia.errors import PictureError
from minutia.video import upscale_video
from minutia.video.film import read_film

CHAPTERS = [
    {"id": 1, "start": 0, "end": 400, "time_base": Fraction(1, 1000), "metadata": {"title": "one"}},
    {"id": 2, "start": 400, "end": 1000, "time_base": Fraction(1, 1000), "metadata": {"title": "two"}},
]


def add_subtitles(out: OutputContainer, codec: str) -> None:
    out.metadata.update(title="A film", comment="Made for a test")
    out.set_chapters(CHAPTERS)
    out.streams[1].metadata.update(language="swe")
    subtitles = out.add_mux_stream(codec)
    subtitles.time_base = Fraction(1, 1000)
    subtitles.metadata.update(language="deu")


def write_subtitles(out: OutputContainer, codec: str) -> None:
    for time in (100, 500):
        text = f"at {time}".encode()
        write(out, 2, len(text).to_bytes(2, "big") + text if codec == "mov_text" else text, time)


def write(out: OutputContainer, stream: int, content: bytes, time: int = 0) -> None:
    packet = av.Packet(content)
    packet.pts = packet.dts = time
    packet.duration, packet.time_base, packet.is_keyframe = 200, Fraction(1, 1000), True
    packet.stream = out.streams[stream]
    out.mux(packet)


def make_rich_film(path: Path) -> Path:
    codec = "mov_text" if path.suffix == ".mp4" else "subrip"
    return make_film(path, before=lambda out: add_subtitles(out, codec), after=lambda out: write_subtitles(out, codec))


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_sound_subtitles_chapters_and_tags_are_kept(
    tmp_path: Path, suffix: str, caplog: pytest.LogCaptureFixture
) -> None:
    source, large = make_rich_film(tmp_path / f"clip{suffix}"), tmp_path / f"large{suffix}"
    upscale_video(source, large, Repeater())
    assert caplog.text == ""
    for kind in ("audio", "subtitle"):
        assert packets_of(large, kind) == packets_of(source, kind)
        assert len(packets_of(large, kind)) >= 2
    with av.open(str(large)) as film:
        tags = {name.lower(): text for name, text in film.metadata.items()}
        assert (tags["title"], tags["comment"]) == ("A film", "Made for a test")
        assert [chapter["metadata"]["title"] for chapter in film.chapters()] == ["one", "two"]
        assert [float(chapter["start"] * chapter["time_base"]) for chapter in film.chapters()] == [0, 0.4]
        languages = {stream.type: stream.language for stream in film.streams}
        assert (languages["audio"], languages["subtitle"]) == ("swe", "deu")


@pytest.mark.parametrize("suffix", [".mov", ".mp4"])
def test_where_a_phone_filmed_is_kept(tmp_path: Path, suffix: str) -> None:
    keys = {"com.apple.quicktime.make": "Apple", "com.apple.quicktime.location.ISO6709": "+59.3293+018.0686/"}
    flags = {"container_options": {"movflags": "use_metadata_tags"}}
    make_film(tmp_path / "a.mkv")
    with av.open(str(tmp_path / "a.mkv")) as film, av.open(str(tmp_path / f"a{suffix}"), "w", **flags) as out:
        out.metadata.update(keys | {"title": "A film"})
        copy = out.add_stream_from_template(film.streams.video[0])
        for packet in film.demux(video=0):
            if packet.size:
                packet.stream = copy
                out.mux(packet)
    upscale_video(tmp_path / f"a{suffix}", tmp_path / f"b{suffix}", Repeater())
    with av.open(str(tmp_path / f"b{suffix}")) as film:
        assert (keys | {"title": "A film"}).items() <= film.metadata.items()


def test_sound_that_begins_earlier_moves_nothing(tmp_path: Path) -> None:
    source = make_film(tmp_path / "a.mp4")
    assert packets_of(source, "audio")[0][0] < 0
    upscale_video(source, tmp_path / "a.mkv", Repeater())
    assert times_of(tmp_path / "a.mkv") == times_of(source)
    assert packets_of(tmp_path / "a.mkv", "audio")[0][0] == pytest.approx(packets_of(source, "audio")[0][0], abs=1e-3)


def test_a_film_that_begins_late_is_whole(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    make_film(tmp_path / "a.mkv", range(5000, 7000, 250))
    upscale_video(tmp_path / "a.mkv", tmp_path / "b.mkv", Repeater())
    assert caplog.text == ""


def test_what_a_container_cannot_hold_is_told_in_one_line(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    source, large = make_rich_film(tmp_path / "clip.mp4"), tmp_path / "large.webm"
    upscale_video(source, large, Repeater())
    (record,) = caplog.records
    words = f"{large} cannot hold all that is in {source}; left out: audio (aac), subtitle (mov_text)."
    assert record.getMessage() == words
    with av.open(str(large)) as film:
        assert [(stream.type, stream.codec_context.name) for stream in film.streams] == [("video", "vp9")]


def jpeg() -> bytes:
    file = io.BytesIO()
    Image.fromarray(np.full((48, 64, 3), 200, np.uint8)).save(file, "JPEG")
    return file.getvalue()


def add_cover(out: OutputContainer) -> None:
    cover = out.add_mux_stream("mjpeg", width=64, height=48)
    cover.time_base, cover.disposition = Fraction(1, 1000), Disposition.attached_pic


def test_a_cover_is_kept_and_is_not_the_film(tmp_path: Path) -> None:
    source = make_film(tmp_path / "clip.mp4", before=add_cover, after=lambda out: write(out, 2, jpeg()))
    large = tmp_path / "large.mp4"
    assert upscale_video(source, large, Repeater()).num_frames == 4
    with av.open(str(large)) as film:
        assert film.streams[2].disposition == Disposition.attached_pic
        (cover,) = (packet for packet in film.demux(film.streams[2]) if packet.size)
        assert bytes(cover) == jpeg()


def make_song(path: Path) -> Path:
    with av.open(str(path), "w") as out:
        sound = out.add_stream("aac", rate=48000)
        add_cover(out)
        frame = av.AudioFrame.from_ndarray(np.zeros((2, 1024), np.float32), "fltp", "stereo")
        frame.sample_rate, frame.pts, frame.time_base = 48000, 0, Fraction(1, 48000)
        out.mux(sound.encode(frame))
        out.mux(sound.encode(None))
        write(out, 1, jpeg())
    return path


def make_picture(path: Path) -> Path:
    path.write_bytes(jpeg())
    return path


def make_text(path: Path) -> Path:
    path.write_text("no film\n" * 99)
    return path


def make_headless(path: Path) -> Path:
    """An MP4 has its index at the end: what breaks off cannot be read at all."""
    content = make_film(path).read_bytes()
    path.write_bytes(content[: len(content) // 2])
    return path


@pytest.mark.parametrize(
    ("name", "make", "sentence"),
    [
        ("none.mp4", lambda path: path, "none.mp4 does not exist."),
        ("folder.mp4", lambda path: path.mkdir(), "folder.mp4 is a folder; name one video."),
        ("empty.mp4", Path.touch, "empty.mp4 is damaged or not a video."),
        ("half.mp4", make_headless, "half.mp4 is damaged or not a video."),
        ("song.mp4", make_song, "There is no video in {}song.mp4."),
        ("text.txt", make_text, "There is no video in {}text.txt."),
        ("photo.jpg", make_picture, "photo.jpg is a picture; use minutia upscale."),
    ],
)
def test_what_is_no_film_is_told_in_a_sentence(tmp_path: Path, name: str, make: object, sentence: str) -> None:
    make(tmp_path / name)
    with pytest.raises(PictureError) as caught:
        read_film(tmp_path / name)
    assert str(caught.value).endswith(sentence.format(f"{tmp_path}/"))


def test_depth_and_transparency_that_are_given_up_are_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    read_film(make_film(tmp_path / "deep.mkv", codec="ffv1", pixel_format="yuv420p10le"))
    assert "deep.mkv has 10 bits per channel; the output has 8." in caplog.text
    caplog.clear()

    def paint(index: int) -> np.ndarray:
        return np.zeros((24, 32, 3), np.uint8)

    read_film(make_film(tmp_path / "opaque.mkv", codec="ffv1", pixel_format="bgra", paint=paint))
    assert caplog.text == ""
    frames = [Image.new("RGBA", (32, 24), (9, 9, index, 0)) for index in range(3)]
    frames[0].save(tmp_path / "clear.gif", save_all=True, append_images=frames[1:])
    read_film(tmp_path / "clear.gif")
    assert "clear.gif has transparency; the output has none." in caplog.text
    read_film(make_film(tmp_path / "beside.webm", codec="libvpx-vp9", pixel_format="yuva420p", sound=None))
    assert "beside.webm has transparency; the output has none." in caplog.text


@pytest.mark.parametrize("told", ["max-cll=1000,400", "master-display=G(1,1)B(1,1)R(1,1)WP(1,1)L(100,1)"])
def test_brightness_of_hdr_that_is_given_up_is_told(
    told: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    options = {"x265-params": f"log-level=none:{told}"}
    read_film(make_film(tmp_path / "bright.mp4", codec="libx265", options=options))
    assert "bright.mp4 has HDR metadata; the output has none." in caplog.text


def test_colours_that_cannot_be_computed_are_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    read_film(make_film(tmp_path / "known.mp4", colorspace=9))
    read_film(make_film(tmp_path / "silent.mp4"))
    assert caplog.text == ""
    read_film(make_film(tmp_path / "odd.mp4", colorspace=8))
    assert "odd.mp4 is not known here; colours will be slightly wrong." in caplog.text


def test_a_film_without_timestamps_gets_even_ones(tmp_path: Path) -> None:
    source = make_film(tmp_path / "clip.h264", range(0, 2000, 100), sound=None, framerate=Fraction(25))
    upscale_video(source, tmp_path / "large.mkv", Repeater())
    times = times_of(tmp_path / "large.mkv")
    steps = {later - earlier for earlier, later in pairwise(times)}
    assert len(times) == 20
    assert len(steps) == 1
    assert len(set(levels_of(tmp_path / "large.mkv"))) == 20
