"""Videos: frame by frame in bounded memory, with their audio, timestamps and other streams.

Needs the extra `video`; importing this room without it is an ImportError.
"""

from __future__ import annotations

from minutia.video.encoding import choose_target
from minutia.video.run import Summary, upscale_video

__all__ = ["Summary", "choose_target", "upscale_video"]
