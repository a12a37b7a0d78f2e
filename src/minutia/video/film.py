"""Read a video: its properties, and its frames, upright and in order."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, cast

import av
import numpy as np
from av.container import InputContainer
from av.packet import Packet
from av.stream import Disposition, Stream
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from numpy.typing import NDArray

from minutia.errors import PictureError
from minutia.video.color import MATRICES, UNSPECIFIED, Color, Converter, color_of, lies_on_its_side, turn_upright

logger = logging.getLogger(__name__)

UPRIGHT = (1, 0, 0, 0, 1, 0, 0, 0, 1)
HDR = ("MASTERING_DISPLAY_METADATA", "CONTENT_LIGHT_LEVEL", "DYNAMIC_HDR_PLUS", "DOVI_METADATA")
"""Side data of frames that tell a screen how bright a film is meant to be."""

ANY_RATE = Fraction(25)
"""For films that do not tell: encoders want one. Timestamps do not depend on it."""


@dataclass(frozen=True, slots=True)
class Film:
    """What stays the same from the first frame to the last."""

    path: Path
    stream: int
    """Index of the film among the streams of the file."""
    width: int
    """Of a frame that stands upright."""
    height: int
    matrix: tuple[int, ...]
    """Display matrix: how stored frames are to be turned."""
    aspect: Fraction
    """Width of a pixel by its height, upright."""
    color: Color
    time_base: Fraction
    """Seconds of one tick, in which timestamps count."""
    rate: Fraction
    """Frames in a second, on average."""
    num_frames: int
    """As the file tells it, or estimated; 0 where nothing is known."""
    seconds: float | None
    """How long the file says that the film is."""


@dataclass(frozen=True, slots=True)
class Frame:
    """A frame, upright."""

    pixels: NDArray[np.uint8]
    """(H, W, 3) RGB"""
    pts: int
    """When it is shown, in ticks."""
    duration: int
    """Ticks; 0 where the file does not say."""


def open_film(path: Path) -> InputContainer:
    """Open a file; whatever goes wrong with it is said in one sentence.

    Raises:
        PictureError: the file is missing, broken or no film.
    """
    try:
        return av.open(f"file:{path}", "r", metadata_errors="replace")
    except FileNotFoundError as error:
        raise PictureError(f"{path} does not exist.") from error
    except IsADirectoryError as error:
        raise PictureError(f"{path} is a folder; name one video.") from error
    except av.error.InvalidDataError as error:
        raise PictureError(f"{path} is damaged or not a video.") from error
    except av.FFmpegError as error:
        raise PictureError(f"{path} cannot be read: {str(error.strerror).lower()}.") from error


def read_film(path: Path) -> Film:
    """Read what a film is, from its file and its first frame.

    What cannot be kept (more than 8 bits, metadata of HDR, transparency, fields) is logged as a warning.

    Raises:
        PictureError: the file is missing, broken, or holds no film that can be decoded.
    """
    with open_film(path) as container:
        kind = container.format.name
        if kind.endswith("_pipe") or kind == "image2":
            raise PictureError(f"{path} is a picture; use minutia upscale.")
        stream = next((each for each in container.streams.video if not is_cover(each)), None)
        if stream is None or kind == "tty":  # FFmpeg would type any text onto a screen, and film that.
            raise PictureError(f"There is no video in {path}.")
        if stream.codec_context is None:
            raise PictureError(f"There is no decoder here for the video in {path}.")
        first = next((frame for frame in _decoded(container, stream) if frame is not None), None)
        if first is None or stream.time_base is None:
            raise PictureError(f"No frame of {path} can be decoded.")
        _warn(path, stream, first)
        return _describe(path, stream, first)


def read_frames(film: Film, skip: int = 0) -> Iterator[Frame]:
    """Read the frames in the order in which they are shown; the first `skip` are passed over.

    A broken part is left out; at the end a warning tells how much of the film there was.

    Raises:
        PictureError: as `read_film`.
    """
    converter = Converter(film.color)
    width, height = (film.height, film.width) if lies_on_its_side(film.matrix) else (film.width, film.height)
    one_frame = max(round(1 / (film.rate * film.time_base)), 1)
    start, pts, duration, broken, count = None, 0, 0, 0, 0
    with open_film(film.path) as container:
        for frame in _decoded(container, container.streams[film.stream]):
            if frame is None:
                broken += 1
                continue
            if start is None:
                start = pts = frame.pts or 0
            else:  # Timestamps have to rise, as no container takes others; a frame without one follows the last.
                pts = max(pts + 1, pts + (duration or one_frame) if frame.pts is None else frame.pts)
            duration = frame.duration or 0
            count += 1
            if count > skip:
                pixels = turn_upright(converter.to_rgb(frame, width, height), film.matrix)
                yield Frame(pixels, pts, duration)
    # Matroska says when a film ends, others how long it is; one of MP4 begins at 0, whatever is shown there.
    seconds = float((pts - min(start or 0, 0) + (duration or one_frame)) * film.time_base)
    if broken or (film.seconds is not None and seconds < 0.99 * film.seconds - 1):
        told = f" of {film.seconds:.1f}" if film.seconds is not None else ""
        logger.warning("%s is damaged or cut short: %.1f%s seconds could be decoded.", film.path, seconds, told)


def readable_packets(container: InputContainer, streams: Sequence[Stream]) -> Iterator[Packet[Any]]:
    """Read the packets of some streams; a file that breaks off ends there."""
    with suppress(av.FFmpegError):
        yield from container.demux(streams)


def is_cover(stream: Stream) -> bool:
    """Tell whether a stream is the picture on a cover, not a film."""
    return bool(stream.disposition & Disposition.attached_pic)


def _decoded(container: InputContainer, stream: Stream) -> Iterator[VideoFrame | None]:
    """Decode frame by frame; None stands for a packet that cannot be decoded."""
    assert isinstance(stream, VideoStream)
    stream.thread_type = "AUTO"
    for packet in readable_packets(container, [stream]):
        try:
            frames = packet.decode()
        except av.FFmpegError:
            yield None
        else:
            yield from frames


def _describe(path: Path, stream: VideoStream, first: VideoFrame) -> Film:
    assert stream.time_base is not None
    stored = first.side_data.get("DISPLAYMATRIX")
    matrix = UPRIGHT if stored is None else tuple(np.frombuffer(cast(bytes, stored), np.int32).tolist())
    aspect = stream.sample_aspect_ratio or Fraction(1)
    on_side = lies_on_its_side(matrix)
    rate = (stream.average_rate or stream.guessed_rate or ANY_RATE).limit_denominator(1001) or ANY_RATE
    seconds = _claimed_seconds(stream)
    return Film(
        path=path,
        stream=stream.index,
        width=first.height if on_side else first.width,
        height=first.width if on_side else first.height,
        matrix=matrix,
        aspect=1 / aspect if on_side else aspect,
        color=color_of(first),
        time_base=stream.time_base,
        rate=rate,
        num_frames=stream.frames or (0 if seconds is None else round(seconds * rate)),
        seconds=seconds,
    )


def _claimed_seconds(stream: VideoStream) -> float | None:
    """Read how long a stream is: from its header, or from the tag that Matroska has for it (00:01:30.500)."""
    if stream.duration is not None and stream.time_base is not None:
        return float(stream.duration * stream.time_base)
    try:
        hours, minutes, seconds = stream.metadata["DURATION"].split(":")
        return 3600 * int(hours) + 60 * int(minutes) + float(seconds)
    except (KeyError, ValueError):
        return None


def _warn(path: Path, stream: VideoStream, frame: VideoFrame) -> None:
    parts = frame.format.components
    depth = max(part.bits for part in parts)
    if depth > 8:
        logger.warning("%s has %d bits per channel; the output has 8.", path, depth)
    if any(frame.side_data.get(name) is not None for name in HDR):
        logger.warning("%s has HDR metadata; the output has none.", path)
    # VP8 and VP9 have transparency beside the film, where decoders leave it.
    has_alpha = any(part.is_alpha for part in parts) and frame.to_ndarray(format="rgba")[:, :, 3].min() < 255
    if has_alpha or stream.metadata.get("alpha_mode") == "1":
        logger.warning("%s has transparency; the output has none.", path)
    is_rgb = frame.format.is_rgb or frame.format.has_palette
    if not is_rgb and frame.colorspace not in {*MATRICES, UNSPECIFIED}:
        logger.warning("Colour matrix of %s is not known here; colours will be slightly wrong.", path)
    if frame.interlaced_frame:
        logger.warning("%s is interlaced; deinterlace it first, or the combing is enlarged too.", path)
