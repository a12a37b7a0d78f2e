"""Several devices share the pictures of a batch."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import final

import numpy as np
import pytest
from PIL import Image

from minutia.batch import Job, run_jobs
from minutia.engines import FakeEngine, open_engine
from minutia.engines.pool import EnginePool
from minutia.enlarge.strips import Network
from minutia.errors import EngineError
from minutia.types import Area, Pixels, Tensor
from minutia.upscaler import Upscaler
from minutia.zoo.catalog import find_model


@final
class Meeting:
    """An engine that waits for another one to run at the same time."""

    scale, description, device, precision = 4, "meeting", "cpu", "fp32"

    def __init__(self, barrier: threading.Barrier) -> None:
        self.barrier = barrier

    def run(self, x: Tensor) -> Tensor:
        self.barrier.wait()
        return FakeEngine(4).run(x)


def make_jobs(folder: Path, count: int) -> list[Job]:
    random = np.random.default_rng(0)
    for index in range(count):
        Image.fromarray(random.integers(0, 256, (9 + index, 8, 3), np.uint8)).save(folder / f"{index}.png")
    return [Job(folder / f"{index}.png", folder / "out" / f"{index}.png") for index in range(count)]


def test_devices_run_at_the_same_time_and_outcomes_keep_their_order(tmp_path: Path, tiny_model: Path) -> None:
    upscaler = Upscaler(tiny_model, device="cpu,cpu", precision="fp32")
    barrier = threading.Barrier(2, timeout=20)
    upscaler.engine = EnginePool([Meeting(barrier), Meeting(barrier)])
    jobs = make_jobs(tmp_path, 7)
    jobs[3].source.write_bytes(b"broken")
    outcomes = list(run_jobs(jobs, upscaler))
    assert [outcome.job for outcome in outcomes] == jobs
    assert [outcome.status for outcome in outcomes] == ["done"] * 3 + ["failed"] + ["done"] * 3


def test_a_pool_gives_what_one_device_gives(tmp_path: Path, tiny_model: Path) -> None:
    one, two = (Upscaler(tiny_model, device=device, precision="fp32") for device in ("cpu", "cpu,cpu"))
    assert two.description == "OpenVINO on CPU, fp32 and OpenVINO on CPU, fp32"
    for job in make_jobs(tmp_path, 2):
        assert np.array_equal(np.asarray(one.upscale(job.source)), np.asarray(two.upscale(job.source)))


@final
class _Gpu:
    """An engine that makes pixels where it computes."""

    scale, description, device, precision = 4, "a GPU", "gpu", "fp16"

    def run(self, x: Tensor) -> Tensor:
        raise AssertionError("floats were not to travel")

    def enlarge(self, pixels: Pixels, core: Area, *, lock: bool) -> Pixels:
        large: Pixels = pixels.repeat(4, axis=0).repeat(4, axis=1)[core]
        return large + lock


def test_pixels_are_made_by_the_devices_of_a_pool_that_can(tiny_model: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (20, 20, 3), np.uint8)
    core = slice(4, 76), slice(8, 80)
    made = Network(EnginePool([_Gpu(), _Gpu()]), halo=1, color_lock=True).enlarge(pixels, core)
    assert np.array_equal(made, pixels.repeat(4, axis=0).repeat(4, axis=1)[core] + 1)
    card = find_model(tiny_model)
    pools = [open_engine(card, engine=name, device="cpu,cpu", precision="fp32") for name in ("torch", "openvino")]
    locked = [Network(pool, halo=1, color_lock=True).enlarge(pixels, core) for pool in pools]
    assert locked[0].shape == (72, 72, 3)
    assert np.abs(locked[0].astype(int) - locked[1]).max() <= 1


def test_each_device_must_be_one(tiny_model: Path) -> None:
    with pytest.raises(EngineError, match="no device called tpu"):
        Upscaler(tiny_model, device="cpu,tpu")
