"""Pairs of a picture and its low-resolution counterpart, for training and evaluation: found, checked, decoded, made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from minutia.errors import DataError
from minutia.image.color import lift, spare_bits, to_grey, to_rgb, to_uint8
from minutia.image.io import find_pictures, read, read_size
from minutia.image.no_data import require_values
from minutia.image.resize import downscale, modcrop
from minutia.types import Picture, Pixels, in_bands


@dataclass(frozen=True, slots=True)
class PairFiles:
    """Where a picture and its low-resolution copy are; no copy where it is to be made."""

    hr: Path
    lr: Path | None


@dataclass(frozen=True, slots=True)
class Pair:
    """A decoded picture and its low-resolution copy."""

    name: str
    hr: Pixels
    """(H, W, C)"""
    lr: Pixels
    """(H / scale, W / scale, C)"""
    spare_bits: int = 0
    """By which both were brought up: see `color.lift`."""


def require_folder(place: Path) -> None:
    """Check that there is a folder.

    Raises:
        DataError: there is none, or a file.
    """
    if place.is_file():
        raise DataError(f"{place} is a file; give the folder that contains it.")
    if not place.is_dir():
        raise DataError(f"The folder {place} does not exist.")


def paired_folders(folder: Path) -> tuple[Path | None, Path | None]:
    """Find the folders HR and LR in a folder, in letters of either case; None for what is not there."""
    inside = {path.name.upper(): path for path in sorted(folder.iterdir(), reverse=True) if path.is_dir()}
    return inside.get("HR"), inside.get("LR")


def find_pairs(hr: Path, lr: Path | None, scale: int) -> list[PairFiles]:
    """List the pictures of a folder with their low-resolution partners, whose sizes are checked here.

    A partner has the same place below its folder and the same name, whatever the suffix, or that name followed by
    "x4", as in DIV2K.

    Raises:
        DataError: no folder, no pictures, a picture without a partner, or a partner of the wrong size.
    """
    require_folder(hr)
    if lr is not None:
        require_folder(lr)
    files = find_pictures(hr)
    if not files:
        raise DataError(f"There are no pictures in {hr}.")
    if lr is None:
        return [PairFiles(path, None) for path in files]
    partners = by_stem(lr)
    pairs = []
    for path in files:
        partner = partner_of(path.relative_to(hr), partners, scale)
        if partner is None:
            raise DataError(f"{path} has no counterpart in {lr}; each picture needs one of the same name.")
        _check_sizes(path, partner, scale)
        pairs.append(PairFiles(path, partner))
    return pairs


def by_stem(folder: Path) -> dict[Path, Path]:
    """List the pictures of a folder by where they are below it, without suffixes."""
    return {path.relative_to(folder).with_suffix(""): path for path in find_pictures(folder)}


def partner_of(name: Path, partners: Mapping[Path, Path], scale: int) -> Path | None:
    """Find the low-resolution partner of the picture `name` among those of `by_stem`: see `find_pairs`."""
    stem = name.with_suffix("")
    return partners.get(stem) or partners.get(stem.with_name(f"{stem.name}x{scale}"))


def load_pair(files: PairFiles, scale: int, channels: int, *, deep: bool = False, lifted: bool = True) -> Pair:
    """Decode one picture, cut to a multiple of the scale, and decode or make its low-resolution copy.

    Grey and RGB are brought to each other; other bands must be as many as `channels`.

    Args:
        deep: keep more than 8 bits; else pictures are brought to 8, and measurements refused.
        lifted: bring both up by the highest bits that neither uses.

    Raises:
        DataError: the picture is too small to be shrunk, has other bands, or has values that are refused.
        PictureError: a file cannot be read, or has places without values.
    """
    large = read(files.hr)
    small = None if files.lr is None else read(files.lr)
    spare = spare_bits(large.pixels) if lifted else 0
    if small is not None and spare:
        spare = min(spare, spare_bits(small.pixels))
    hr = modcrop(_fitted(large, files.hr, channels, deep, spare), scale)
    if hr.size == 0:
        raise DataError(f"{files.hr} has sides below {scale} pixels; remove it from the folder.")
    if files.lr is None or small is None:
        return Pair(files.hr.stem, hr, downscale(hr, scale), spare)
    return Pair(files.hr.stem, hr, _fitted(small, files.lr, channels, deep, spare), spare)


def decode(path: Path, channels: int, *, deep: bool, spare: int = 0) -> Pixels:
    """Read (H, W, channels) pixels; colour becomes grey for networks of one channel, and grey RGB for those of three.

    Args:
        deep: as for `load_pair`.
        spare: bits by which they are brought up.

    Raises:
        DataError: other bands, or values that are refused.
        PictureError: the file cannot be read.
    """
    return _fitted(read(path), path, channels, deep, spare)


def _fitted(picture: Picture, path: Path, channels: int, deep: bool, spare: int) -> Pixels:
    if not deep and not picture.is_photo:
        raise DataError(
            f"{path} has {in_bands(picture.num_bands)} of {picture.pixels.dtype} and is not a picture of 8 or 16 bits; "
            "only networks trained with data.normalisation can use it."
        )
    require_values(picture, path)
    pixels = lift(picture.pixels, spare)
    if not deep:
        pixels = to_uint8(pixels)
    if picture.is_photo and channels in {1, 3} and picture.num_bands != channels:
        return to_grey(pixels) if channels == 1 else to_rgb(pixels)
    if picture.num_bands != channels:
        raise DataError(f"{path} has {in_bands(picture.num_bands)}, but the network takes {in_bands(channels)}.")
    return pixels


def _check_sizes(hr: Path, lr: Path, scale: int) -> None:
    (height, width), small = read_size(hr), read_size(lr)
    wanted = (height // scale, width // scale)
    if small != wanted:
        raise DataError(f"{lr} has {small[1]}x{small[0]} pixels, but 1/{scale} of {hr} is {wanted[1]}x{wanted[0]}.")
