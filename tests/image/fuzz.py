"""Read thousands of damaged picture files: each is read, or refused in one sentence, in little time and memory.

python tests/image/fuzz.py --count 100000 --seed 1
"""

from __future__ import annotations

import argparse
import io
import logging
import resource
import sys
import tempfile
import time
import traceback
import warnings
import zlib
from collections import Counter
from pathlib import Path

import numpy as np
import tifffile
from PIL import Image

from minutia.errors import PictureError
from minutia.image.formats import Encoding
from minutia.image.io import read_frames, read_size, write_frames
from minutia.image.opening import Limits
from minutia.types import Frames, Metadata, Picture

LIMITS = Limits(max_pixels=2**20)
MOST_SECONDS = 5.0
"""For one file. A few milliseconds are usual; the machine may be busy."""

MOST_MEBIBYTES = 400
"""What reading may add to the memory of the process."""

XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:li>x</rdf:li></x:xmpmeta>'


def seeds() -> dict[str, bytes]:
    """Small valid files of every kind, by name."""
    ramp = np.linspace(0, 255, 32 * 24 * 3).astype(np.uint8).reshape(24, 32, 3)
    deep, alpha = ramp.astype(np.uint16) * 257, np.ascontiguousarray(ramp[:, :, 0])
    block = Image.Exif()
    block[0x013B] = "somebody"
    block.get_ifd(0x8769)[0x8827] = 100
    beside = Metadata(exif=block.tobytes(), xmp=XMP, iptc=b"\x1c\x02\x78\x00\x05hello", dpi=(300, 300))
    still, clear = Picture(ramp, metadata=beside), Picture(ramp, alpha, beside)
    moving = Frames((still, Picture(ramp[::-1].copy()), still), (50, 60, 70), 0)
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        for name in ("png", "jpg", "webp", "avif", "tif", "gif", "jp2", "bmp", "tga", "ppm"):
            found[f"still.{name}"] = _written(Frames((still,)), Path(folder) / f"a.{name}")
        for name in ("png", "webp", "tif", "jp2", "tga"):
            found[f"clear.{name}"] = _written(Frames((clear,)), Path(folder) / f"b.{name}")
        for name in ("png", "webp", "gif", "avif", "tif"):
            found[f"moving.{name}"] = _written(moving, Path(folder) / f"c.{name}")
        for name in ("png", "tif"):
            found[f"deep.{name}"] = _written(
                Frames((Picture(deep, alpha.astype(np.uint16)),)), Path(folder) / f"d.{name}"
            )
            found[f"grey.{name}"] = _written(Frames((Picture(deep[:, :, :1]),)), Path(folder) / f"e.{name}")
    image = Image.fromarray(ramp)
    block[0x0112] = 6
    for suffix, form in (("jpg", "JPEG"), ("png", "PNG"), ("tif", "TIFF"), ("avif", "AVIF")):
        found[f"turned.{suffix}"] = _saved(image, form, exif=block.tobytes())
    for suffix, form in (("ico", "ICO"), ("pcx", "PCX"), ("sgi", "SGI"), ("qoi", "QOI"), ("dds", "DDS")):
        found[f"still.{suffix}"] = _saved(image, form)
    found["packed.tif"] = _saved(image, "TIFF", compression="packbits")
    found["cmyk.jpg"] = _saved(image.convert("CMYK"), "JPEG")
    found["progressive.jpg"] = _saved(image, "JPEG", progressive=True)
    found["palette.png"] = _saved(image.quantize(16), "PNG", transparency=3)
    tiled = io.BytesIO()
    tifffile.imwrite(tiled, deep, photometric="rgb", tile=(16, 16), compression="lzw", metadata=None)
    found["tiled.tif"] = tiled.getvalue()
    return found


def mutate(whole: bytes, random: np.random.Generator) -> bytes:
    """Damage a file: single bytes, runs, a missing end, a part twice, or numbers at their limits."""
    broken = np.frombuffer(whole, np.uint8).copy()
    reach = int(random.choice([64, 400, len(broken)]))
    start = int(random.integers(0, min(len(broken), reach)))
    length = int(random.integers(1, 9))
    kind = random.integers(6)
    if kind <= 1:
        places = random.integers(0, min(len(broken), reach), length)
        broken[places] = random.integers(0, 256, length)
    elif kind == 2:
        broken[start : start + length] = random.choice([0, 0x7F, 0x80, 0xFF])
    elif kind == 3:
        broken = broken[: random.integers(0, len(broken))]
    elif kind == 4:
        broken = np.insert(broken, start, broken[start : start + 4 * length])
    else:
        broken = np.delete(broken, slice(start, start + length))
    data = broken.tobytes()
    return with_checksums(data) if data.startswith(b"\x89PNG") and random.integers(2) else data


def with_checksums(data: bytes) -> bytes:
    """Mend the checksums of a PNG's chunks, so that decoders look at what is in them."""
    out, place = [data[:8]], 8
    while place + 12 <= len(data):
        length = int.from_bytes(data[place : place + 4], "big")
        body = data[place + 4 : place + 8 + length]
        if len(body) < 4 + length:
            break
        out += [data[place : place + 4], body, zlib.crc32(body).to_bytes(4, "big")]
        place += 12 + length
    return b"".join([*out, data[place:]])


def try_to_read(path: Path, out: Path) -> str:
    """Read a file and write what was read; tell what came of it."""
    try:
        read_size(path, LIMITS)
        frames = read_frames(path, LIMITS)
        write_frames(frames, out, overwrite=True)
    except PictureError as error:
        sentence = str(error)
        return "refused" if "\n" not in sentence and sentence.endswith(".") else f"not a sentence: {sentence!r}"
    return "read"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    random, files = np.random.default_rng(arguments.seed), seeds()
    outcomes: Counter[str] = Counter()
    failures = []
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    with tempfile.TemporaryDirectory() as folder:
        for name, whole in files.items():
            path = Path(folder) / name
            path.write_bytes(whole)
            if try_to_read(path, path.with_suffix(".out.png")) != "read":
                failures.append(f"{name} is not read when it is whole")
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        for index in range(arguments.count):
            name = list(files)[index % len(files)]
            path, broken = Path(folder) / name, mutate(files[name], random)
            path.write_bytes(broken)
            began = time.perf_counter()
            try:
                outcome = try_to_read(path, path.with_suffix(".out.png"))
            except Exception:  # noqa: BLE001 (what is looked for)
                outcome = traceback.format_exc()
            outcomes[outcome if outcome in {"read", "refused"} else "failed"] += 1
            if outcome not in {"read", "refused"}:
                failures.append(f"{name}, mutant {index}: {outcome}")
            if time.perf_counter() - began > MOST_SECONDS:
                failures.append(f"{name}, mutant {index}: {time.perf_counter() - began:.1f} s")
        grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    if grown > MOST_MEBIBYTES:
        failures.append(f"memory grew by {grown:.0f} MiB")
    print(dict(outcomes), f"memory grew by {grown:.0f} MiB")  # noqa: T201
    print(*failures[:20], sep="\n", file=sys.stderr)  # noqa: T201
    return 1 if failures else 0


def _written(frames: Frames, path: Path) -> bytes:
    write_frames(frames, path, Encoding(quality=90))
    return path.read_bytes()


def _saved(image: Image.Image, form: str, **settings: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, form, **settings)
    return buffer.getvalue()


if __name__ == "__main__":
    sys.exit(main())
