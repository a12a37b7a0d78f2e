"""Films made for tests, and what can be read out of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.container import OutputContainer

from minutia.image.target import Target

TICK = Fraction(1, 1000)


def level(index: int) -> int:
    """Grey of frame `index` of a painted film; neighbours differ by far more than a codec loses."""
    return 30 + index * 37 % 200


def grey(index: int, size: tuple[int, int] = (32, 24)) -> np.ndarray:
    return np.full((size[1], size[0], 3), level(index), np.uint8)


def make_film(
    path: Path,
    times: Sequence[int] = range(0, 1000, 250),
    *,
    paint: Callable[[int], np.ndarray] = grey,
    tick: Fraction = TICK,
    codec: str = "libx264",
    pixel_format: str = "yuv420p",
    sound: str | None = "aac",
    rotation: tuple[int, bool, bool] | None = None,
    before: Callable[[OutputContainer], None] = lambda out: None,
    after: Callable[[OutputContainer], None] = lambda out: None,
    **settings: object,
) -> Path:
    """Write a film of frames at `times`, in ticks, with a sine tone as long as the film.

    Args:
        before: adds streams, after those of film and sound.
        after: writes what belongs into them.
        settings: attributes of the encoder of the film.
    """
    first = paint(0)
    with av.open(str(path), "w") as out:
        film = out.add_stream(codec, rate=10)
        film.height, film.width = first.shape[:2]
        film.pix_fmt = pixel_format
        film.codec_context.time_base = film.time_base = tick
        for name, value in settings.items():
            setattr(film.codec_context, name, value)
        if rotation is not None:
            film.set_display_rotation(*rotation)
        tone = None if sound is None else out.add_stream(sound, rate=48000)
        before(out)
        for index, time in enumerate(times):
            frame = av.VideoFrame.from_ndarray(paint(index), "rgb24").reformat(format=pixel_format)
            frame.pts, frame.time_base = time, tick
            out.mux(film.encode(frame))
        out.mux(film.encode(None))
        if tone is not None:
            _play(out, tone, float((times[-1] + 250) * tick))
        after(out)
    return path


def _play(out: OutputContainer, tone: av.AudioStream, seconds: float) -> None:
    wave = 0.3 * np.sin(2 * np.pi * 440 * np.arange(round(seconds * 48000)) / 48000).astype(np.float32)
    for start in range(0, len(wave), 960):
        piece = wave[start : start + 960]
        frame = av.AudioFrame.from_ndarray(np.stack([piece, piece]), "fltp", "stereo")
        frame.sample_rate, frame.pts, frame.time_base = 48000, start, Fraction(1, 48000)
        out.mux(tone.encode(frame))
    out.mux(tone.encode(None))


def times_of(path: Path) -> list[Fraction]:
    """When each frame is shown, in seconds."""
    with av.open(str(path)) as film:
        return [frame.pts * frame.time_base for frame in film.decode(video=0)]


def pictures_of(path: Path) -> list[np.ndarray]:
    with av.open(str(path)) as film:
        return [frame.to_ndarray(format="rgb24") for frame in film.decode(video=0)]


def levels_of(path: Path) -> list[int]:
    """The mean of each frame."""
    return [round(float(picture.mean())) for picture in pictures_of(path)]


def packets_of(path: Path, kind: str) -> list[tuple[Fraction, bytes]]:
    """(seconds, content) of each packet of the first stream of a kind."""
    with av.open(str(path)) as film:
        stream = next(each for each in film.streams if each.type == kind)
        return [(packet.pts * packet.time_base, bytes(packet)) for packet in film.demux(stream) if packet.size]


class Repeater:
    """Stands for an Upscaler: each pixel becomes four by four of its kind."""

    scale = 4
    num_devices = 1
    description = "repeater"

    def __init__(self, stop_after: int | None = None) -> None:
        self.identity = {"model": "repeater"}
        self.count = 0
        self.stop_after = stop_after

    def upscale(self, pixels: np.ndarray, *, target: Target) -> np.ndarray:
        assert target.size(*pixels.shape[:2]) == tuple(4 * side for side in pixels.shape[:2])
        assert pixels.dtype == np.uint8
        if self.count == self.stop_after:
            raise KeyboardInterrupt
        self.count += 1
        return pixels.repeat(4, axis=0).repeat(4, axis=1)
