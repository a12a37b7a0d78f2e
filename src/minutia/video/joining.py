"""The last step: segments and copied streams are joined in one file; nothing is encoded again."""

from __future__ import annotations

import heapq
import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.container import InputContainer, OutputContainer
from av.packet import Packet
from av.stream import Stream
from av.video.stream import VideoStream
from numpy.typing import NDArray

from minutia.errors import PictureError
from minutia.video.copies import add_copy, copied_packets, lasting_tags
from minutia.video.encoding import Encoding, container_of
from minutia.video.film import Film, open_film
from minutia.video.parts import Part, read_packets, read_stamps

APPLE = "com.apple.quicktime."
"""How the keys begin under which phones note place, date and maker."""

FILM_TAGS = frozenset({"title", "language", "timecode", "creation_time"})


def rehearse(film: Film, encoding: Encoding, copies: Sequence[int], target: Path) -> None:
    """Write the head of the large film to nowhere: what is impossible shows before the work, not after.

    Args:
        copies: indices of the streams of the source that travel along.

    Raises:
        PictureError: the encoder refuses its settings, or the container its streams.
    """
    try:
        with open_film(film.path) as source:
            large = av.open(f"file:{os.devnull}", "w", format=container_of(target))
            _lay_out(large, source, film, encoding, copies)
            large.start_encoding()
    except (av.FFmpegError, ValueError) as error:
        wanted = " ".join([f"{encoding.width}x{encoding.height}", *(f"{k}={v}" for k, v in encoding.options.items())])
        raise PictureError(f"{encoding.codec} cannot encode {wanted} for {target}.") from error
    with suppress(av.FFmpegError):  # An empty film need not be a good one.
        large.close()


def join(film: Film, encoding: Encoding, copies: Sequence[int], parts: Sequence[Part], target: Path, at: Path) -> None:
    """Write the large film.

    Args:
        copies: indices of the streams of the source that travel along.
        target: what the file will be called; it tells the container.
        at: where it is written.

    Raises:
        OSError: the place cannot be written.
    """
    form = container_of(target)
    with (
        open_film(film.path) as source,
        av.open(f"file:{at}", "w", format=form, container_options=_muxing(form, film, source)) as large,
    ):
        picture, streams = _lay_out(large, source, film, encoding, copies)
        made = _made_packets(parts, picture, film.time_base)
        copied = (packet for _, packet in copied_packets(source, streams))
        for packet in heapq.merge(made, copied, key=_moment):
            large.mux(packet)


def decoding_times(pts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Say when packets are to be decoded: when earlier frames are shown, by as few as keeps each before its own turn.

    Args:
        pts: (N,) when each packet is shown, in the order of the encoder, each of its own.

    Returns:
        (N,) rising, and never above `pts`. Segments have encoders of their own, whose decoding times could overlap.
    """
    shown = np.sort(pts)
    delay = int((np.arange(len(pts)) - np.searchsorted(shown, pts)).max(initial=0))
    step = shown[1] - shown[0] if len(pts) > 1 else 1
    before = shown[:1] - step * np.arange(delay, 0, -1)
    return np.concatenate([before, shown[: len(pts) - delay]]).astype(np.int64)


def _muxing(form: str, film: Film, source: InputContainer) -> dict[str, str]:
    """Set the muxer such that times and tags stay what they are."""
    if form == "matroska":  # Sound may begin before the film; all else would be moved for it.
        return {"avoid_negative_ts": "disabled"}
    flags = "+faststart"  # The index comes first, to play while it loads.
    if any(key.startswith(APPLE) for key in source.metadata):  # Titles then stand as such keys, too.
        flags += "+use_metadata_tags"
    return {"movflags": flags, "video_track_timescale": str(film.time_base.denominator)}


def _lay_out(
    large: OutputContainer, source: InputContainer, film: Film, encoding: Encoding, copies: Sequence[int]
) -> tuple[VideoStream, dict[int, Stream]]:
    """Give the large film its streams in the order of the source: the film, and copies by index."""
    large.metadata.update(lasting_tags(source.metadata))
    large.set_chapters(source.chapters())
    picture: Stream | None = None
    streams = {}
    for stream in source.streams:
        if stream.index == film.stream:
            picture = large.add_stream(encoding.codec, encoding.rate)
            assert isinstance(picture, VideoStream)
            encoding.configure(picture.codec_context)
            if picture.codec_context.codec.canonical_name == "hevc" and large.format.name != "matroska":
                picture.codec_context.codec_tag = "hvc1"  # By which Apple's players know it.
            picture.time_base = film.time_base
            picture.metadata.update(lasting_tags(stream.metadata, FILM_TAGS))
            picture.disposition = stream.disposition
        elif stream.index in copies:
            streams[stream.index] = add_copy(large, stream)
    assert isinstance(picture, VideoStream)
    return picture, streams


def _made_packets(parts: Sequence[Part], picture: Stream, time_base: Fraction) -> Iterator[Packet[Any]]:
    """Read the encoded film, with the times at which it is to be decoded."""
    stamps = np.fromiter((pts for part in parts for pts in read_stamps(part)), np.int64)
    made = (packet for part in parts for packet in read_packets(part))
    for coded, dts in zip(made, decoding_times(stamps), strict=True):
        packet: Packet[Any] = Packet(coded.data)
        packet.pts, packet.dts, packet.duration = coded.pts, int(dts), coded.duration
        packet.time_base, packet.is_keyframe, packet.stream = time_base, coded.is_key, picture
        yield packet


def _moment(packet: Packet[Any]) -> Fraction:
    return (packet.dts or 0) * packet.time_base
