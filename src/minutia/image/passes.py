"""One pass of an engine over pixels, as files hold them."""

from __future__ import annotations

from minutia.image.color import from_float, to_float
from minutia.image.lock import lock_colors
from minutia.types import Area, Engine, Pixels


def enlarge_pixels(engine: Engine, pixels: Pixels, core: Area, *, lock: bool) -> Pixels:
    """Enlarge unsigned integers.

    Args:
        pixels: (H, W, C), with as many channels as the network takes.
        core: rows and columns of the enlargement that are wanted.
        lock: hold colours to those of the source, see `minutia.image.lock`.

    Returns:
        Those rows and columns, rounded half up, in the type of `pixels`.
    """
    x = to_float(pixels)
    y = engine.run(x)
    if lock:
        y = lock_colors(y, x, engine.scale)
    return from_float(y[0, :, *core], pixels.dtype)
