"""Encode frames: which codec, how it is set, and packets out of it."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple, final

import av
from av.codec.context import Flags
from av.video.codeccontext import VideoCodecContext
from av.video.reformatter import ColorRange

from minutia.errors import PictureError
from minutia.image.target import Size
from minutia.video.color import SMPTE170M, Color, Converter
from minutia.video.film import Film, Frame

CONTAINERS = {".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".mkv": "matroska", ".webm": "webm"}
"""Suffix -> FFmpeg's muxer. These keep the timestamp of every frame, and say what they cannot hold."""

ANY_STREAM = ".mkv"
"""The container for films whose own is not written: it holds nearly every kind of sound and subtitle."""

PREFERRED = ("libx264", "libopenh264", "libvpx-vp9", "libsvtav1", "mpeg4")
"""The first that FFmpeg was built with and the container takes is the default."""

OPTIONS: Mapping[str, Mapping[str, str]] = {
    # 10 frames instead of 40 halve its memory (850 to 410 MB at 2560x1920) and leave size and speed as they are.
    "libx264": {"crf": "18", "rc-lookahead": "10"},
    "libx265": {"crf": "20", "x265-params": "log-level=none"},
    "libvpx-vp9": {"crf": "24", "row-mt": "1", "cpu-used": "4"},
    "libsvtav1": {"crf": "24"},
}
"""How the codecs are set whose quality is a constant rate factor (crf)."""

FULL_RANGE = frozenset({"libx264", "libx265", "libvpx-vp9", "libsvtav1", "ffv1"})
"""Codecs that say so where numbers go from 0 to 255; of others players take 16 to 235."""

ONE_MATRIX = frozenset({"libvpx", "mjpeg"})
"""Codecs that know no other than that of BT.601 (RFC 6386, section 9.2; JFIF)."""

MJPEG = "mjpeg"
"""Takes 0 to 255 alone, as JPEG."""

RGB = 0
"""The matrix of colours that go through none (ITU-T H.273)."""

BITS_PER_PIXEL = Fraction(1, 5)
"""Bit rate of the other codecs."""


class Packet(NamedTuple):
    """A piece of an encoded film; usually a frame."""

    pts: int
    """Ticks of the film."""
    duration: int
    """Ticks."""
    is_key: bool
    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoding:
    """All that the encoder depends on; the same settings make the same stream header."""

    codec: str
    pixel_format: str
    width: int
    height: int
    aspect: Fraction
    rate: Fraction
    color: Color
    bit_rate: int = 0
    options: Mapping[str, str] = field(default_factory=dict)

    def configure(self, context: VideoCodecContext) -> None:
        """Set an encoder that is not opened yet."""
        context.width, context.height, context.pix_fmt = self.width, self.height, self.pixel_format
        context.sample_aspect_ratio = self.aspect
        context.framerate, context.time_base = self.rate, 1 / self.rate
        context.colorspace = RGB if _is_rgb(self.pixel_format) else self.color.matrix
        context.color_range = self.color.range
        context.color_primaries, context.color_trc = self.color.primaries, self.color.transfer
        context.bit_rate = self.bit_rate
        context.options = dict(self.options)
        context.flags |= Flags.global_header  # One header at the start, which all segments share.


def choose_target(source: Path, output: Path | None, mark: str) -> Path:
    """Settle where the large film goes: beside its source as clip_x4.mp4, or into `output`, a folder or a file.

    `mark` is what its name then gets, such as `_x4`.

    A film in a container that is not written becomes an MKV.
    """
    suffix = source.suffix if source.suffix.lower() in CONTAINERS else ANY_STREAM
    if output is None:
        return source.with_name(f"{source.stem}{mark}{suffix}")
    if output.suffix and not output.is_dir():
        return output
    return output / f"{source.stem}{suffix}"


def container_of(target: Path) -> str:
    """Name the muxer for a file.

    Raises:
        PictureError: a suffix that is not written.
    """
    form = CONTAINERS.get(target.suffix.lower())
    if form is None:
        raise PictureError(f"{target} cannot be written; known video formats are {', '.join(CONTAINERS)}.")
    return form


def choose_encoding(film: Film, size: Size, target: Path, codec: str | None = None, crf: int | None = None) -> Encoding:
    """Settle how the large film is encoded.

    Args:
        size: of its frames.
        codec: name of an encoder of FFmpeg; None takes the first of PREFERRED that the container takes.
        crf: constant rate factor; None takes that of OPTIONS.

    Raises:
        PictureError: the codec is not to be had, not for this container, or has no crf.
    """
    form = container_of(target)
    name = next(filter(lambda each: _takes(form, each), PREFERRED), None) if codec is None else codec
    if name is None or not _is_encoder(name):
        raise PictureError(f"There is no encoder {name or 'for videos'} here; try one of {', '.join(PREFERRED)}.")
    if not _takes(form, name):
        raise PictureError(
            f"{target} cannot hold the output of {name}; leave out --codec, or choose another container."
        )
    options = dict(OPTIONS.get(name, {}))
    if crf is not None and "crf" not in options:
        raise PictureError(f"{name} has no crf; codecs with one are {', '.join(OPTIONS)}.")
    if crf is not None:
        options["crf"] = str(crf)
    height, width = size
    formats = [each.name for each in av.codec.Codec(name, "w").video_formats or ()]
    pixel_format = "yuv420p" if "yuv420p" in formats or not formats else formats[0]
    return Encoding(
        codec=name,
        pixel_format=pixel_format,
        width=width,
        height=height,
        aspect=film.aspect,
        rate=film.rate,
        color=_as_coded(film.color, name, pixel_format),
        bit_rate=0 if "crf" in options else round(BITS_PER_PIXEL * width * height * film.rate),
        options=options,
    )


@final
class Encoder:
    """An encoder at work. It counts frames evenly, as every codec can; what it makes gets the real timestamps back."""

    def __init__(self, encoding: Encoding) -> None:
        context = av.codec.CodecContext.create(encoding.codec, "w")
        assert isinstance(context, VideoCodecContext)
        encoding.configure(context)
        self.encoding = encoding
        self.context = context
        self.converter = Converter(encoding.color)
        self.times: list[tuple[int, int]] = []
        """(pts, duration) of each frame so far, in ticks of the film."""

    def encode(self, frame: Frame) -> Iterator[Packet]:
        """Give a frame to the encoder, and take what is ready."""
        picture = self.converter.from_rgb(frame.pixels, self.encoding.pixel_format)
        picture.pts, picture.time_base = len(self.times), 1 / self.encoding.rate
        self.times.append((frame.pts, frame.duration))
        return self._taken(self.context.encode(picture))

    def finish(self) -> Iterator[Packet]:
        """Take what the encoder still holds."""
        return self._taken(self.context.encode(None))

    def _taken(self, packets: list[av.Packet[Any]]) -> Iterator[Packet]:
        for packet in packets:
            assert packet.pts is not None
            pts, duration = self.times[round(packet.pts * packet.time_base * self.encoding.rate)]
            yield Packet(pts, duration, packet.is_keyframe, bytes(packet))


def _as_coded(color: Color, codec: str, pixel_format: str) -> Color:
    """Bring the colours of a film to what a codec can say of them."""
    limits = color.range if codec in FULL_RANGE else ColorRange.MPEG
    if codec == MJPEG or _is_rgb(pixel_format):
        limits = ColorRange.JPEG
    return replace(color, matrix=SMPTE170M if codec in ONE_MATRIX else color.matrix, range=int(limits))


def _is_rgb(pixel_format: str) -> bool:
    """Tell whether numbers are colours as they are, without a matrix."""
    return bool(av.VideoFormat(pixel_format).is_rgb)


def _is_encoder(name: str) -> bool:
    try:
        return bool(av.codec.Codec(name, "w").type == "video")
    except ValueError:
        return False


def _takes(form: str, codec: str) -> bool:
    """Tell whether a container holds what an encoder makes."""
    if not _is_encoder(codec):
        return False
    with av.open(io.BytesIO(), "w", format=form) as container:
        try:
            container.add_stream(codec)
        except ValueError:
            return False
    return True
