"""Types shared by several packages."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias, runtime_checkable

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Pixels: TypeAlias = "NDArray[np.integer[Any] | np.floating[Any]]"
"""uint8, uint16, int16 or float32, as in files; the dtype gives the depth, never the largest value."""

Tensor: TypeAlias = "NDArray[np.float32]"
"""(N, C, H, W), float32 in [0, 1], as networks see pictures."""

GeoTags: TypeAlias = tuple[tuple[int, tuple[float, ...] | str], ...]
"""Tags of GeoTIFF and what they hold, in the order of `minutia.image.geo`."""

ColorSpace: TypeAlias = tuple[tuple[bytes, bytes], ...]
"""Chunks of PNG, each by its name and what it holds."""

EngineName: TypeAlias = Literal["auto", "openvino", "torch", "onnxruntime"]
"""What runs a network."""

Precision: TypeAlias = Literal["auto", "fp32", "bf16", "fp16"]
"""Number format of the computation; auto takes the fastest one that the device supports."""

Area: TypeAlias = tuple[slice, slice]
"""Rows and columns."""

Compression: TypeAlias = Literal["deflate", "none"]
"""Of TIFF; both lose nothing."""

Progress: TypeAlias = Callable[[int, int], None]
"""Called with (done, total), in whatever unit the work is counted in."""


def ignore_progress(done: int, total: int) -> None:
    """Do nothing: the default where no progress is asked for."""
    del done, total


def in_bands(count: int) -> str:
    """Write a number of bands in words."""
    return {1: "one band", 3: "three bands (RGB)"}.get(count, f"{count} bands")


@dataclass(frozen=True, slots=True)
class Normalisation:
    """Which value of each band a network sees as 0, and which as 1; all other values are mapped linearly."""

    low: tuple[float, ...]
    """One finite number for each band, in the unit of the pixels."""
    high: tuple[float, ...]
    """As many numbers, each above `low`."""


ValueRange: TypeAlias = tuple[float, float] | Literal["auto"]
"""Values that a network is to see as 0 and 1, the same of all bands; auto takes a picture's minimum and maximum."""


@dataclass(frozen=True, slots=True)
class Metadata:
    """Metadata of a picture; None where there is none."""

    icc: bytes | None = None
    """ICC profile."""

    exif: bytes | None = None
    """EXIF block, its orientation reset to upright."""

    xmp: bytes | None = None
    """XMP packet."""

    iptc: bytes | None = None
    """IPTC-IIM records."""

    dpi: tuple[float, float] | None = None
    """Resolution in dots per inch, horizontal and vertical."""

    geo: GeoTags | None = None
    """Geographic position (GeoTIFF)."""

    color_space: ColorSpace | None = None
    """Colour space of a PNG that is not sRGB."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture as in a file, upright, with its metadata."""

    pixels: Pixels
    """(H, W, 3) RGB, (H, W, 1) grey, or (H, W, C) bands; already turned by its EXIF orientation."""

    alpha: Pixels | None = None
    """(H, W), dtype of `pixels`, uint8 or uint16; 0 is transparent."""

    metadata: Metadata = Metadata()

    @property
    def num_bands(self) -> int:
        """Number of colours or bands, without alpha."""
        return int(self.pixels.shape[2])

    @property
    def is_photo(self) -> bool:
        """Whether it is grey or RGB of 8 or 16 bits; else its pixels are measurements, which only TIFF holds."""
        return self.num_bands in {1, 3} and self.pixels.dtype.kind == "u"

    @property
    def height(self) -> int:
        """Rows."""
        return int(self.pixels.shape[0])

    @property
    def width(self) -> int:
        """Columns."""
        return int(self.pixels.shape[1])

    @property
    def num_bytes(self) -> int:
        """Memory that colours and alpha take."""
        return int(self.pixels.nbytes) + (0 if self.alpha is None else int(self.alpha.nbytes))


@dataclass(frozen=True, slots=True)
class Frames:
    """All that a picture file holds: one picture, the frames of an animation, or pages."""

    pictures: tuple[Picture, ...]
    """At least one."""

    durations: tuple[float, ...] = ()
    """How long each frame is shown, in milliseconds; empty for a single picture and for pages."""

    plays: int = 1
    """How many times an animation is played; 0 is for ever."""


@runtime_checkable
class EnlargesPixels(Protocol):
    """An engine that converts pixels on its device, so that fewer bytes are copied."""

    def enlarge(self, pixels: Pixels, core: Area, *, lock: bool) -> Pixels | None:
        """Enlarge unsigned integers; None where this device does it no better than `Engine.run` with floats.

        Args:
            pixels: (H, W, C), with as many channels as the network takes.
            core: rows and columns of the enlargement that are wanted.
            lock: hold colours to those of the source, see `minutia.image.color_lock`.

        Returns:
            Those rows and columns, rounded half up, in the type of `pixels`.
        """
        ...


class Engine(Protocol):
    """A network ready to run. Holds no picture; can be shared by threads."""

    @property
    def scale(self) -> int:
        """Output pixels for one input pixel, along a side."""
        ...

    @property
    def description(self) -> str:
        """What runs where and how precisely, for people: "OpenVINO, CPU, bf16"."""
        ...

    @property
    def device(self) -> str:
        """Where it runs: cpu, intel-gpu, cuda, cuda:N or mps."""
        ...

    @property
    def precision(self) -> str:
        """What it computes in: fp32, bf16 or fp16."""
        ...

    def run(self, x: Tensor) -> Tensor:
        """Enlarge a batch.

        Args:
            x: (N, C, H, W), float32 in [0, 1].

        Returns:
            (N, C, H * scale, W * scale), float32; may leave [0, 1] slightly.
        """
        ...
