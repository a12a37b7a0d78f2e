from __future__ import annotations

import hashlib
import shutil
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import product
from pathlib import Path
from threading import Barrier
from types import SimpleNamespace
from unittest.mock import Mock

import numpy as np
import pytest
from onnxruntime.capi.onnxruntime_pybind11_state import RuntimeException
from torch import nn

from minutia import engines
from minutia.engines import open_engine
from minutia.engines import openvino as openvino_engine
from minutia.engines import torch as torch_engine
from minutia.enlarge.strips import Network
from minutia.errors import EngineError, MissingExtra, ModelError, OutOfMemory
from minutia.export import export
from minutia.image.color import to_float
from minutia.image.tiles import spans
from minutia.nets.compact import CompactSpec
from minutia.nets.generators import GeneratorSpec
from minutia.nets.minutianet import MinutiaNetSpec
from minutia.nets.weights import save_weights
from minutia.types import Engine, Tensor
from minutia.zoo.card import ModelCard
from minutia.zoo.catalog import DEFAULT_MODEL, find_model

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


def tiled(x: Tensor, engine: Engine, card: ModelCard, tile: int) -> Tensor:
    """Enlarge (1, 3, H, W) tile by tile, and keep the floats as the engine gives them."""
    scale = card.scale
    out = np.full((1, 3, x.shape[2] * scale, x.shape[3] * scale), np.nan, np.float32)
    for rows, columns in product(*(spans(length, tile, card.halo) for length in x.shape[2:])):
        y = engine.run(x[:, :, rows.start : rows.stop, columns.start : columns.stop])
        top, left = rows.core_start - rows.start, columns.core_start - columns.start
        height, width = rows.core_stop - rows.core_start, columns.core_stop - columns.core_start
        out[
            :,
            :,
            rows.core_start * scale : rows.core_stop * scale,
            columns.core_start * scale : columns.core_stop * scale,
        ] = y[:, :, top * scale : (top + height) * scale, left * scale : (left + width) * scale]
    return out


@pytest.mark.parametrize("name", ENGINES)
@pytest.mark.parametrize("tile", [16, 41])
def test_tiled_equals_whole_to_the_last_bit(tiny_model: Path, photo: np.ndarray, name: str, tile: int) -> None:
    card, x = find_model(tiny_model), to_float(photo)
    engine = open_engine(card, engine=name, device="cpu", precision="fp32")
    # For layers of fewer than 20,480 values torch has other kernels, which this network is narrow enough to meet.
    allowed = 1e-6 if name == "torch" else 0
    assert np.abs(tiled(x, engine, card, tile) - engine.run(x)).max() <= allowed


@pytest.mark.parametrize("name", ENGINES)
def test_the_bundled_model_is_tiled_exactly(photo: np.ndarray, name: str) -> None:
    # Other widths of a network call other kernels; those of the model that is used must not depend on the window.
    card, x = find_model(DEFAULT_MODEL), to_float(photo)
    engine = open_engine(card, engine=name, device="cpu", precision="fp32")
    assert len(spans(photo.shape[1], tile=20, halo=card.halo)) > 1
    assert np.array_equal(tiled(x, engine, card, tile=20), engine.run(x))


def test_too_small_a_halo_is_seen(tiny_model: Path, photo: np.ndarray) -> None:
    card, x = find_model(tiny_model), to_float(photo)
    engine = open_engine(card, engine="openvino", device="cpu", precision="fp32")
    short = replace(card, halo=card.halo - 1)
    assert not np.array_equal(tiled(x, engine, short, tile=16), engine.run(x))


@pytest.mark.parametrize("name", ENGINES)
def test_threads_do_not_meet(tiny_model: Path, photo: np.ndarray, name: str) -> None:
    engine = open_engine(find_model(tiny_model), engine=name, device="cpu", precision="fp32")
    crops = [to_float(photo[size : 2 * size]) for size in range(8, 40, 2)]
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
        ({"engine": "tensorflow"}, "tensorflow is not available; choose from auto, openvino"),
        ({"precision": "int8"}, "int8 is not available"),
        ({"engine": "openvino", "device": "cuda"}, "does not run on cuda"),
        ({"engine": "onnxruntime", "device": "intel-gpu"}, "runs on the CPU, not on intel-gpu"),
        ({"engine": "onnxruntime", "precision": "bf16"}, "computes in fp32, not in bf16"),
        ({"engine": "torch", "device": "cpu", "precision": "fp16"}, "not compute in fp16 on a CPU"),
        ({"engine": "torch", "device": "cuda:99"}, "torch finds no device cuda:99"),
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


def test_a_model_that_is_none_is_refused_by_openvino(tiny_model: Path, tmp_path: Path) -> None:
    shutil.copytree(tiny_model, tmp_path / "tiny")
    path = tmp_path / "tiny" / "model.onnx"
    path.write_bytes(b"no network")
    card = replace(find_model(tmp_path / "tiny"), sha256=hashlib.sha256(b"no network").hexdigest())
    with pytest.raises(EngineError, match="OpenVINO cannot run tiny on CPU; try another --engine"):
        open_engine(card, engine="openvino")
    with pytest.raises(ModelError, match="cannot be read; export it again"):
        open_engine(card, engine="torch", device="cpu")


def test_weights_of_another_network_are_refused(tiny_model: Path) -> None:
    card = find_model(tiny_model)
    other = replace(card, network={**card.network, "num_blocks": 3})
    with pytest.raises(ModelError, match="do not fit the network that its card names"):
        open_engine(other, engine="torch", device="cpu")


@pytest.mark.parametrize(
    ("name", "package", "error", "sentence"),
    [
        ("openvino", "openvino", EngineError, "OpenVINO is not installed here; use --engine"),
        ("torch", "torch", MissingExtra, r"'\.\[torch\]'"),
        ("onnxruntime", "onnxruntime", MissingExtra, r"'\.\[onnxruntime\]'"),
    ],
)
def test_engines_that_are_not_installed(
    tiny_model: Path, monkeypatch: pytest.MonkeyPatch, name: str, package: str, error: type[Exception], sentence: str
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    monkeypatch.delitem(sys.modules, f"minutia.engines.{name}", raising=False)
    with pytest.raises(error, match=sentence):
        open_engine(find_model(tiny_model), engine=name)


@pytest.mark.parametrize("name", ["openvino", "torch"])
@pytest.mark.parametrize("spec", [MinutiaNetSpec(num_blocks=1, num_features=8), CompactSpec(num_blocks=1)])
def test_what_is_added_to_the_source_in_bf16_leaves_the_source_as_it_is(
    tmp_path: Path, name: str, spec: GeneratorSpec
) -> None:
    """Of bf16 there are 13 numbers between 0.5 and 0.55: a smooth sky of 16 bits would have as many steps."""
    network = spec.build()
    last = [layer for layer in network.modules() if isinstance(layer, nn.Conv2d)][-1]
    nn.init.zeros_(last.weight)
    nn.init.zeros_(last.bias)
    save_weights(tmp_path / "weights.safetensors", spec, network.state_dict(), {})
    card = export(tmp_path / "weights.safetensors", tmp_path / "nothing")
    x = np.linspace(0.5, 0.55, 64 * 64, dtype=np.float32).reshape(1, 1, 64, 64).repeat(3, axis=1)
    y = open_engine(card, engine=name, device="cpu", precision="bf16").run(x)
    assert np.array_equal(y, x.repeat(4, axis=2).repeat(4, axis=3))


def test_memory_that_does_not_suffice_is_one_sentence(tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    def fail(*_: object) -> None:
        raise torch.OutOfMemoryError

    engine = open_engine(find_model(tiny_model), engine="torch", device="cpu")
    monkeypatch.setattr(torch.nn.Conv2d, "forward", fail)
    with pytest.raises(EngineError, match="cpu has too little memory for 9x8 pixels at once; use a smaller --tile"):
        engine.run(np.zeros((1, 3, 8, 9), np.float32))


def test_compiled_models_are_kept_and_give_the_same(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    card, x = find_model(tiny_model), np.random.default_rng(0).random((1, 3, 20, 31), dtype=np.float32)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    first, second = (open_engine(card, engine="openvino", device="cpu", precision="fp32").run(x) for _ in range(2))
    kept = list((tmp_path / "minutia" / "openvino").iterdir())
    assert [path.suffix for path in kept] == [".blob"]
    monkeypatch.setenv("XDG_CACHE_HOME", str(kept[0]))  # A file, where there can be no folder.
    third = open_engine(card, engine="openvino", device="cpu", precision="fp32").run(x)
    assert np.array_equal(first, second)
    assert np.array_equal(first, third)


def test_networks_of_one_size_and_of_any_give_the_same(
    tiny_model: Path, photo: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    card, x = find_model(tiny_model), to_float(photo)
    one, other, small = x[:, :, :50, :70], x[:, :, 10:70, :50], x[:, :, :20, :30]
    for precision in ("fp32", "bf16"):
        wanted = [open_engine(card, engine="openvino", device="cpu", precision=precision).run(x) for x in (one, other)]
        with monkeypatch.context() as patched:
            patched.setattr(openvino_engine, "LARGE", 1000)
            engine = open_engine(card, engine="openvino", device="cpu", precision=precision)
            compiled = Mock(wraps=engine._compile)
            patched.setattr(engine, "_compile", compiled)
            engine.run(small)
            assert compiled.call_count == 0
            for size in (0, 0, 1, 0, 1):
                assert np.array_equal(engine.run((one, other)[size]), wanted[size])
            assert compiled.call_count == 1


def test_a_device_without_memory_gives_way_to_the_cpu(
    tiny_model: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    import torch

    card, forward = find_model(tiny_model), torch.nn.Conv2d.forward
    x = np.random.default_rng(0).random((1, 3, 8, 9), dtype=np.float32)
    wanted = open_engine(card, engine="torch", device="cpu", precision="fp32").run(x)
    asked: list[int] = []

    def fail(self: torch.nn.Conv2d, batch: torch.Tensor) -> torch.Tensor:
        if batch.dtype == torch.bfloat16:  # Stands for a device that has no memory left.
            asked.append(batch.shape[3])
            raise torch.OutOfMemoryError
        return forward(self, batch)

    engine = open_engine(card, engine="torch", device="cpu", precision="bf16")
    monkeypatch.setattr(torch.nn.Conv2d, "forward", fail)
    for width in (200, 210):  # The second is known to be too large.
        with pytest.raises(OutOfMemory):
            engine.run(np.zeros((1, 3, 100, width), np.float32))
    assert np.array_equal(engine.run(x), wanted)
    assert asked == [200, 9]
    assert "too little memory; the CPU is used instead" in caplog.text
    assert engine.description == "torch on cpu, fp32"


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_a_gpu_makes_the_pixels_that_the_processor_makes(tiny_model: Path, photo: np.ndarray, dtype: type) -> None:
    engine = open_engine(find_model(tiny_model), engine="torch", device="cpu", precision="fp32")
    assert isinstance(engine, torch_engine.TorchEngine)
    pixels = photo.astype(dtype) * (257 if dtype == np.uint16 else 1)
    core = slice(4, -8), slice(3, 41)
    for lock, tolerance in ((False, 0), (True, 1e-5 * np.iinfo(dtype).max + 1)):
        ours = torch_engine._enlarge(engine._placed, pixels, core, engine.scale, lock=lock)
        wanted = Network(engine, halo=1, color_lock=lock).enlarge(pixels, core)
        assert ours.dtype == wanted.dtype == dtype
        assert ours.shape == wanted.shape
        assert np.abs(ours.astype(int) - wanted).max() <= tolerance


def test_auto_takes_torch_only_where_there_is_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "_has_accelerator", lambda: False)
    assert [engines._choose(device) for device in ("auto", "cpu", "intel-gpu", "cuda:1", "mps")] == [
        "openvino",
        "openvino",
        "openvino",
        "torch",
        "torch",
    ]
    monkeypatch.setattr(engines, "_has_accelerator", lambda: True)
    monkeypatch.setattr(torch_engine, "sees_accelerator", lambda: True)
    assert [engines._choose(device) for device in ("auto", "cpu")] == ["torch", "openvino"]
    monkeypatch.setattr(torch_engine, "sees_accelerator", lambda: False)
    assert engines._choose("auto") == "openvino"
    monkeypatch.setattr(torch_engine, "sees_accelerator", lambda: True)
    monkeypatch.setattr(engines, "_is_installed", lambda package: package == "onnxruntime")
    assert engines._choose("auto") == "onnxruntime"


@pytest.mark.parametrize(("precision", "allowed"), [("fp32", False), ("bf16", True)])
def test_fp32_is_not_rounded_to_tf32(
    tiny_model: Path, monkeypatch: pytest.MonkeyPatch, precision: str, allowed: bool
) -> None:
    import torch

    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", True)
    monkeypatch.setattr(torch_engine, "_find_device", torch.device)
    monkeypatch.setattr(torch_engine, "_build", lambda *_: torch.nn.Identity())
    torch_engine.TorchEngine(find_model(tiny_model), b"", "cuda", precision)
    assert torch.backends.cudnn.allow_tf32 is allowed


def test_threads_share_one_fall_back(
    tiny_model: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    import torch

    forward, together = torch.nn.Conv2d.forward, Barrier(4, timeout=20)

    def fail(self: torch.nn.Conv2d, batch: torch.Tensor) -> torch.Tensor:
        if batch.dtype == torch.bfloat16:
            together.wait()
            raise torch.OutOfMemoryError
        return forward(self, batch)

    card, x = find_model(tiny_model), np.random.default_rng(0).random((1, 3, 8, 9), dtype=np.float32)
    wanted = open_engine(card, engine="torch", device="cpu", precision="fp32").run(x)
    engine = open_engine(card, engine="torch", device="cpu", precision="bf16")
    monkeypatch.setattr(torch.nn.Conv2d, "forward", fail)
    with ThreadPoolExecutor(4) as pool:
        assert all(np.array_equal(y, wanted) for y in pool.map(engine.run, [x] * 4))
    assert caplog.text.count("the CPU is used instead") == 1


@pytest.mark.parametrize("name", ["openvino", "onnxruntime", "torch"])
def test_a_library_that_gives_up_is_one_sentence(tiny_model: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    engine = open_engine(find_model(tiny_model), engine=name, device="cpu", precision="fp32")
    if name == "openvino":
        request = SimpleNamespace(
            set_output_tensor=lambda _: None, infer=Mock(side_effect=RuntimeError("no room\nat x.cpp"))
        )
        engine._model = SimpleNamespace(create_infer_request=lambda: request)
    elif name == "torch":
        monkeypatch.setattr("torch.nn.Conv2d.forward", Mock(side_effect=RuntimeError("no room\nat x.cpp")))
    else:
        engine._session = SimpleNamespace(run=Mock(side_effect=RuntimeException("no room\nat x.cpp")))
    with pytest.raises(EngineError, match="fp32 failed on 9x8 pixels: no room; a smaller --tile may help"):
        engine.run(np.zeros((1, 3, 8, 9), np.float32))
