"""PNG as it is written here, read by other libraries; and pictures that cannot be written."""

from __future__ import annotations

import struct
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from minutia.errors import PictureError
from minutia.image import io, png
from minutia.types import Metadata, Picture


@given(
    seed=st.integers(0, 2**32 - 1),
    height=st.integers(1, 40),
    width=st.integers(1, 40),
    channels=st.integers(1, 4),
    dtype=st.sampled_from([np.uint8, np.uint16]),
    cut=st.integers(1, 40),
    block=st.integers(1, 4000),
)
def test_rows_come_back_whatever_they_were_cut_into(
    tmp_path_factory: pytest.TempPathFactory,
    seed: int,
    height: int,
    width: int,
    channels: int,
    dtype: type[np.generic],
    cut: int,
    block: int,
) -> None:
    pixels = np.random.default_rng(seed).integers(
        0, np.iinfo(dtype).max, (height, width, channels), dtype, endpoint=True
    )
    path = tmp_path_factory.mktemp("png") / "a.png"
    strips = (pixels[top : top + cut] for top in range(0, height, cut))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(png, "_BLOCK", block)
        png.write_rows(strips, (height, width), Metadata(), path)
    decoded = imagecodecs.png_decode(path.read_bytes())
    assert decoded.dtype == dtype
    assert np.array_equal(decoded.reshape(pixels.shape), pixels)


def test_files_of_several_blocks_are_sound_and_small(tmp_path: Path, photo: np.ndarray) -> None:
    pixels = np.tile(photo, (12, 9, 1))
    assert pixels.nbytes > 3 * png._BLOCK
    png.write_rows([pixels], pixels.shape[:2], Metadata(), tmp_path / "ours.png")
    with Image.open(tmp_path / "ours.png") as image:
        image.verify()  # Checksums of all chunks.
    with Image.open(tmp_path / "ours.png") as image:
        assert np.array_equal(np.asarray(image), pixels)  # And of the compressed stream.
    Image.fromarray(pixels).save(tmp_path / "pillow.png", compress_level=1)
    assert (tmp_path / "ours.png").stat().st_size < 1.1 * (tmp_path / "pillow.png").stat().st_size


def test_a_page_without_pixels_is_refused(tmp_path: Path, photo: np.ndarray) -> None:
    deep = photo[:8, :8].astype(np.uint16)
    tifffile.imwrite(tmp_path / "a.tif", deep, photometric="rgb")
    data = bytearray((tmp_path / "a.tif").read_bytes())
    with tifffile.TiffFile(tmp_path / "a.tif") as tiff:
        entry = tiff.pages[0].tags["ImageLength"]  # type: ignore[union-attr]
        data[entry.valueoffset : entry.valueoffset + 2] = b"\0\0"
    (tmp_path / "a.tif").write_bytes(data)
    with pytest.raises(PictureError, match="damaged: it has no pixels"):
        io.read(tmp_path / "a.tif")


def save_with(path: Path, chunks: dict[bytes, bytes], mode: str = "RGB", **options: object) -> None:
    info = PngInfo()
    for name, body in chunks.items():
        info.add(name, body)
    Image.new(mode, (4, 4)).save(path, pnginfo=info, **options)


CODING, GAMMA, USUAL = b"\x0c\x0d\x00\x01", struct.pack(">I", 100_000), struct.pack(">I", 45_455)


@pytest.mark.parametrize(
    ("chunks", "kept"),
    [
        ({b"cICP": CODING, b"sRGB": b"\0", b"gAMA": USUAL}, ((b"cICP", CODING), (b"gAMA", USUAL))),
        ({b"gAMA": GAMMA}, ((b"gAMA", GAMMA),)),
        ({b"gAMA": GAMMA, b"sRGB": b"\0"}, None),
        ({b"gAMA": USUAL}, None),
    ],
)
@pytest.mark.parametrize("moving", [False, True])
def test_colours_that_are_not_those_of_srgb_are_kept_or_missed(
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    chunks: dict[bytes, bytes],
    kept: tuple[tuple[bytes, bytes], ...] | None,
    moving: bool,
) -> None:
    more = {"save_all": True, "append_images": [Image.new("RGB", (4, 4), "red")]} if moving else {}
    save_with(tmp_path / "a.png", chunks, **more)
    frames = io.read_frames(tmp_path / "a.png")
    assert frames.pictures[0].metadata.color_space == kept
    io.write_frames(frames, tmp_path / "b.png")
    assert png.read_color_space(tmp_path / "b.png") == kept
    assert caplog.text == ""
    io.write_frames(frames, tmp_path / "b.webp")
    assert ("its colour space" in caplog.text) == (kept is not None)


def test_a_clear_value_of_16_bits_is_clear(tmp_path: Path) -> None:
    values = np.arange(16, dtype=np.uint16).reshape(4, 4) * 4000
    Image.fromarray(values).save(tmp_path / "a.png", transparency=8000)
    picture = io.read(tmp_path / "a.png")
    assert np.array_equal(picture.pixels[:, :, 0], values)
    assert picture.alpha is not None
    assert np.array_equal(picture.alpha, np.where(values == 8000, 0, 65535))


def test_a_large_profile_is_written_and_read(tmp_path: Path) -> None:
    profile = np.random.default_rng(0).integers(0, 256, 2**21, np.uint8).tobytes()
    io.write(Picture(np.zeros((4, 4, 3), np.uint8), metadata=Metadata(icc=profile)), tmp_path / "a.png")
    assert io.read(tmp_path / "a.png").metadata.icc == profile
