from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from minutia import engines
from minutia.engines import open_engine
from minutia.errors import EngineError, ModelError
from minutia.image.color import to_float
from minutia.types import Picture
from minutia.upscaler import enlarge
from minutia.zoo.catalog import find_model

ENGINES = ["openvino", "torch", "onnxruntime"]


@pytest.mark.parametrize("name", ENGINES)
def test_engines_agree_with_each_other(tiny_model: Path, photo: np.ndarray, name: str) -> None:
    card, x = find_model(tiny_model), to_float(photo)
    engine = open_engine(card, engine=name, device="cpu", precision="fp32")
    reference = open_engine(card, engine="torch", device="cpu", precision="fp32")
    y = engine.run(x)
    assert engine.scale == 4
    assert y.dtype == np.float32
    assert y.shape == (1, 3, photo.shape[0] * 4, photo.shape[1] * 4)
    assert np.abs(y - reference.run(x)).max() < 1 / 2550
    assert "fp32" in engine.description


@pytest.mark.parametrize("name", ENGINES)
def test_batches_are_many_pictures(tiny_model: Path, photo: np.ndarray, name: str) -> None:
    engine = open_engine(find_model(tiny_model), engine=name, device="cpu", precision="fp32")
    x = np.concatenate([to_float(photo), to_float(photo[::-1])])
    assert np.abs(engine.run(x)[1] - engine.run(x[1:])[0]).max() < 1e-5


@pytest.mark.parametrize("name", ENGINES)
@pytest.mark.parametrize("tile", [16, 40])
def test_tiled_equals_whole_to_the_last_bit_on_a_network(
    tiny_model: Path, photo: np.ndarray, name: str, tile: int
) -> None:
    card = find_model(tiny_model)
    engine = open_engine(card, engine=name, device="cpu", precision="fp32")
    deep = Picture(photo.astype(np.uint16) * 257)
    whole = enlarge(deep, engine, halo=card.halo, tile=0)
    assert np.array_equal(enlarge(deep, engine, halo=card.halo, tile=tile).pixels, whole.pixels)


@pytest.mark.parametrize("name", ENGINES)
def test_threads_do_not_meet(tiny_model: Path, photo: np.ndarray, name: str) -> None:
    engine = open_engine(find_model(tiny_model), engine=name, device="cpu", precision="fp32")
    crops = [to_float(photo[size : 2 * size]) for size in range(8, 40, 4)]
    alone = [engine.run(crop) for crop in crops]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(engine.run, crops))
    assert all(np.array_equal(a, b) for a, b in zip(alone, together, strict=True))


def test_bf16_stays_near(tiny_model: Path, photo: np.ndarray) -> None:
    card, x = find_model(tiny_model), to_float(photo)
    exact = open_engine(card, engine="torch", device="cpu", precision="fp32").run(x)
    rough = open_engine(card, engine="torch", device="cpu", precision="bf16").run(x)
    assert 0 < np.abs(rough - exact).max() < 0.05


@pytest.mark.parametrize(
    ("choice", "sentence"),
    [
        ({"device": "tpu"}, "no device called tpu"),
        ({"engine": "tensorflow"}, "tensorflow is not offered; write auto, openvino"),
        ({"precision": "int8"}, "int8 is not offered"),
        ({"engine": "openvino", "device": "cuda"}, "does not run on cuda"),
        ({"engine": "onnxruntime", "device": "gpu"}, "runs on the CPU, not on gpu"),
        ({"engine": "onnxruntime", "precision": "bf16"}, "computes in fp32, not in bf16"),
        ({"engine": "torch", "device": "cpu", "precision": "fp16"}, "not compute in fp16 on a CPU"),
        ({"engine": "torch", "device": "cuda:99"}, "torch finds no cuda:99"),
    ],
)
def test_what_is_not_to_be_had_is_one_sentence(tiny_model: Path, choice: dict[str, str], sentence: str) -> None:
    with pytest.raises(EngineError, match=sentence):
        open_engine(find_model(tiny_model), **choice)


def test_a_damaged_model_is_not_opened(tiny_model: Path, tmp_path: Path) -> None:
    shutil.copytree(tiny_model, tmp_path / "tiny")
    (tmp_path / "tiny" / "model.onnx").write_bytes(b"damaged")
    with pytest.raises(ModelError, match="SHA-256 differs"):
        open_engine(find_model(tmp_path / "tiny"))


def test_auto_takes_torch_only_where_there_is_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "_has_accelerator", lambda: False)
    assert [engines._choose(device) for device in ("auto", "cpu", "gpu", "cuda:1", "mps")] == [
        "openvino",
        "openvino",
        "openvino",
        "torch",
        "torch",
    ]
    monkeypatch.setattr(engines, "_has_accelerator", lambda: True)
    assert [engines._choose(device) for device in ("auto", "cpu")] == ["torch", "openvino"]
