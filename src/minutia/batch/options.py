"""Settings of a batch."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from minutia.errors import PictureError
from minutia.image.formats import USUAL_ENCODING, Encoding
from minutia.image.io import NO_LIMITS
from minutia.image.opening import Limits
from minutia.image.target import Size, Target


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """Output settings."""

    target: Target | None = None
    """Output size; None is what one pass of the model gives."""

    encoding: Encoding = USUAL_ENCODING

    strip: bool = False
    """Remove EXIF, XMP, IPTC and resolution. The colour profile is kept: without it colours would change."""

    limits: Limits = NO_LIMITS
    """Limits on input files."""

    max_output_pixels: int | None = None
    """Most pixels of a result, all its frames or pages together; None is no limit."""

    def require_output(self, sizes: Iterable[Size], source: Path) -> None:
        """Check that the result does not exceed `max_output_pixels`.

        Raises:
            PictureError: it does.
        """
        count = sum(map(math.prod, sizes))
        if self.max_output_pixels is not None and count > self.max_output_pixels:
            made, most = f"{count / 1e6:,.0f}", f"{self.max_output_pixels / 1e6:,.0f}"
            raise PictureError(f"{source} would have {made} megapixels, more than the limit of {most}.")


AS_USUAL = Output()


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Batch settings."""

    output: Output = AS_USUAL

    overwrite: bool = False
    """Replace existing outputs."""

    resume: bool = False
    """Continue by the journal: keep what is up to date, remake what has another input or other settings."""

    fail_fast: bool = False
    """Stop at the first picture that fails."""

    memory: int | None = None
    """Memory limit of the process in bytes; a larger picture is processed row by row. None: half of the free memory."""

    num_threads: int | None = None
    """Pictures that are read, and as many that are written, in parallel with the network; None chooses."""

    @property
    def threads(self) -> int:
        """The number of threads, chosen if need be: as many as there are processors, 4 at most."""
        return self.num_threads or min(4, os.cpu_count() or 1)
