from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from minutia.batch import (
    Job,
    Journal,
    Limits,
    Naming,
    Options,
    Output,
    forecast,
    foretell,
    plan_jobs,
    run_jobs,
    settings_of,
)
from minutia.engines import FakeEngine
from minutia.image.target import Target
from minutia.types import Tensor
from minutia.upscaler import Upscaler


class SlowEngine:
    """Takes a microsecond for a pixel."""

    description = "slow"
    scale = 4

    def run(self, x: Tensor) -> Tensor:
        until = time.perf_counter() + x.shape[2] * x.shape[3] * 1e-6
        y = FakeEngine(4, radius=0).run(x)
        while time.perf_counter() < until:
            pass
        return y


def test_sizes_and_fates_are_those_of_the_run(folder: Path, upscaler: Upscaler, tmp_path: Path) -> None:
    (folder / "broken.png").write_bytes(b"broken")
    Image.new("RGB", (50, 60)).save(folder / "large.png")
    (folder / "out").mkdir()
    (folder / "out" / "b.bmp").touch()
    heights = np.zeros((8, 8), np.float32)
    tifffile.imwrite(folder / "heights.tif", heights)
    jobs = plan_jobs([folder], Naming(output=folder / "out"), recursive=True).jobs
    options = Options(output=Output(target=Target("width", 30)))
    foreseen = list(foretell(jobs, upscaler, options))
    assert not (folder / "out" / "a.png").exists()
    happened = list(run_jobs(jobs, upscaler, options))
    assert [outcome.status for outcome in happened] == ["done", "skipped", "failed", "done", "failed", "skipped"]
    for before, after in zip(foreseen, happened, strict=True):
        assert (before.status, before.before, before.after) == (after.status, after.before, after.after)
        assert before.num_pictures == after.num_pictures
        assert str(before.error) == str(after.error)
    assert f"{folder / 'heights.tif'}: The picture holds values of float32" in str(happened[4].error)


def test_the_journal_is_asked_and_left_alone(folder: Path, upscaler: Upscaler) -> None:
    jobs = plan_jobs([folder], Naming(output=folder / "out"), recursive=True).jobs
    options = Options(resume=True)
    path = folder / "out" / "journal"
    journal = Journal(path, settings_of(upscaler, options.output))
    journal.require_writable()
    list(run_jobs(jobs[:2], upscaler, options, journal=journal))
    text = path.read_bytes()
    journal = Journal(path, settings_of(upscaler, options.output))
    foreseen = [each.status for each in foretell(jobs, upscaler, options, journal=journal)]
    assert foreseen == ["current", "current", "done"]
    assert path.read_bytes() == text


def test_seconds_grow_with_pixels_passes_and_pages(
    tmp_path: Path, upscaler: Upscaler, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forecast, "measure", lambda upscaler: 1e-3)
    page = Image.new("RGB", (20, 10))
    page.save(tmp_path / "1.png")
    page.save(tmp_path / "2.tif", save_all=True, append_images=[page, page])
    jobs = plan_jobs([tmp_path], Naming()).jobs
    once = list(foretell(jobs, upscaler, Options()))
    assert [each.seconds for each in once] == pytest.approx([0.2, 0.6])
    assert [each.num_pictures for each in once] == [1, 3]
    twice = list(foretell(jobs[:1], upscaler, Options(output=Output(target=Target("scale", 5)))))
    assert twice[0].seconds == pytest.approx(0.2 + 13 * 25 * 1e-3)  # What the last of two passes needs.
    page.save(tmp_path / "3.tif", save_all=True, append_images=[page.resize((40, 10))])
    (mixed,) = foretell([Job(tmp_path / "3.tif", tmp_path / "large.tif")], upscaler, Options())
    assert mixed.seconds == pytest.approx(0.2 + 0.4)
    (kept,) = foretell([Job(tmp_path / "2.tif", tmp_path / "large.jpg")], upscaler, Options())
    assert (kept.num_pictures, kept.seconds) == (1, pytest.approx(0.2))


def test_speed_is_measured(upscaler: Upscaler) -> None:
    upscaler.engine = SlowEngine()
    assert 1e-6 < forecast.measure(upscaler) < 1e-5


def test_pages_beyond_the_limit_are_foreseen(tmp_path: Path, upscaler: Upscaler) -> None:
    page = Image.new("RGB", (20, 10))
    page.save(tmp_path / "a.tif", save_all=True, append_images=[page, page])
    options = Options(output=Output(limits=Limits(max_pixels=500)))
    for target, status in (("b.tif", "failed"), ("b.jpg", "done")):  # A JPEG keeps the first alone.
        job = Job(tmp_path / "a.tif", tmp_path / target)
        (foreseen,), (happened,) = list(foretell([job], upscaler, options)), list(run_jobs([job], upscaler, options))
        assert foreseen.status == happened.status == status
        assert str(foreseen.error) == str(happened.error)
