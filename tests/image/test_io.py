from __future__ import annotations

import errno
import logging
import struct
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import ExifTags, Image, ImageCms
from PIL.TiffImagePlugin import IPTC_NAA_CHUNK, IFDRational, ImageFileDirectory_v2

from minutia.errors import OutputExists, PictureError
from minutia.image import opening
from minutia.image.formats import Encoding
from minutia.image.io import find_pictures, read, read_frames, read_shape, read_size, write
from minutia.image.opening import Limits
from minutia.image.pil import from_pil
from minutia.image.windows import opened_rows
from minutia.types import Metadata, Picture

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
ORIENTATION = ExifTags.Base.Orientation
ARTIST = ExifTags.Base.Artist


@pytest.mark.parametrize("name", ["a.png", "a.tif", "a.webp"])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("transparent", [False, True])
def test_lossless_formats_lose_nothing(
    tmp_path: Path, photo: np.ndarray, name: str, channels: int, transparent: bool
) -> None:
    alpha = np.arange(photo.size // 3, dtype=np.uint64).reshape(photo.shape[:2]).astype(np.uint8)
    alpha[alpha == 0] = 1  # WebP drops colours nobody can see.
    picture = Picture(photo[:, :, :channels], alpha if transparent else None, metadata=Metadata(icc=SRGB))
    write(picture, tmp_path / name, Encoding(quality=100))
    back = read(tmp_path / name)
    expected = picture.pixels.repeat(3, axis=2) if name == "a.webp" and channels == 1 else picture.pixels
    assert np.array_equal(back.pixels, expected)
    assert back.metadata.icc == SRGB
    if transparent:
        assert np.array_equal(back.alpha, alpha)
    else:
        assert back.alpha is None


@pytest.mark.parametrize("name", ["a.png", "a.tif"])
def test_sixteen_bit_grey_stays_so(tmp_path: Path, name: str) -> None:
    dark = np.arange(200, dtype=np.uint16).reshape(10, 20, 1)
    write(Picture(dark), tmp_path / name)
    back = read(tmp_path / name).pixels
    assert back.dtype == np.uint16
    assert np.array_equal(back, dark)


def test_exif_turns_the_picture_and_stays(tmp_path: Path, photo: np.ndarray) -> None:
    exif = Image.Exif()
    exif[ORIENTATION], exif[ARTIST] = 6, "somebody"
    Image.fromarray(photo).save(tmp_path / "a.png", exif=exif, dpi=(300, 150))
    picture = read(tmp_path / "a.png")
    assert np.array_equal(picture.pixels, np.rot90(photo, -1))
    assert picture.metadata.dpi == pytest.approx((300, 150), abs=0.1)
    write(picture, tmp_path / "b.png")
    with Image.open(tmp_path / "b.png") as image:
        assert image.getexif().get(ORIENTATION, 1) == 1
        assert image.getexif()[ARTIST] == "somebody"
    assert np.array_equal(read(tmp_path / "b.png").pixels, picture.pixels)


def camera_exif(suffix: str) -> bytes:
    """As a phone writes it: turned, with the sizes of its own file, a block of the camera and one of the place."""
    exif = Image.Exif()
    exif[ORIENTATION], exif[ARTIST] = 6, "somebody"
    if suffix != "tif":  # A TIFF is built by these: they cannot be wrong there.
        exif[ExifTags.Base.ImageWidth], exif[ExifTags.Base.ImageLength] = 8, 6
    exif.get_ifd(ExifTags.IFD.Exif).update({ExifTags.Base.ISOSpeedRatings: 100, ExifTags.Base.ExifImageWidth: 8})
    exif.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSLatitudeRef] = "N"
    return exif.tobytes()


@pytest.mark.parametrize("target", ["jpg", "png", "tif", "webp"])
@pytest.mark.parametrize("source", ["jpg", "png", "tif", "webp"])
def test_exif_travels_between_formats_without_the_sizes_of_the_source(
    tmp_path: Path, photo: np.ndarray, source: str, target: str
) -> None:
    Image.fromarray(photo).save(tmp_path / f"a.{source}", exif=camera_exif(source))
    turned = read(tmp_path / f"a.{source}")
    assert (turned.height, turned.width) == (photo.shape[1], photo.shape[0])
    large = Picture(turned.pixels.repeat(2, axis=0).repeat(2, axis=1), metadata=turned.metadata)
    write(large, tmp_path / f"b.{target}")
    with Image.open(tmp_path / f"b.{target}") as image:
        assert image.size == (large.width, large.height)
        found = image.getexif()
        assert found.get(ORIENTATION, 1) == 1
        assert found[ARTIST] == "somebody"
        assert found.get(ExifTags.Base.ImageWidth, large.width) == large.width
        assert dict(found.get_ifd(ExifTags.IFD.Exif)) == {ExifTags.Base.ISOSpeedRatings: 100}
        assert found.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSLatitudeRef] == "N"


@pytest.mark.parametrize("target", ["jpg", "png", "tif", "webp", "avif"])
def test_names_in_exif_stay_as_they_are_written(tmp_path: Path, photo: np.ndarray, target: str) -> None:
    name, lens = "José 工".encode(), "Ø 50 mm".encode()
    exif = Image.Exif()
    exif[ARTIST] = "x" * len(name)
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.LensModel] = "y" * len(lens)
    block = exif.tobytes().replace(b"x" * len(name), name).replace(b"y" * len(lens), lens)
    Image.fromarray(photo).save(tmp_path / "a.jpg", exif=block, dpi=(300, 300))
    write(read(tmp_path / "a.jpg"), tmp_path / f"b.{target}")
    with Image.open(tmp_path / f"b.{target}") as image:
        found = image.getexif()
        assert found[ARTIST].encode("latin-1") == name
        assert found.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.LensModel].encode("latin-1") == lens


@pytest.mark.parametrize(
    ("tag", "value", "kind"),
    [
        (ExifTags.Base.Orientation, "6", 2),
        (ExifTags.Base.XResolution, "72", 2),
        (ExifTags.Base.ResolutionUnit, 70_000, 4),
    ],
)
def test_exif_that_breaks_its_rules_costs_no_picture(
    tmp_path: Path, photo: np.ndarray, tag: int, value: object, kind: int
) -> None:
    block = ImageFileDirectory_v2(ifh=b"II*\0\x08\0\0\0")
    block.tagtype[tag] = kind
    block[tag] = value
    Image.fromarray(photo).save(tmp_path / "a.jpg", exif=b"Exif\0\0II*\0\x08\0\0\0" + block.tobytes(8))
    write(read(tmp_path / "a.jpg"), tmp_path / "b.png")
    assert read_size(tmp_path / "a.jpg") == read_size(tmp_path / "b.png") == photo.shape[:2]


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_iptc_that_is_called_numbers_is_kept(tmp_path: Path, photo: np.ndarray, dtype: type, order: str) -> None:
    records = b"\x1c\x02\x78\x00\x05hello\0\0"
    numbers = struct.unpack(f"{order}{len(records) // 4}I", records)
    extra = [(IPTC_NAA_CHUNK, 4, len(numbers), numbers, True)]  # As Photoshop writes it.
    tifffile.imwrite(tmp_path / "a.tif", photo.astype(dtype), byteorder=order, photometric="rgb", extratags=extra)
    assert read(tmp_path / "a.tif").metadata.iptc == records


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.tif"])
def test_a_resolution_that_says_nothing_is_left_out(tmp_path: Path, photo: np.ndarray, name: str) -> None:
    nothing = IFDRational(0, 0)
    tags = {ExifTags.Base.XResolution: nothing, ExifTags.Base.YResolution: nothing, ExifTags.Base.ResolutionUnit: 2}
    Image.fromarray(photo).save(tmp_path / "nan.tif", tiffinfo=tags)
    picture = read(tmp_path / "nan.tif")
    assert picture.metadata.dpi is None
    write(picture, tmp_path / name)
    assert read(tmp_path / name).pixels.shape == photo.shape


def test_palette_with_transparency(tmp_path: Path, photo: np.ndarray) -> None:
    image = Image.fromarray(photo).quantize(16)
    image.save(tmp_path / "a.png", transparency=0)
    picture = read(tmp_path / "a.png")
    assert picture.pixels.shape == photo.shape
    assert picture.alpha is not None
    assert set(np.unique(picture.alpha)) == {0, 255}


def test_cmyk_becomes_rgb_without_its_profile(tmp_path: Path, photo: np.ndarray) -> None:
    Image.fromarray(photo).convert("CMYK").save(tmp_path / "a.tif", icc_profile=SRGB)
    picture = read(tmp_path / "a.tif")
    assert picture.pixels.shape == photo.shape
    assert picture.metadata.icc is None


def test_jpeg_lays_alpha_on_white_and_says_so(
    tmp_path: Path, photo: np.ndarray, caplog: pytest.LogCaptureFixture
) -> None:
    alpha = np.zeros(photo.shape[:2], np.uint8)
    write(Picture(photo, alpha), tmp_path / "a.jpg")
    assert (read(tmp_path / "a.jpg").pixels == 255).all()
    assert "blended with white" in caplog.text


def test_sixteen_bit_colour_is_reduced_where_it_must_be_and_said_so(
    tmp_path: Path, photo: np.ndarray, caplog: pytest.LogCaptureFixture
) -> None:
    write(Picture(photo.astype(np.uint16) * 257), tmp_path / "a.bmp")
    assert np.array_equal(read(tmp_path / "a.bmp").pixels, photo)
    assert "BMP cannot keep 8 of its 16 bits" in caplog.text


@pytest.mark.parametrize("size", [0, 10, 500])
def test_broken_files_are_one_sentence(tmp_path: Path, photo: np.ndarray, size: int) -> None:
    whole, broken = tmp_path / "whole.png", tmp_path / "broken.png"
    Image.fromarray(photo).save(whole)
    broken.write_bytes(whole.read_bytes()[:size])
    with pytest.raises(PictureError, match=r"broken\.png (is damaged|cannot be read)"):
        read(broken)


def test_pictures_that_are_none(tmp_path: Path) -> None:
    Image.new("I", (4, 4)).save(tmp_path / "long.tif")
    with pytest.raises(PictureError, match=r"long\.tif holds values of int32; save them as uint8, uint16, int16 or"):
        read(tmp_path / "long.tif")
    with pytest.raises(PictureError, match="has 32 bits per pixel"):
        from_pil(Image.new("F", (4, 4)))
    with pytest.raises(PictureError, match="has no pixels"):
        from_pil(Image.new("RGB", (0, 4)))
    (tmp_path / "folder.png").mkdir()
    with pytest.raises(PictureError, match=r"folder\.png cannot be read: (is a directory|permission denied)\.$"):
        read(tmp_path / "folder.png")


def test_of_several_pictures_the_first_is_taken_and_said_so(
    tmp_path: Path, photo: np.ndarray, caplog: pytest.LogCaptureFixture
) -> None:
    frames = [Image.fromarray(photo), Image.fromarray(photo[::-1])]
    frames[0].save(tmp_path / "a.tif", save_all=True, append_images=frames[1:])
    assert np.array_equal(read(tmp_path / "a.tif").pixels, photo)
    assert "several pictures; only the first is used" in caplog.text


def test_missing_and_enormous_files(tmp_path: Path, photo: np.ndarray) -> None:
    with pytest.raises(PictureError, match="does not exist"):
        read(tmp_path / "none.png")
    Image.fromarray(photo).save(tmp_path / "a.png")
    with pytest.raises(PictureError, match="112x96 pixels, more than the limit of 1,000; raise it with --max-pixels"):
        read(tmp_path / "a.png", Limits(max_pixels=1000))


def test_an_icon_that_says_it_is_small_is_not_decoded_first(tmp_path: Path) -> None:
    """Pillow decodes the PNG in it while it opens the file."""
    large, icon = tmp_path / "large.png", tmp_path / "a.ico"
    Image.new("L", (300, 300)).save(large)
    directory = struct.pack("<3H4B2H2I", 0, 1, 1, 16, 16, 0, 0, 1, 32, large.stat().st_size, 22)
    icon.write_bytes(directory + large.read_bytes())
    with pytest.raises(PictureError, match="exceeds limit of 2000 pixels"):
        read_size(icon, Limits(max_pixels=1000))


def test_pillows_own_limit_is_lifted_and_put_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, photo: np.ndarray
) -> None:
    """Of a compressed TIFF it is asked twice: when the file is opened and when it is decoded."""
    monkeypatch.setattr(opening, "_BELOW_PILLOWS_LIMIT", 100)
    for name, settings in (("a.png", {}), ("a.tif", {"compression": "tiff_lzw"})):
        Image.fromarray(photo).save(tmp_path / name, **settings)
        with monkeypatch.context() as patch:
            patch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
            assert np.array_equal(read(tmp_path / name).pixels, photo)
            assert Image.MAX_IMAGE_PIXELS == 100


def test_existing_files_stay_unless_told(tmp_path: Path, photo: np.ndarray) -> None:
    target = tmp_path / "a.png"
    target.write_text("precious")
    with pytest.raises(OutputExists, match="--overwrite"):
        write(Picture(photo), target)
    assert target.read_text() == "precious"
    write(Picture(photo), target, overwrite=True)
    assert np.array_equal(read(target).pixels, photo)


@pytest.mark.parametrize(
    ("failure", "seen", "sentence"),
    [
        (KeyboardInterrupt(), KeyboardInterrupt, None),
        (OSError(errno.ENOSPC, "No space left on device"), PictureError, "the disk is full"),
    ],
)
def test_a_write_that_fails_leaves_what_was_there(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    photo: np.ndarray,
    failure: BaseException,
    seen: type[BaseException],
    sentence: str | None,
) -> None:
    target = tmp_path / "a.jpg"
    target.write_text("precious")

    def fail(self: Image.Image, path: Path, **_: object) -> None:
        path.write_bytes(b"half")
        raise failure

    monkeypatch.setattr(Image.Image, "save", fail)
    with pytest.raises(seen, match=sentence):
        write(Picture(photo), target, overwrite=True)
    assert target.read_text() == "precious"
    assert list(tmp_path.iterdir()) == [target]


def test_unwritable_places_and_formats(tmp_path: Path, photo: np.ndarray) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(PictureError, match=r"cannot be written: (not a directory|file exists)"):
        write(Picture(photo), tmp_path / "file" / "a.png")
    with pytest.raises(PictureError, match=r"known formats are \.png"):
        write(Picture(photo), tmp_path / "a.xyz")
    with pytest.raises(PictureError, match=r"cannot be written: .*name too long"):
        write(Picture(photo), tmp_path / f"{'a' * 300}.png")


def test_pictures_are_found_with_sub_folders_and_without_hidden_ones(tmp_path: Path) -> None:
    for name in ("b.PNG", "a.jpg", "deep/c.webp", ".hidden.png", ".thumbnails/d.png", "notes.txt"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("")
    assert [str(path.relative_to(tmp_path)) for path in find_pictures(tmp_path)] == ["a.jpg", "b.PNG", "deep/c.webp"]


def test_links_to_folders_are_followed_to_each_once(tmp_path: Path) -> None:
    names = ("own/a.png", "elsewhere/deep/b.png")
    for name in names:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    own = tmp_path / "own"
    for link, aim in (("more", "elsewhere"), ("once again", "elsewhere"), ("round", "own")):
        (own / link).symlink_to(tmp_path / aim, target_is_directory=True)
    assert [str(path.relative_to(own)) for path in find_pictures(own)] == ["a.png", "more/deep/b.png"]


def test_sizes_are_read_upright_without_decoding(tmp_path: Path, photo: np.ndarray) -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    Image.fromarray(photo).save(tmp_path / "a.png")
    Image.fromarray(photo).save(tmp_path / "b.jpg", exif=exif)
    assert read_size(tmp_path / "a.png") == photo.shape[:2]
    assert read_size(tmp_path / "b.jpg") == read(tmp_path / "b.jpg").pixels.shape[:2] == photo.shape[1::-1]
    with pytest.raises(PictureError, match="does not exist"):
        read_size(tmp_path / "none.png")


def test_a_file_is_what_it_holds_whatever_it_is_called(tmp_path: Path, photo: np.ndarray) -> None:
    Image.fromarray(photo).save(tmp_path / "a.jpg", quality=95)
    (tmp_path / "a.jpg").rename(tmp_path / "a.png")
    assert np.abs(read(tmp_path / "a.png").pixels.astype(int) - photo).mean() < 3
    (tmp_path / "b.png").write_text("%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 4 4\nshowpage\n")
    with pytest.raises(PictureError, match="is damaged or not a picture"):  # A program is no picture.
        read(tmp_path / "b.png")


@pytest.mark.parametrize("name", ["a.dng", "a.NEF", "a.cr3"])
def test_raw_files_are_known_by_their_names(tmp_path: Path, name: str) -> None:
    with pytest.raises(PictureError, match="does not exist"):
        read(tmp_path / name)
    (tmp_path / name).write_bytes(b"what a sensor saw")
    _require_raw(tmp_path / name)


@pytest.mark.parametrize("is_dng", [True, False])
def test_of_a_raw_file_the_preview_is_not_taken_for_the_picture(
    tmp_path: Path, photo: np.ndarray, is_dng: bool
) -> None:
    tags = [(50706, 1, 4, (1, 4, 0, 0), True)] if is_dng else []
    with tifffile.TiffWriter(tmp_path / "a.tif") as tiff:
        tiff.write(photo[:16, :16], photometric="rgb", subfiletype=0 if is_dng else 1, subifds=1, extratags=tags)
        tiff.write(np.zeros((64, 64), np.uint16), photometric="cfa")
    _require_raw(tmp_path / "a.tif")


@pytest.mark.parametrize(
    ("name", "words"), [("a.MP4", "is a video; use minutia video"), ("a.exr", "a format that cannot be read")]
)
def test_formats_that_are_not_read_are_told_from_broken_files(tmp_path: Path, name: str, words: str) -> None:
    (tmp_path / name).write_bytes(b"something else")
    with pytest.raises(PictureError, match=words):
        read(tmp_path / name)


def test_canons_raw_file_is_known_by_its_mark(tmp_path: Path, photo: np.ndarray) -> None:
    tifffile.imwrite(tmp_path / "a.tif", photo[:16, :16], photometric="rgb")
    tiff = (tmp_path / "a.tif").read_bytes()
    header, directory, rest = tiff[:4], tiff[8:], tiff[12:]
    moved = header + struct.pack("<I", len(tiff)) + b"CR\2\0" + rest + directory
    (tmp_path / "a.tif").write_bytes(moved)
    _require_raw(tmp_path / "a.tif")
    (tmp_path / "a.tif").write_bytes(moved.replace(b"CR\2\0", bytes(4), 1))
    assert read_size(tmp_path / "a.tif") == (16, 16)


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
def test_a_tiff_that_ends_before_its_directory_is_broken(tmp_path: Path) -> None:
    (tmp_path / "a.tif").write_bytes(b"II*\0" + struct.pack("<I", 100_000) + bytes(50))
    for look in (read, read_size, read_shape):
        with pytest.raises(PictureError, match="is damaged or not a picture"):
            look(tmp_path / "a.tif")


def _open_rows(path: Path) -> None:
    with opened_rows(path, Limits()):
        pass


def _require_raw(path: Path) -> None:
    for look in (read, read_size, read_shape, _open_rows):
        with pytest.raises(PictureError, match=f"{path.name} is a camera raw file; develop it first"):
            look(path)


def test_every_truncated_file_is_told_of_however_many_threads_read(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (400, 400, 3), np.uint8)
    paths = [tmp_path / f"{index}.jpg" for index in range(12)]
    for path in paths:
        Image.fromarray(noise).save(path)
        path.write_bytes(path.read_bytes()[:-5000])
    with ThreadPoolExecutor(4) as pool, caplog.at_level(logging.WARNING):
        assert len(list(pool.map(lambda path: read(path, Limits(allow_truncated=True)), paths))) == 12
    assert sorted(caplog.messages) == sorted(f"{path} is truncated; the readable part is used." for path in paths)


def test_a_folder_that_cannot_be_searched_is_told_of(tmp_path: Path, close: Callable[[str], None]) -> None:
    (tmp_path / "closed").mkdir()
    Image.new("RGB", (4, 4)).save(tmp_path / "a.png")
    close("closed")
    with pytest.raises(PictureError, match="closed cannot be searched: permission denied"):
        find_pictures(tmp_path)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_pages_that_are_not_read_do_not_count_against_the_limit(tmp_path: Path, dtype: type) -> None:
    path = tmp_path / "three.tif"
    tifffile.imwrite(path, np.zeros((3, 100, 100, 3), dtype), photometric="rgb")
    assert read(path, Limits(max_pixels=15_000)).pixels.shape == (100, 100, 3)
    assert read_size(path, Limits(max_pixels=15_000)) == (100, 100)
    with pytest.raises(PictureError, match="100x100 pixels in 3 frames, more than the limit of 15,000"):
        read_frames(path, Limits(max_pixels=15_000))
