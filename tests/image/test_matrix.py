"""Every kind of picture through every format: what a format can hold comes back, enlarged; what it cannot is said."""

from __future__ import annotations

from pathlib import Path

import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import Image, ImageCms

from minutia.engines import FakeEngine
from minutia.enlarge import Network, enlarge
from minutia.image.formats import WRITTEN, Encoding
from minutia.image.io import read, write
from minutia.types import Metadata, Picture

HEIGHT, WIDTH, SCALE = 12, 20, 2
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:li>caf\xc3\xa9</rdf:li></x:xmpmeta>'
IPTC = b"\x1c\x02\x78\x00\x05hello"


def gradient(channels: int, dtype: type) -> np.ndarray:
    """(H, W, channels): smooth, every channel another; alpha, if there is one, from clear to opaque."""
    rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH] / [[[HEIGHT]], [[WIDTH]]]
    planes = [0.1 + 0.8 * columns, 0.2 + 0.7 * rows, 0.9 - 0.5 * columns, np.clip(1.6 * rows - 0.2, 0, 1)]
    chosen = {1: [0], 2: [0, 3], 3: [0, 1, 2], 4: [0, 1, 2, 3]}[channels]
    peak = np.iinfo(dtype).max
    return np.stack([(planes[index] * peak + 0.5).astype(dtype) for index in chosen], axis=2)


def exif() -> bytes:
    block = Image.Exif()
    block[0x013B] = "somebody"
    block.get_ifd(0x8769)[0x8827] = 100
    return block.tobytes()


BESIDE = Metadata(icc=SRGB, exif=exif(), xmp=XMP, iptc=IPTC, dpi=(300.0, 150.0))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16], ids=["8", "16"])
@pytest.mark.parametrize("channels", [1, 2, 3, 4], ids=["grey", "grey+alpha", "rgb", "rgb+alpha"])
@pytest.mark.parametrize("suffix", sorted(WRITTEN))
def test_what_a_format_holds_comes_back(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, suffix: str, channels: int, dtype: type
) -> None:
    form, planes = WRITTEN[suffix], gradient(channels, dtype)
    picture = Picture(
        planes[:, :, : channels - (channels + 1) % 2], planes[:, :, -1] if channels % 2 == 0 else None, BESIDE
    )
    large = enlarge(picture, Network(FakeEngine(SCALE, radius=0), halo=0))
    write(large, tmp_path / f"a{suffix}", Encoding(quality=100))
    back, said = read(tmp_path / f"a{suffix}"), caplog.text

    deep = dtype == np.uint16 and channels in form.deep
    assert back.pixels.dtype == (np.uint16 if deep else np.uint8)
    assert ("16 bits" in said) == (dtype == np.uint16 and not deep)
    assert (back.pixels.shape[2] == 1) == (channels < 3 and form.grey)
    assert (back.alpha is not None) == (picture.alpha is not None and form.alpha)
    assert ("transparency (" in said) == (picture.alpha is not None and not form.alpha)
    for name in ("icc", "exif", "xmp", "iptc"):
        assert (getattr(back.metadata, name) is not None) == (name in form.beside), name
    assert (back.metadata.icc, back.metadata.iptc) == (
        SRGB if "icc" in form.beside else None,
        IPTC if "iptc" in form.beside else None,
    )
    if "xmp" in form.beside:
        assert XMP in back.metadata.xmp
    if "dpi" in form.beside:
        assert back.metadata.dpi == pytest.approx((300, 150), abs=0.5)
    if suffix == ".gif" and picture.alpha is not None:
        assert "partial transparency" in said
        return
    expected, got = seen(picture).repeat(SCALE, axis=0).repeat(SCALE, axis=1), seen(back)
    tolerance = {".gif": 0.12, ".jpg": 0.02, ".jpeg": 0.02, ".avif": 0.02, ".webp": 0.005}.get(suffix, 0.003)
    assert np.abs(expected - got).mean() < tolerance


def seen(picture: Picture) -> np.ndarray:
    """A picture as it is seen on white: (H, W, 3) in [0, 1]."""
    peak = np.iinfo(picture.pixels.dtype).max
    share = 1 if picture.alpha is None else picture.alpha[:, :, None] / peak
    return np.broadcast_to(picture.pixels / peak * share + 1 - share, (*picture.pixels.shape[:2], 3))


def sources() -> dict[str, tuple[Image.Image, int, bool]]:
    """Pillow's modes: an image, the channels it becomes, and whether it is transparent."""
    rgb = Image.fromarray(gradient(3, np.uint8))
    grey, rgba = rgb.convert("L"), Image.fromarray(gradient(4, np.uint8), "RGBA")
    palette = rgb.quantize(64)
    keyed = palette.copy()
    keyed.info["transparency"] = 0
    lab = ImageCms.profileToProfile(
        rgb, ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), outputMode="LAB"
    )
    return {
        "1": (grey.convert("1"), 1, False),
        "L": (grey, 1, False),
        "LA": (rgba.convert("LA"), 1, True),
        "P": (palette, 3, False),
        "P keyed": (keyed, 3, True),
        "RGB": (rgb, 3, False),
        "RGBA": (rgba, 3, True),
        "CMYK": (rgb.convert("CMYK"), 3, False),
        "YCbCr": (rgb.convert("YCbCr"), 3, False),
        "LAB": (lab, 3, False),
    }


@pytest.mark.parametrize("mode", sources())
def test_every_mode_is_opened_and_looks_as_pillow_shows_it(tmp_path: Path, mode: str) -> None:
    image, channels, transparent = sources()[mode]
    suffix = ".tif" if mode in {"CMYK", "YCbCr", "LAB"} else ".png"
    image.save(tmp_path / f"a{suffix}", **({"transparency": 0} if mode == "P keyed" else {}))
    picture = read(tmp_path / f"a{suffix}")
    assert picture.pixels.shape == (HEIGHT, WIDTH, channels)
    assert (picture.alpha is not None) == transparent
    if mode != "LAB":
        shown = np.asarray(image.convert("RGBA"))[:, :, :3]
        opaque = np.ones((HEIGHT, WIDTH), bool) if picture.alpha is None else picture.alpha > 0
        assert np.abs(shown.astype(int) - picture.pixels)[opaque].max() <= 1
    else:
        assert np.abs(gradient(3, np.uint8).astype(int) - picture.pixels).mean() < 3


def test_cmyk_goes_through_its_profile(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    cmyk = Image.fromarray(gradient(3, np.uint8)).convert("CMYK")
    cmyk.save(tmp_path / "a.jpg", icc_profile=SRGB)  # A profile of another colour space.
    assert read(tmp_path / "a.jpg").metadata.icc is None
    assert "its colour profile is unusable; CMYK is converted to sRGB without it" in caplog.text


@pytest.mark.parametrize("kind", ["planar", "associated", "tiled", "big-endian", "lzw", "turned"])
def test_sixteen_bit_tiff_of_others(tmp_path: Path, kind: str) -> None:
    planes = gradient(4, np.uint16)
    colours, path = planes[:, :, :3], tmp_path / "a.tif"
    settings = {
        "planar": (np.moveaxis(colours, 2, 0), {"planarconfig": "separate"}),
        "associated": (planes, {"extrasamples": ["assocalpha"]}),
        "tiled": (colours, {"tile": (16, 16)}),
        "big-endian": (colours, {"byteorder": ">"}),
        "lzw": (colours, {"compression": "lzw", "predictor": True}),
        "turned": (colours, {"extratags": [(274, 3, 1, 6, True)]}),
    }
    data, options = settings[kind]
    if kind == "associated":
        share = planes[:, :, 3:] / 65535
        data = np.concatenate([(colours * share + 0.5).astype(np.uint16), planes[:, :, 3:]], axis=2)
    tifffile.imwrite(path, data, photometric="rgb", metadata=None, **options)
    picture = read(path)
    expected = np.rot90(colours, -1) if kind == "turned" else colours
    clear = np.zeros(expected.shape[:2], bool) if picture.alpha is None else picture.alpha < 2**14
    assert picture.pixels.dtype == np.uint16
    assert np.abs(picture.pixels.astype(int) - expected)[~clear].max() <= 4 * (kind == "associated")


def test_sixteen_bit_png_of_others_is_turned_by_its_exif(tmp_path: Path) -> None:
    block = Image.Exif()
    block[0x0112] = 8
    write(Picture(gradient(3, np.uint16), metadata=Metadata(exif=block.tobytes())), tmp_path / "a.png")
    assert np.array_equal(read(tmp_path / "a.png").pixels, np.rot90(gradient(3, np.uint16)))
    (tmp_path / "b.png").write_bytes(imagecodecs.png_encode(gradient(2, np.uint16)))
    assert np.array_equal(read(tmp_path / "b.png").alpha, gradient(2, np.uint16)[:, :, 1])


def test_sizes_and_orientation_in_xmp_do_not_travel(tmp_path: Path) -> None:
    sizes = b'tiff:Orientation="6" exif:PixelXDimension="20"'
    packet = b"<rdf:Description " + sizes + b' dc:x="y"><tiff:ImageWidth>20</tiff:ImageWidth>'
    Image.fromarray(gradient(3, np.uint8)).save(tmp_path / "a.jpg", xmp=packet)
    assert read(tmp_path / "a.jpg").metadata.xmp == b'<rdf:Description dc:x="y">'


def test_descriptions_that_tell_sizes_do_not_travel(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", gradient(3, np.uint16), photometric="rgb")  # It writes one.
    assert read(tmp_path / "a.tif").metadata.exif is None or b"shape" not in read(tmp_path / "a.tif").metadata.exif
    tifffile.imwrite(tmp_path / "b.tif", gradient(3, np.uint16), photometric="rgb", metadata=None, description="a cat")
    assert b"a cat" in read(tmp_path / "b.tif").metadata.exif
