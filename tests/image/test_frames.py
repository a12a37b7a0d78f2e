from __future__ import annotations

import struct
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import putchunk

from minutia.errors import MissingExtra, PictureError
from minutia.image.formats import Encoding
from minutia.image.io import read, read_frames, write, write_frames
from minutia.image.opening import Limits
from minutia.types import Frames, Picture

DURATIONS = (100.0, 250.0, 40.0)


def animation(*, transparent: bool) -> Frames:
    """Three frames: a square moves, on clear ground or on a gradient; two colours suffice each."""
    pictures = []
    for step in range(3):
        pixels = np.full((24, 32, 3), (30, 60, 90), np.uint8)
        pixels[4:12, 4 + 8 * step : 12 + 8 * step] = (200, 40, 40)
        alpha = np.zeros((24, 32), np.uint8)
        alpha[4:12, 4 + 8 * step : 12 + 8 * step] = 255
        pictures.append(Picture(pixels, alpha if transparent else None))
    return Frames(tuple(pictures), DURATIONS, 3)


def shown(picture: Picture) -> np.ndarray:
    share = 1 if picture.alpha is None else picture.alpha[:, :, None] / 255
    return picture.pixels * share + 255 * (1 - share)


@pytest.mark.parametrize("plays", [0, 1, 3])
@pytest.mark.parametrize("transparent", [False, True])
@pytest.mark.parametrize("suffix", [".gif", ".png", ".webp", ".avif"])
def test_animations_keep_frames_timing_and_loop(tmp_path: Path, suffix: str, transparent: bool, plays: int) -> None:
    frames = animation(transparent=transparent)
    write_frames(Frames(frames.pictures, frames.durations, plays), tmp_path / f"a{suffix}", Encoding(quality=100))
    back = read_frames(tmp_path / f"a{suffix}")
    assert back.durations == DURATIONS
    if suffix != ".avif":  # Which Pillow always lets play for ever.
        assert back.plays == plays
    for before, after in zip(frames.pictures, back.pictures, strict=True):
        assert np.abs(shown(before) - shown(after)).mean() < (3 if suffix == ".avif" else 1)


def test_a_still_frame_counts_for_its_whole_time(tmp_path: Path) -> None:
    """Writers may join equal frames; what is seen when stays the same."""
    frames = animation(transparent=False)
    doubled = Frames((frames.pictures[0], *frames.pictures), (60.0, *DURATIONS), 0)
    for suffix in (".gif", ".png", ".webp"):
        write_frames(doubled, tmp_path / f"a{suffix}", Encoding(quality=100))
        back = read_frames(tmp_path / f"a{suffix}")
        assert sum(back.durations) == 60 + sum(DURATIONS)
        assert sum(back.durations[: len(back.durations) - 2]) == 160


def test_pages_keep_their_sizes(tmp_path: Path) -> None:
    pages = Frames(tuple(Picture(np.full((5, 4 + page, 3), 50 * page, np.uint8)) for page in range(3)))
    write_frames(pages, tmp_path / "a.tif")
    back = read_frames(tmp_path / "a.tif")
    assert [page.width for page in back.pictures] == [4, 5, 6]
    assert [int(page.pixels[0, 0, 0]) for page in back.pictures] == [0, 50, 100]
    assert back.durations == ()


def test_one_of_several_deep_pages_is_taken_and_said_so(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    pages = Frames(tuple(Picture(np.full((5, 4, 3), 999 * page, np.uint16)) for page in range(3)))
    write_frames(pages, tmp_path / "a.tif")
    assert len(read_frames(tmp_path / "a.tif").pictures) == 3
    assert caplog.text == ""
    assert read(tmp_path / "a.tif").pixels.max() == 0
    assert "several pictures; only the first is used" in caplog.text


def test_what_a_format_cannot_hold_of_several_pictures_is_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_frames(animation(transparent=False), tmp_path / "a.jpg")
    assert "JPEG cannot keep more than the first of 3 pictures" in caplog.text
    write_frames(animation(transparent=False), tmp_path / "a.tif")
    assert "TIFF cannot keep the timing of its frames" in caplog.text
    assert len(read_frames(tmp_path / "a.tif").pictures) == 3


def test_all_frames_count_towards_the_limit(tmp_path: Path) -> None:
    write_frames(animation(transparent=False), tmp_path / "a.gif")
    with pytest.raises(PictureError, match="32x24 pixels in 3 frames, more than the limit of 2,000"):
        read_frames(tmp_path / "a.gif", Limits(max_pixels=2000))


def test_truncated_files_are_refused_unless_allowed(tmp_path: Path, photo: np.ndarray) -> None:
    for name in ("a.png", "a.jpg"):
        Image.fromarray(photo).save(tmp_path / name)
        whole = (tmp_path / name).read_bytes()
        (tmp_path / name).write_bytes(whole[: len(whole) // 2])
        with pytest.raises(PictureError, match="cannot be read"):
            read(tmp_path / name)
        taken = read(tmp_path / name, Limits(allow_truncated=True)).pixels
        assert np.abs(taken[:20].astype(int) - photo[:20]).mean() < 6
        with pytest.raises(PictureError, match="cannot be read"):
            read(tmp_path / name)


def test_whole_files_are_read_as_ever_where_others_may_be_cut(
    tmp_path: Path, photo: np.ndarray, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("a.tif", "a.png"):
        write(Picture(photo.astype(np.uint16) * 257), tmp_path / name)
        assert read(tmp_path / name, Limits(allow_truncated=True)).pixels.dtype == np.uint16
    assert caplog.text == ""
    whole = (tmp_path / "a.png").read_bytes()
    (tmp_path / "a.png").write_bytes(whole[: len(whole) // 2])
    read(tmp_path / "a.png", Limits(allow_truncated=True))
    assert "a.png is truncated; the readable part is used." in caplog.text


def test_what_frames_have_in_common_is_kept_once(tmp_path: Path) -> None:
    frame = Image.new("RGB", (4, 4))
    others = [Image.new("RGB", (4, 4), (index, 0, 0)) for index in range(1, 4)]
    frame.save(tmp_path / "a.webp", save_all=True, append_images=others, xmp=b"<x/>" * 1000, lossless=True)
    packets = [picture.metadata.xmp for picture in read_frames(tmp_path / "a.webp").pictures]
    assert len(packets) == 4
    assert len({id(packet) for packet in packets}) == 1


def test_heic_needs_its_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, photo: np.ndarray) -> None:
    Image.fromarray(photo).save(tmp_path / "a.avif", quality=95)
    (tmp_path / "a.avif").rename(tmp_path / "a.heic")  # The same container; only the codec differs.
    assert np.abs(read(tmp_path / "a.heic").pixels.astype(int) - photo).mean() < 5
    monkeypatch.setitem(sys.modules, "pi_heif", None)
    with pytest.raises(MissingExtra, match=r"Reading HEIC needs an extra: pip install '\.\[heif\]'"):
        read(tmp_path / "a.heic")


def test_frames_of_sixteen_bits_are_all_read_with_eight_and_said_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def frame(number: int, level: int) -> list[tuple[bytes, bytes]]:
        rows = zlib.compress(b"".join(b"\0" + struct.pack(">15H", *[level] * 15) for _ in range(4)))
        control = struct.pack(">5I2H2B", max(0, 2 * number - 1), 5, 4, 0, 0, 1, 10, 0, 0)
        return [(b"fcTL", control), (b"IDAT", rows) if number == 0 else (b"fdAT", struct.pack(">I", 2) + rows)]

    with (tmp_path / "a.png").open("wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n")
        head = [(b"IHDR", struct.pack(">2I5B", 5, 4, 16, 2, 0, 0, 0)), (b"acTL", struct.pack(">2I", 2, 0))]
        for name, body in [*head, *frame(0, 1000), *frame(1, 60000), (b"IEND", b"")]:
            putchunk(file, name, body)
    first, second = read_frames(tmp_path / "a.png").pictures
    assert (first.pixels.dtype, set(first.pixels.ravel()), set(second.pixels.ravel())) == (np.uint8, {3}, {234})
    assert "its frames of 16 bits are read with 8 bits" in caplog.text
