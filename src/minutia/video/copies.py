"""Copied streams: audio, subtitles, data, covers, fonts and tags, packet by packet, unchanged."""

from __future__ import annotations

import logging
import os
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import av
from av.container import InputContainer, OutputContainer
from av.packet import Packet
from av.stream import Stream

from minutia.video.encoding import container_of
from minutia.video.film import Film, is_cover, open_film, readable_packets

logger = logging.getLogger(__name__)

OF_THE_FILE = frozenset({"major_brand", "minor_version", "compatible_brands", "encoder", "duration", "rotate"})
"""Tags that tell of the old file, not of what is in it."""

EMPTY_TEXT = b"\0\0"
"""A subtitle of MP4: its length in two bytes, and no text."""


def choose_copies(film: Film, target: Path) -> list[int]:
    """Find the streams beside the film that the target can hold; of what it cannot, a warning is logged.

    Whether a container takes a stream is known for certain when it has taken it. So all are written to nowhere first:
    what is impossible shows before the work, not after.

    Returns:
        Indices of streams of the source.
    """
    with open_film(film.path) as source:
        others = [each for each in source.streams if each.index != film.stream and not _is_made_anew(each, source)]
        trials = {each.index: trial for each in others if (trial := _try(each, target)) is not None}
        kept = set(trials)
        for index, packet in copied_packets(source, {index: copy for index, (_, copy) in trials.items()}):
            try:
                trials[index][0].mux(packet)
            except (av.FFmpegError, ValueError):
                kept.discard(index)
        for large, _ in trials.values():
            with suppress(av.FFmpegError):
                large.close()
        lost = [f"{each.type} ({each.name or 'of unknown kind'})" for each in others if each.index not in kept]
    if lost:
        logger.warning("%s cannot hold all that is in %s; left out: %s.", target, film.path, ", ".join(lost))
    return sorted(kept)


def add_copy(large: OutputContainer, stream: Stream) -> Stream:
    """Give an output a stream that takes the packets of another as they are.

    Raises:
        ValueError: the container does not know such streams.
    """
    copy = large.add_stream_from_template(stream, opaque=True)
    copy.metadata.update(lasting_tags(stream.metadata))
    copy.disposition = stream.disposition
    return copy


def copied_packets(source: InputContainer, copies: Mapping[int, Stream]) -> Iterator[tuple[int, Packet[Any]]]:
    """Read the packets of some streams for their copies; decoding times are made to rise where a file's do not.

    Yields:
        Index of the stream in the source, and a packet ready for the stream that copies it.
    """
    last: dict[int, int] = {}
    if not copies:
        return
    for packet in readable_packets(source, [source.streams[index] for index in copies]):
        index = packet.stream_index
        # Nothing at all is PyAV's sign of an end; an empty text fills a pause, and MP4's muxer makes those anew.
        if packet.size == 0 or (packet.stream.type == "subtitle" and bytes(packet) == EMPTY_TEXT):
            continue
        dts = packet.dts if packet.dts is not None else packet.pts or 0
        packet.dts = last[index] = max(dts, last.get(index, dts - 1) + 1)
        packet.pts = packet.dts if packet.pts is None else max(packet.pts, packet.dts)
        packet.stream = copies[index]
        yield index, packet


def lasting_tags(found: Mapping[str, str], wanted: Collection[str] | None = None) -> dict[str, str]:
    """Choose the tags that stay true; what MP4 calls the name of a stream is its title elsewhere."""
    tags = {"title" if key == "name" else key: text for key, text in found.items() if key.lower() not in OF_THE_FILE}
    return {key: text for key, text in tags.items() if wanted is None or key.lower() in wanted}


def _try(stream: Stream, target: Path) -> tuple[OutputContainer, Stream] | None:
    """Begin a file that has nothing but a copy of this stream, or give None where that is impossible."""
    form = container_of(target)
    # A second film is not what was asked for; covers are streams in MP4 alone.
    if stream.type == "video" and not (is_cover(stream) and form == "mp4"):
        return None
    try:
        large = av.open(f"file:{os.devnull}", "w", format=form)
        copy = add_copy(large, stream)
        large.start_encoding()
    except (av.FFmpegError, ValueError):
        return None
    return large, copy


def _is_made_anew(stream: Stream, source: InputContainer) -> bool:
    """Tell the streams in which MP4 keeps timecode and chapters: its muxer makes them from tags and chapters."""
    num_chapters = len(source.chapters())
    return stream.type == "data" and ("timecode" in stream.metadata or 0 < num_chapters == stream.frames)
