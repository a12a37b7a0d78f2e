"""Pictures that do not fit into the memory that may be taken."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image
from PIL.ExifTags import Base

from minutia.batch import Job, Options, Output, run_jobs
from minutia.enlarge import Whole, whole_bytes
from minutia.errors import PictureError
from minutia.image.formats import Encoding
from minutia.image.geo import NO_DATA, TEXTS
from minutia.image.io import read, read_frames
from minutia.image.target import Target
from minutia.types import Tensor
from minutia.upscaler import Upscaler

TIGHT = Options(memory=1)


@pytest.fixture
def scene(tmp_path: Path, photo: np.ndarray) -> Path:
    path = tmp_path / "scene.tif"
    tifffile.imwrite(path, photo, photometric="rgb", rowsperstrip=8, resolution=(300, 300), resolutionunit="INCH")
    return path


def run_one(source: Path, target: Path, upscaler: Upscaler, options: Options = TIGHT):
    (outcome,) = run_jobs([Job(source, target)], upscaler, options)
    return outcome


@pytest.mark.parametrize("options", [Options(), TIGHT], ids=["whole", "rows"])
def test_what_goes_wrong_with_the_network_is_not_laid_to_the_file(
    options: Options, scene: Path, tmp_path: Path, upscaler: Upscaler, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(error: Exception) -> Callable[[Tensor], Tensor]:
        def refuse(x: Tensor) -> Tensor:
            raise error

        return refuse

    target = tmp_path / "large.tif"
    monkeypatch.setattr(upscaler.engine, "run", run(MemoryError()))
    assert "needs more memory than there is" in str(run_one(scene, target, upscaler, options).error)
    monkeypatch.setattr(upscaler.engine, "run", run(AssertionError("a mistake of ours")))
    with pytest.raises(AssertionError, match="a mistake of ours"):
        run_one(scene, target, upscaler, options)


@pytest.mark.parametrize(("suffix", "written"), [(".tif", "tif"), (".png", "tif"), (".jpg", "tif"), (".tif", "png")])
def test_rows_give_what_the_whole_gives(
    suffix: str, written: str, scene: Path, tmp_path: Path, upscaler: Upscaler, photo: np.ndarray
) -> None:
    source = scene
    if suffix != ".tif":
        source = scene.with_suffix(suffix)
        Image.fromarray(photo).save(source)
    told: list[tuple[int, int]] = []
    (outcome,) = run_jobs(
        [Job(source, tmp_path / f"large.{written}")], upscaler, TIGHT, progress=lambda _, *numbers: told.append(numbers)
    )
    assert outcome.status == "done", outcome.error
    assert (outcome.before, outcome.after) == ((96, 112), (384, 448))
    large, wanted = read(tmp_path / f"large.{written}"), upscaler.upscale(read(source))
    # Tiles of another size may be summed in another order.
    assert np.abs(large.pixels.astype(int) - wanted.pixels).max() <= 1
    dots, wished = large.metadata.dpi or (0, 0), wanted.metadata.dpi or (0, 0)
    assert dots == pytest.approx(wished, rel=1e-4)  # PNG counts them by the metre.
    assert told[-1] == (96 * 112, 96 * 112)
    assert len(told) > 5


@pytest.mark.parametrize("channels", [1, 3])
def test_rows_may_be_compressed_as_jpeg(tmp_path: Path, upscaler: Upscaler, photo: np.ndarray, channels: int) -> None:
    source = tmp_path / "scan.tif"
    pixels = photo if channels == 3 else photo[:, :, 1]
    Image.fromarray(pixels).save(source, compression="jpeg", tiffinfo={Base.RowsPerStrip: 16})
    outcome = run_one(source, tmp_path / "large.tif", upscaler)
    assert outcome.status == "done", outcome.error
    wanted = upscaler.upscale(read(source)).pixels
    assert np.abs(read(tmp_path / "large.tif").pixels.astype(int) - wanted).max() <= 1


def test_of_a_batch_a_picture_has_half_of_the_memory(tmp_path: Path, upscaler: Upscaler) -> None:
    """So a picture that alone would be enlarged as a whole goes by rows, and one into JPEG says what it lacks."""
    picture = Image.new("RGB", (64, 64))
    for name in ("a.png", "b.png"):
        picture.save(tmp_path / name)
    needed = whole_bytes([Whole((64, 64), (256, 256), 3)], upscaler.network)
    options = Options(memory=int(1.5 * needed))
    jobs = [Job(tmp_path / name, tmp_path / f"{name}.jpg") for name in ("a.png", "b.png")]
    assert [outcome.status for outcome in run_jobs(jobs[:1], upscaler, options)] == ["done"]
    _, second = run_jobs(jobs, upscaler, options)
    assert second.status == "failed"
    assert "add --format tiff or png" in str(second.error)
    assert [outcome.status for outcome in run_jobs(jobs, upscaler, Options(memory=3 * needed))] == ["skipped", "done"]


def test_bands_in_one_piece_are_decoded_whole(tmp_path: Path, upscaler: Upscaler, photo: np.ndarray) -> None:
    source = tmp_path / "turned.tif"
    tifffile.imwrite(source, photo.astype(np.uint16) * 257, photometric="rgb", extratags=[(274, 3, 1, 6, True)])
    outcome = run_one(source, tmp_path / "large.tif", upscaler)
    assert outcome.status == "done", outcome.error
    assert (outcome.before, outcome.after) == ((112, 96), (448, 384))
    assert read(tmp_path / "large.tif").pixels.dtype == np.uint16


def test_other_formats_are_refused_before_the_work(scene: Path, tmp_path: Path, upscaler: Upscaler) -> None:
    outcome = run_one(scene, tmp_path / "large.webp", upscaler)
    assert outcome.status == "failed"
    assert isinstance(outcome.error, PictureError)
    assert "--format tiff or png" in str(outcome.error)
    assert not (tmp_path / "large.webp").exists()


@pytest.mark.parametrize("written", ["tif", "png"])
@pytest.mark.parametrize("read_as", ["clear.png", "clear.tif"])
def test_transparency_is_kept(
    read_as: str, written: str, tmp_path: Path, upscaler: Upscaler, photo: np.ndarray
) -> None:
    source, target = tmp_path / read_as, tmp_path / f"large.{written}"
    alpha = np.linspace(0, 255, photo[:, :, 0].size).astype(np.uint8).reshape(photo.shape[:2])
    Image.fromarray(np.dstack([photo, alpha])).save(source)
    outcome = run_one(source, target, upscaler)
    assert outcome.status == "done", outcome.error
    large, wanted = read(target), upscaler.upscale(read(source))
    assert large.alpha is not None
    assert wanted.alpha is not None
    assert np.abs(large.alpha.astype(int) - wanted.alpha).max() <= 1
    seen = wanted.alpha > 8  # Where next to nothing is seen, a last bit of alpha is a step of colour.
    assert np.abs(large.pixels.astype(int) - wanted.pixels)[seen].max() <= 1


def test_another_size_is_made_by_rows(scene: Path, tmp_path: Path, upscaler: Upscaler) -> None:
    output = Output(target=Target("width", 300))
    outcome = run_one(scene, tmp_path / "large.tif", upscaler, Options(memory=1, output=output))
    assert outcome.status == "done", outcome.error
    assert outcome.after == (257, 300)
    large, wanted = read(tmp_path / "large.tif"), upscaler.upscale(read(scene), target=output.target)
    assert np.abs(large.pixels.astype(int) - wanted.pixels).max() <= 1


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif"])
def test_a_picture_that_is_turned_is_measured_upright(suffix: str, tmp_path: Path, upscaler: Upscaler) -> None:
    exif = Image.Exif()
    exif[Base.Orientation] = 6
    source = tmp_path / f"a{suffix}"
    Image.new("RGB", (64, 20)).save(source, exif=exif)
    outcome = run_one(source, tmp_path / "large.png", upscaler, Options(output=Output(target=Target("width", 40))))
    assert outcome.status == "done", outcome.error
    assert (outcome.before, outcome.after) == ((64, 20), (128, 40))


@pytest.fixture
def pages(tmp_path: Path, photo: np.ndarray) -> Path:
    """Pages of two sizes and depths, the second with a resolution."""
    path = tmp_path / "pages.tif"
    with tifffile.TiffWriter(path) as tiff:
        tiff.write(photo, photometric="rgb", rowsperstrip=8, metadata=None)
        deep = photo[:40, :72].astype(np.uint16) * 257
        tiff.write(deep, photometric="rgb", rowsperstrip=8, metadata=None, resolution=(300, 300), resolutionunit="INCH")
    return path


@pytest.mark.parametrize("pyramid", [False, True])
def test_pages_are_made_one_after_another(pyramid: bool, pages: Path, tmp_path: Path, upscaler: Upscaler) -> None:
    told: list[tuple[int, int]] = []
    options = Options(memory=1, output=Output(encoding=Encoding(pyramid=pyramid)))
    (outcome,) = run_jobs(
        [Job(pages, tmp_path / "large.tif")], upscaler, options, progress=lambda _, *numbers: told.append(numbers)
    )
    assert outcome.status == "done", outcome.error
    assert (outcome.before, outcome.after) == ((96, 112), (384, 448))
    made, sources = read_frames(tmp_path / "large.tif").pictures, read_frames(pages).pictures
    assert [page.pixels.dtype for page in made] == [np.uint8, np.uint16]
    for page, source, step in zip(made, sources, (1, 257), strict=True):
        assert np.abs(page.pixels.astype(int) - upscaler.upscale(source).pixels).max() <= step
    assert made[0].metadata.dpi is None  # Without a unit it is no resolution.
    assert made[1].metadata.dpi == pytest.approx((300, 300))
    total = 96 * 112 + 40 * 72
    assert told[-1] == (total, total)
    assert sorted(told) == told


def test_no_more_is_made_than_is_allowed(pages: Path, tmp_path: Path, upscaler: Upscaler) -> None:
    made = sum(16 * page.height * page.width for page in read_frames(pages).pictures)
    for memory in (None, 1):
        for most, status in ((made, "done"), (made - 1, "failed")):
            options = Options(output=Output(max_output_pixels=most), memory=memory, overwrite=True)
            (outcome,) = run_jobs([Job(pages, tmp_path / "large.tif")], upscaler, options)
            assert outcome.status == status, outcome.error
            assert "would have" in str(outcome.error) or status == "done"


def test_of_pages_a_png_keeps_the_first(
    pages: Path, tmp_path: Path, upscaler: Upscaler, caplog: pytest.LogCaptureFixture
) -> None:
    assert run_one(pages, tmp_path / "large.png", upscaler).status == "done"
    assert read(tmp_path / "large.png").pixels.shape == (384, 448, 3)
    assert "more than the first of 2 pictures" in caplog.text


def test_pages_that_cannot_be_enlarged_are_refused_before_the_work(
    tmp_path: Path, upscaler: Upscaler, photo: np.ndarray
) -> None:
    with tifffile.TiffWriter(tmp_path / "bands.tif") as tiff:
        tiff.write(photo, photometric="rgb", rowsperstrip=8, metadata=None)
        tiff.write(np.dstack([photo, photo]), photometric="minisblack", planarconfig="contig", metadata=None)
    outcome = run_one(tmp_path / "bands.tif", tmp_path / "out.tif", upscaler)
    assert outcome.status == "failed"
    assert "6 bands" in str(outcome.error)
    assert not (tmp_path / "out.tif").exists()


def test_several_passes_and_frames_are_refused(tmp_path: Path, upscaler: Upscaler, photo: np.ndarray) -> None:
    frames = [Image.fromarray(np.roll(photo, place, axis=0)) for place in range(3)]
    frames[0].save(tmp_path / "film.webp", save_all=True, append_images=frames[1:])
    frames[0].save(tmp_path / "one.png")
    eight_times = Options(memory=1, output=Output(target=Target("scale", 8)))
    for name, written, words, options in (
        ("film.webp", "out.webp", "its 3 pictures cannot be read row by row", TIGHT),
        ("one.png", "out.tif", "up to x4 it can be processed row by row", eight_times),
    ):
        outcome = run_one(tmp_path / name, tmp_path / written, upscaler, options)
        assert outcome.status == "failed"
        assert words in str(outcome.error)


def test_an_output_that_exists_is_kept(scene: Path, tmp_path: Path, upscaler: Upscaler) -> None:
    (tmp_path / "large.tif").write_bytes(b"mine")
    assert run_one(scene, tmp_path / "large.tif", upscaler).status == "failed"
    assert (tmp_path / "large.tif").read_bytes() == b"mine"
    assert run_one(scene, tmp_path / "large.tif", upscaler, Options(memory=1, overwrite=True)).status == "done"


def test_metadata_may_be_left_out(scene: Path, tmp_path: Path, upscaler: Upscaler) -> None:
    options = Options(memory=1, output=Output(strip=True))
    assert run_one(scene, tmp_path / "large.tif", upscaler, options).status == "done"
    assert read(tmp_path / "large.tif").metadata.dpi is None


@pytest.mark.parametrize("memory", [None, 1])
def test_what_means_no_data_is_not_left_out(memory: int | None, tmp_path: Path, upscaler: Upscaler) -> None:
    heights = np.linspace(100, 200, 256, dtype=np.float32).reshape(16, 16)
    heights[4:8, 4:8] = -9999
    extra = [(NO_DATA, 2, 0, "-9999", True), (TEXTS, 2, 0, "somewhere", True)]
    tifffile.imwrite(tmp_path / "a.tif", heights, rowsperstrip=4, metadata=None, extratags=extra)
    upscaler.value_range = "auto"
    options = Options(memory=memory, output=Output(strip=True))
    assert run_one(tmp_path / "a.tif", tmp_path / "b.tif", upscaler, options).status == "done"
    large = read(tmp_path / "b.tif")
    assert large.metadata.geo == ((NO_DATA, "-9999"),)
    assert (large.pixels[16:32, 16:32] == -9999).all()
    assert large.pixels[:16].min() > 50


def test_a_broken_file_leaves_nothing(scene: Path, tmp_path: Path, upscaler: Upscaler) -> None:
    damaged = scene.read_bytes()
    with tifffile.TiffFile(scene) as tiff:
        place = tiff.pages[0].dataoffsets[-1]  # type: ignore[union-attr]
    scene.write_bytes(damaged[: place + 5])
    outcome = run_one(scene, tmp_path / "large.tif", upscaler)
    assert outcome.status == "failed"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["scene.tif"]


PEAK = """
import re, sys
from pathlib import Path
from minutia.batch import Job, Options, run_jobs
from minutia.upscaler import Upscaler

model, source, target = map(Path, sys.argv[1:])
upscaler = Upscaler(model, device="cpu", precision="fp32", tile=64)
(outcome,) = run_jobs([Job(source, target)], upscaler, Options(memory=1))
assert outcome.status == "done", outcome.error
print(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])
"""


@pytest.mark.skipif(sys.platform != "linux", reason="peaks are read as on Linux")
def test_four_times_the_pixels_take_hardly_more_memory(tmp_path: Path, tiny_model: Path) -> None:
    peaks = []
    for side in (512, 1024):
        pixels = np.random.default_rng(0).integers(0, 256, (side, side, 3), dtype=np.uint8)
        source = tmp_path / f"{side}.tif"
        tifffile.imwrite(source, pixels, photometric="rgb", rowsperstrip=16)
        words = [sys.executable, "-c", PEAK, str(tiny_model), str(source), str(tmp_path / f"{side}-large.tif")]
        # A heap that is not divided among threads, whose number of pieces would be measured otherwise.
        environment = os.environ | {"MALLOC_ARENA_MAX": "1"}
        told = subprocess.run(words, capture_output=True, text=True, check=True, env=environment)
        peaks.append(int(told.stdout))
    assert peaks[1] < 1.1 * peaks[0]
