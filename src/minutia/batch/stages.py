"""The stages of one picture: it is read, enlarged and stored; errors become its outcome."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal, final

from minutia.batch.journal import Journal, digest_of
from minutia.batch.options import Options
from minutia.batch.plan import Job
from minutia.batch.scan import Scanned, find_scan, require_kind, scan, size_after
from minutia.errors import LargeEnough, MinutiaError, OutputExists, PictureError
from minutia.image.formats import format_of, require_bands
from minutia.image.io import is_animated, read_frames, require_free, write_frames
from minutia.image.metadata import stripped
from minutia.image.opening import translated
from minutia.image.target import Size
from minutia.types import Frames, Picture, Progress
from minutia.upscaler import Upscaler


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a job."""

    job: Job
    status: Literal["done", "current", "skipped", "failed"]
    """`current` is up to date by the journal; `skipped` would have replaced a file, or become smaller."""

    error: MinutiaError | None = None
    """Why it was skipped, or failed."""

    before: Size = (0, 0)
    after: Size = (0, 0)
    """Of the first picture in the file."""

    seconds: float = 0.0
    """Work on it; time in which it waited for others is left out."""

    num_pictures: int = 1
    """Frames or pages that are made of it."""


@dataclass(frozen=True, slots=True)
class Task:
    """A job that is to be done."""

    job: Job
    digest: str | None
    """SHA-256 of the source; None where no journal is kept."""
    replaces: bool
    """Whether what stands at the target may be replaced."""


@dataclass(frozen=True, slots=True)
class Work:
    """A picture on its way, first as it was read, then as it is enlarged."""

    task: Task
    frames: Frames
    before: Size
    seconds: float
    scanned: Scanned | None = None
    """Of a picture that is enlarged by rows, and of which there are no frames."""

    @property
    def num_bytes(self) -> int:
        """Memory that its pixels take."""
        return sum(each.num_bytes for each in self.frames.pictures)


@final
@dataclass(frozen=True, slots=True)
class Stages:
    """The stations of a picture, and all they need. Safe from several threads."""

    upscaler: Upscaler
    options: Options
    journal: Journal | None = None

    alone: bool = False
    """In a batch an output that exists is skipped, so that the batch may go on; for a single picture it is wrong."""

    def load(self, job: Job) -> Work | Outcome:
        """Read a picture, unless there is nothing to do."""
        began = time.perf_counter()
        digest: str | None = None
        try:
            task = self.examine(job)
            if isinstance(task, Outcome):
                return task
            digest = task.digest
            scanned = find_scan(job.source, job.target, self.upscaler, self.options, alone=self.alone)
            if scanned is not None:
                return Work(task, Frames(()), scanned.size, time.perf_counter() - began, scanned)
            keeps_all = format_of(job.target).keeps_all(moving=is_animated(job.source))
            frames = read_frames(job.source, self.options.output.limits, at_most=None if keeps_all else 1)
            self._require(job, frames)
        except (MinutiaError, MemoryError) as error:
            return self._fail(job, digest, time.perf_counter() - began, error)
        return Work(task, frames, _size(frames.pictures[0]), time.perf_counter() - began)

    def enlarge(self, work: Work, progress: Progress) -> Work | Outcome:
        """Put a picture through the network.

        Args:
            progress: called with (done, total) pixels of all its frames or pages.
        """
        if work.scanned is not None:
            return self._scan(work, work.scanned, progress)
        began = time.perf_counter()
        frames, job = work.frames, work.task.job
        count = len(frames.pictures)
        large = []
        try:
            for index, picture in enumerate(frames.pictures):

                def tell(done: int, total: int, index: int = index) -> None:
                    progress(index * total + done, count * total)

                made = self.upscaler.upscale(picture, tell, target=self.options.output.target)
                large.append(replace(made, metadata=stripped(made.metadata)) if self.options.output.strip else made)
        except (MinutiaError, MemoryError) as error:
            return self._fail(job, work.task.digest, work.seconds + time.perf_counter() - began, error)
        seconds = work.seconds + time.perf_counter() - began
        return replace(work, frames=replace(frames, pictures=tuple(large)), seconds=seconds)

    def _scan(self, work: Work, scanned: Scanned, progress: Progress) -> Outcome:
        """Enlarge a picture by rows, and write them as they come."""
        job = work.task.job
        options = replace(self.options, overwrite=work.task.replaces)

        def write() -> tuple[Size, Size]:
            before = scan(job.source, job.target, scanned, self.upscaler, options, progress)
            return before, self.size_after(job, before)

        return self._write(work, write)

    def store(self, work: Work) -> Outcome:
        """Write an enlarged picture."""

        def write() -> tuple[Size, Size]:
            target, encoding = work.task.job.target, self.options.output.encoding
            write_frames(work.frames, target, encoding, overwrite=work.task.replaces)
            return work.before, _size(work.frames.pictures[0])

        return self._write(work, write)

    def _write(self, work: Work, write: Callable[[], tuple[Size, Size]]) -> Outcome:
        """Write by `write`, which gives the sizes before and after, with a note in the journal before and after."""
        began = time.perf_counter()
        task, job = work.task, work.task.job
        if self.journal is not None:
            self.journal.begin(job.source, job.target, task.digest)
        try:
            sizes = write()
        except (MinutiaError, MemoryError) as error:
            return self._fail(job, task.digest, work.seconds + time.perf_counter() - began, error)
        seconds = work.seconds + time.perf_counter() - began
        if self.journal is not None:
            self.journal.finish(job.source, job.target, task.digest, seconds)
        return Outcome(job, "done", None, *sizes, seconds, max(1, len(work.frames.pictures)))

    def examine(self, job: Job) -> Task | Outcome:
        """Tell, before a picture is read, whether there is something to do.

        Raises:
            PictureError: the source cannot be read.
            OutputExists: a file stands in the way.
        """
        with translated(job.source):
            if job.source.exists() and not job.source.is_file():
                raise PictureError(f"{job.source} is not a regular file; to read from a pipe, use -.")
            digest = None if self.journal is None else digest_of(job.source)
        options = self.options
        try:
            require_free(job.target)
        except OutputExists:
            state = self.journal.judge(job.target, digest) if self.journal and options.resume else "foreign"
            if state == "current":
                return Outcome(job, "current")
            if state == "foreign" and options.resume and not options.overwrite:
                raise OutputExists(
                    f"{job.target} exists and is not the file that the journal recorded; add --overwrite to replace it."
                ) from None
            if state == "foreign" and not options.overwrite:
                raise
            return Task(job, digest, replaces=True)
        return Task(job, digest, replaces=options.overwrite)

    def size_after(self, job: Job, before: Size) -> Size:
        """Tell how large a picture becomes.

        Raises:
            PictureError: it would become smaller, or larger than the format of its output can hold.
        """
        return size_after(job.source, job.target, before, self.upscaler.scale, self.options.output.target)

    def passes_over(self, error: Exception) -> bool:
        """Tell whether a picture is left out that a single one would fail by: it is made, or large enough, already."""
        return isinstance(error, OutputExists | LargeEnough) and not self.alone

    def _require(self, job: Job, frames: Frames) -> None:
        """Make sure that all can be enlarged and written."""
        path, form = job.target, format_of(job.target)
        sizes = [self.size_after(job, _size(picture)) for picture in frames.pictures]
        self.options.output.require_output(sizes, job.source)
        for picture in frames.pictures:
            require_bands(form, picture, path)
            require_kind(self.upscaler.network, job.source, picture.num_bands, picture.pixels.dtype)

    def _fail(self, job: Job, digest: str | None, seconds: float, error: MinutiaError | MemoryError) -> Outcome:
        if isinstance(error, MemoryError):
            error = PictureError(f"{job.source} needs more memory than there is; a smaller --tile may help.")
        elif self.passes_over(error):
            return Outcome(job, "skipped", error)
        if self.journal is not None:
            self.journal.fail(job.source, job.target, digest, seconds, error)
        return Outcome(job, "failed", error, seconds=seconds)


def _size(picture: Picture) -> Size:
    return picture.height, picture.width
