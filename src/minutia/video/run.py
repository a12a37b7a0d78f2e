"""Enlarge a video: decode, upscale and encode in parallel, in segments that are kept when a run is stopped."""

from __future__ import annotations

import shutil
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TypeVar

import av

from minutia.errors import PictureError
from minutia.files import replacing
from minutia.image.color import to_uint8
from minutia.image.io import require_free
from minutia.image.target import Size, Target
from minutia.types import Pixels, Progress, ignore_progress
from minutia.upscaler import Upscaler
from minutia.video.copies import choose_copies
from minutia.video.encoding import Encoder, Encoding, choose_encoding
from minutia.video.film import Film, Frame, read_film, read_frames
from minutia.video.joining import join, rehearse
from minutia.video.parts import PartWriter, Settings, claim, find_parts

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Summary:
    """What became of a film."""

    before: Size
    """Height and width, upright."""
    after: Size
    num_frames: int
    num_kept: int
    """Frames that an earlier run had made."""
    seconds: float
    """How long this run took."""


def upscale_video(
    source: Path,
    target: Path,
    upscaler: Upscaler,
    *,
    size: Target | None = None,
    codec: str | None = None,
    crf: int | None = None,
    segment_seconds: float = 10,
    overwrite: bool = False,
    progress: Progress = ignore_progress,
) -> Summary:
    """Enlarge a film frame by frame; sound, subtitles, chapters, tags and every timestamp are kept.

    The work is done in segments in a folder beside the target, which takes its name when all is there. Stopped at any
    moment, the same call goes on after the last whole segment; with other settings, or another film, it starts anew.

    Args:
        target: its suffix tells the container: .mp4, .m4v, .mov, .mkv or .webm.
        size: how large it is to become; None is as often as the model enlarges. Sides are rounded to even numbers,
            which most codecs want.
        codec: FFmpeg's name of an encoder; None takes libx264 where it is to be had and fits.
        crf: quality of the codec, less is better; None takes a value at which loss is hard to see.
        segment_seconds: how much of the film may have to be made again after a stop.
        overwrite: replace a target that exists.
        progress: called with (done, total) frames, first with those that an earlier run has made; the total of some
            films is an estimate until the end.

    Raises:
        OutputExists: the target exists.
        PictureError: the film cannot be read, encoded as asked, or written.
    """
    began = time.perf_counter()
    if not segment_seconds > 0:
        raise PictureError(f"A segment cannot have a length of {segment_seconds:g} seconds.")
    if not overwrite:
        require_free(target)
    film = read_film(source)
    even = replace(size or Target("scale", upscaler.scale), step=2)
    encoding = choose_encoding(film, even.size(film.height, film.width), target, codec, crf)
    copies = choose_copies(film, target)
    rehearse(film, encoding, copies, target)
    folder = target.with_name(f".{target.name}.parts")
    try:
        if target.exists() and target.samefile(source):
            raise PictureError(f"{source} would be replaced by its own result; choose another output.")
        claim(folder, _settings(film, encoding, upscaler, segment_seconds))
        num_kept = sum(part.stop - part.first for part in find_parts(folder))
        frames = partial(_enlarge, film, lambda pixels: upscaler.upscale(pixels, target=even), upscaler.num_devices)
        num_frames = _make_parts(film, encoding, frames, folder, segment_seconds, progress)
        with replacing(target) as temporary:
            join(film, encoding, copies, find_parts(folder), target, temporary)
        shutil.rmtree(folder)
    except (OSError, av.FFmpegError) as error:
        raise PictureError(f"{target} cannot be written: {(error.strerror or str(error)).lower()}.") from error
    sizes = (film.height, film.width), (encoding.height, encoding.width)
    return Summary(*sizes, num_frames, num_kept, time.perf_counter() - began)


def _settings(film: Film, encoding: Encoding, upscaler: Upscaler, segment_seconds: float) -> Settings:
    """Name all that the segments depend on, in words that a warning may use."""
    facts = film.path.stat()
    return {
        "film": f"{facts.st_size} bytes of {facts.st_mtime_ns}",
        **upscaler.identity,
        "engine": upscaler.description,
        "size": f"{encoding.width}x{encoding.height}",
        "codec": encoding.codec,
        "codec options": " ".join(f"{name}={value}" for name, value in encoding.options.items()),
        "segment seconds": segment_seconds,
        "PyAV": f"{av.__version__}, FFmpeg {av.ffmpeg_version_info}",
    }


def _make_parts(
    film: Film,
    encoding: Encoding,
    frames_from: Callable[[int], Generator[Frame, None, None]],
    folder: Path,
    segment_seconds: float,
    progress: Progress,
) -> int:
    """Make the segments that are not there yet; give back how many frames the film has."""
    parts = find_parts(folder)
    done = parts[-1].stop if parts else 0
    progress(done, max(done, film.num_frames))
    with closing(_in_thread(frames_from(done))) as frames:
        frame = next(frames, None)
        while frame is not None:
            first, until = done, frame.pts + segment_seconds / film.time_base
            encoder = Encoder(encoding)
            with closing(PartWriter(folder)) as part:
                while frame is not None and frame.pts < until:
                    part.write(encoder.encode(frame))
                    done += 1
                    progress(done, max(done, film.num_frames))
                    frame = next(frames, None)
                part.write(encoder.finish())
                part.finish(first, done)
    progress(done, done)
    return done


def _enlarge(
    film: Film, upscale: Callable[[Pixels], Pixels], num_devices: int, skip: int
) -> Generator[Frame, None, None]:
    """Enlarge frames, in their order; as many are in the making as there are devices."""
    waiting: deque[tuple[Frame, Future[Pixels]]] = deque()

    def next_made() -> Frame:
        frame, large = waiting.popleft()
        return Frame(to_uint8(large.result()), frame.pts, frame.duration)

    with ThreadPoolExecutor(num_devices) as pool:
        for frame in _in_thread(read_frames(film, skip)):
            waiting.append((frame, pool.submit(upscale, frame.pixels)))
            if len(waiting) == num_devices:
                yield next_made()
        while waiting:
            yield next_made()


def _in_thread(items: Iterator[T]) -> Generator[T, None, None]:
    """Work out the next item while the present one is used: one is in the making, none are piled up."""
    with ThreadPoolExecutor(1) as pool:
        upcoming = pool.submit(next, items, None)
        while (item := upcoming.result()) is not None:
            upcoming = pool.submit(next, items, None)
            yield item
