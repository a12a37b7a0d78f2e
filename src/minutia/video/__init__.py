"""Films: frame by frame in bounded memory, with their sound, their timestamps and what else travels along.

Needs the extra `video`; importing this room without it is an ImportError.
"""

from __future__ import annotations

from minutia.video.encoding import choose_target
from minutia.video.run import Summary, upscale_video

__all__ = ["Summary", "choose_target", "upscale_video"]
