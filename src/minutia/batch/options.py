"""What a user may wish of a batch."""

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
class Making:
    """How a picture is made."""

    target: Target | None = None
    """How large it becomes; None is what one pass of the model gives."""

    encoding: Encoding = USUAL_ENCODING

    strip: bool = False
    """Leave out EXIF, XMP, IPTC and resolution. The colour profile stays: without it the colours would be others."""

    limits: Limits = NO_LIMITS
    """How far files are trusted."""

    max_output_pixels: int | None = None
    """Of what is made of a file, all its frames or pages together; None is no limit."""

    def require_output(self, sizes: Iterable[Size], source: Path) -> None:
        """Check that what is to be made is not too much.

        Raises:
            PictureError: it is.
        """
        count = sum(map(math.prod, sizes))
        if self.max_output_pixels is not None and count > self.max_output_pixels:
            made, most = f"{count / 1e6:,.0f}", f"{self.max_output_pixels / 1e6:,.0f}"
            raise PictureError(f"{source} would have {made} megapixels, more than the limit of {most}.")


AS_USUAL = Making()


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How a batch goes about it."""

    making: Making = AS_USUAL

    overwrite: bool = False
    """Replace whatever stands where an output is to go."""

    resume: bool = False
    """Go by the journal: leave what is up to date, replace what was made of another input or with other settings."""

    fail_fast: bool = False
    """Begin no other picture after the first that fails."""

    memory: int | None = None
    """Bytes that the process may take; a picture that needs more is enlarged by rows. None is half of what is free."""

    num_threads: int | None = None
    """Pictures that are read, and as many that are written, beside the network; None chooses."""

    @property
    def threads(self) -> int:
        """The number of threads, chosen if need be: as many as there are processors, 4 at most."""
        return self.num_threads or min(4, os.cpu_count() or 1)
