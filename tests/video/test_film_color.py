"""Colours, shapes of pixels and orientation."""

from __future__ import annotations

from fractions import Fraction
from itertools import product
from pathlib import Path

import av
import numpy as np
import pytest
from helpers_video import Repeater, make_film, pictures_of

from minutia.video import upscale_video
from minutia.video.color import Color, Converter, color_of, turn_upright

WEIGHTS = {1: (0.2126, 0.0722), 5: (0.299, 0.114), 6: (0.299, 0.114), 9: (0.2627, 0.0593)}
"""Of red and blue in luma: BT.709, BT.601 twice, BT.2020."""


def to_yuv(rgb: tuple[int, int, int], matrix: int, full: bool) -> list[float]:
    """Straight from the recommendations."""
    red, green, blue = (value / 255 for value in rgb)
    of_red, of_blue = WEIGHTS[matrix]
    luma = of_red * red + (1 - of_red - of_blue) * green + of_blue * blue
    chroma = (blue - luma) / (2 - 2 * of_blue), (red - luma) / (2 - 2 * of_red)
    if full:
        return [255 * luma, *(128 + 255 * each for each in chroma)]
    return [16 + 219 * luma, *(128 + 224 * each for each in chroma)]


def plane_means(frame: av.VideoFrame) -> list[float]:
    return [float(np.frombuffer(plane, np.uint8)[: plane.width].mean()) for plane in frame.planes]


@pytest.mark.parametrize(("matrix", "full"), list(product(WEIGHTS, [False, True])))
def test_conversion_is_that_of_the_recommendations(matrix: int, full: bool) -> None:
    converter = Converter(Color(matrix, 2 if full else 1, 1, 1))
    for rgb in [(255, 0, 0), (0, 255, 0), (0, 0, 255), (200, 100, 50), (255, 255, 255), (0, 0, 0)]:
        pixels = np.full((24, 32, 3), rgb, np.uint8)
        frame = converter.from_rgb(pixels, "yuv420p")
        assert plane_means(frame) == pytest.approx(to_yuv(rgb, matrix, full), abs=1)
        assert np.abs(converter.to_rgb(frame, 32, 24).astype(int) - pixels).max() <= 1


def test_chroma_is_interpolated_between_its_samples() -> None:
    """A ramp of colour stays a ramp; repeated samples would make it steps of two pixels."""
    ramp = np.zeros((16, 64, 3), np.uint8)
    ramp[:, :, 0] = 2 * np.arange(64)
    converter = Converter(Color(1, 1, 1, 1))
    back = converter.to_rgb(converter.from_rgb(ramp, "yuv420p"), 64, 16)
    assert np.abs(back.astype(int) - ramp)[:, 2:-2].max() <= 2


@pytest.mark.parametrize(("matrix", "full"), [(1, False), (1, True), (6, False), (5, True)])
def test_colours_mean_the_same_in_the_large_film(tmp_path: Path, matrix: int, full: bool) -> None:
    source = make_film(
        tmp_path / "clip.mp4",
        paint=lambda index: np.full((24, 32, 3), (220, 90, 30), np.uint8),
        colorspace=matrix,
        color_range=2 if full else 1,
        color_primaries=1,
        color_trc=1,
    )
    upscale_video(source, tmp_path / "large.mp4", Repeater())
    with av.open(str(source)) as old, av.open(str(tmp_path / "large.mp4")) as new:
        before, after = next(old.decode(video=0)), next(new.decode(video=0))
    assert plane_means(after) == pytest.approx(plane_means(before), abs=1)
    tags = (matrix, 2 if full else 1, 1, 1)
    assert (after.colorspace, after.color_range, after.color_primaries, after.color_trc) == tags


@pytest.mark.parametrize(
    ("codec", "suffix"),
    [("libvpx", ".webm"), ("libvpx-vp9", ".webm"), ("prores_ks", ".mov"), ("mjpeg", ".mov"), ("libx264rgb", ".mkv")],
)
@pytest.mark.parametrize("full", [False, True])
def test_colours_are_seen_as_they_were_whatever_the_codec_can_say(
    tmp_path: Path, codec: str, suffix: str, full: bool
) -> None:
    painted = np.full((24, 32, 3), 20, np.uint8)
    painted[:, 16:] = 180, 100, 60
    source = make_film(
        tmp_path / "clip.mp4", paint=lambda index: painted, sound=None, colorspace=1, color_range=2 if full else 1
    )
    upscale_video(source, tmp_path / f"large{suffix}", Repeater(), codec=codec)
    before, after = pictures_of(source)[0], pictures_of(tmp_path / f"large{suffix}")[0]
    for column in (6, 26):
        assert after[48, 4 * column].astype(int) == pytest.approx(before[12, column].astype(int), abs=5)


def test_colours_that_are_not_told_are_guessed_from_the_size_before_it_grows() -> None:
    for size, matrix in (((320, 240), 6), ((720, 576), 6), ((1280, 720), 1)):
        frame = av.VideoFrame(*size, "yuv420p")
        assert color_of(frame) == Color(matrix, 1, 2, 2)
    frame.colorspace, frame.color_range = 9, 2
    assert (color_of(frame).matrix, color_of(frame).range) == (9, 2)
    frame.colorspace = 8
    assert color_of(frame).matrix == 1


def test_rgb_films_keep_their_colours(tmp_path: Path) -> None:
    source = make_film(
        tmp_path / "clip.mkv",
        codec="ffv1",
        pixel_format="bgr0",
        paint=lambda index: np.full((24, 32, 3), (200, 100, 50), np.uint8),
    )
    upscale_video(source, tmp_path / "large.mkv", Repeater())
    assert np.abs(pictures_of(tmp_path / "large.mkv")[0].mean(axis=(0, 1)) - (200, 100, 50)).max() <= 3


@pytest.mark.parametrize(("turned", "flip_h", "flip_v"), list(product([0, 90, 180, -90], [False, True], [False, True])))
def test_films_are_turned_as_players_turn_them(
    tmp_path: Path, photo: np.ndarray, turned: int, flip_h: bool, flip_v: bool
) -> None:
    stored = photo[:24, :32]
    source = make_film(
        tmp_path / "clip.mp4",
        paint=lambda index: stored,
        rotation=(turned, flip_h, flip_v),
        sample_aspect_ratio=Fraction(4, 3),
    )
    summary = upscale_video(source, tmp_path / "large.mp4", Repeater())
    # FFmpeg: `turned` degrees against the clock, then mirrored.
    shown = np.rot90(stored, turned // 90)
    shown = shown[:, ::-1] if flip_h else shown
    shown = shown[::-1] if flip_v else shown
    on_side = turned in {90, -90}
    assert summary.before == ((32, 24) if on_side else (24, 32))
    with av.open(str(tmp_path / "large.mp4")) as film:
        frame = next(film.decode(video=0))
        assert frame.rotation == 0
        assert film.streams.video[0].sample_aspect_ratio == (Fraction(3, 4) if on_side else Fraction(4, 3))
        made = frame.to_ndarray(format="rgb24")[1::4, 1::4]
    assert np.abs(made.astype(int) - shown).mean() < 12


def test_a_turn_by_a_matrix() -> None:
    pixels = np.arange(18, dtype=np.uint8).reshape(2, 3, 3)
    quarter = (0, 1, 0, -1, 0, 0, 0, 0, 1)
    assert (turn_upright(pixels, quarter) == np.rot90(pixels, -1)).all()
    assert (turn_upright(pixels, (-1, 0, 0, 0, 1, 0, 0, 0, 1)) == pixels[:, ::-1]).all()
