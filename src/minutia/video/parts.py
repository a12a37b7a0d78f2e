"""The work folder: a video in segments, so that a stopped run continues where it was.

A file of packets is no film, but holds what a container would change: every timestamp, in ticks of the source.
"""

from __future__ import annotations

import json
import logging
import os
import re
import shutil
import struct
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple, final

from minutia.files import replacing
from minutia.video.encoding import Packet

logger = logging.getLogger(__name__)

HEAD = struct.Struct("<qq?I")
"""Before each packet: pts, duration, whether it is a key frame, size in bytes."""

SETTINGS = "settings.json"
NAME = re.compile(r"(\d{8})-(\d{8})\.packets")

Settings = Mapping[str, str | int | float | None]
"""All that the segments depend on."""


class Part(NamedTuple):
    """A segment that is whole."""

    path: Path
    first: int
    """Number of its first frame."""
    stop: int
    """Number after that of its last."""


def claim(folder: Path, settings: Settings) -> None:
    """Make the work folder; one of other settings, or of another film, is emptied with a warning.

    Raises:
        OSError: the place cannot be written.
    """
    found = _read_settings(folder)
    if found == settings:
        return
    if folder.exists():
        if find_parts(folder):
            changed = ", ".join(name for name in settings if found.get(name) != settings[name])
            logger.warning(
                "Segments of an earlier run in %s are made again, since this has changed: %s.", folder, changed
            )
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    with replacing(folder / SETTINGS) as temporary:
        temporary.write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")


def find_parts(folder: Path) -> list[Part]:
    """List the segments that follow on one another from the first frame."""
    parts: list[Part] = []
    for path in sorted(folder.iterdir()):
        match = NAME.fullmatch(path.name)
        if match and int(match[1]) == (parts[-1].stop if parts else 0):
            parts.append(Part(path, int(match[1]), int(match[2])))
    return parts


@final
class PartWriter:
    """A segment in the making. It has a name of its own until it is whole and cannot be lost."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / f"unfinished.{os.getpid()}"
        self.file = self.path.open("wb")

    def write(self, packets: Iterable[Packet]) -> None:
        """Append packets."""
        for packet in packets:
            self.file.write(HEAD.pack(packet.pts, packet.duration, packet.is_key, len(packet.data)) + packet.data)

    def finish(self, first: int, stop: int) -> None:
        """Put the segment in its place, as that of the frames from `first` to before `stop`."""
        self.file.flush()
        os.fsync(self.file.fileno())
        self.file.close()
        self.path.replace(self.folder / f"{first:08d}-{stop:08d}.packets")

    def close(self) -> None:
        """Leave the file, whole or not."""
        self.file.close()


def read_packets(part: Part) -> Iterator[Packet]:
    """Read a segment, packet by packet, in the order of the encoder."""
    with part.path.open("rb") as file:
        while head := file.read(HEAD.size):
            pts, duration, is_key, size = HEAD.unpack(head)
            yield Packet(pts, duration, is_key, file.read(size))


def read_stamps(part: Part) -> Iterator[int]:
    """Read only the pts of a segment's packets."""
    with part.path.open("rb") as file:
        while head := file.read(HEAD.size):
            pts, _, _, size = HEAD.unpack(head)
            file.seek(size, 1)
            yield pts


def _read_settings(folder: Path) -> Settings:
    try:
        found = json.loads((folder / SETTINGS).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
