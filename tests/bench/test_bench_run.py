"""Measuring, with networks that do nothing and products that are small."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from minutia.bench import limits, run, starts
from minutia.bench.limits import find_products
from minutia.bench.machine import describe_machine, version
from minutia.bench.report import Limit, Speed, to_json
from minutia.bench.run import run_bench
from minutia.bench.turns import take_turns
from minutia.bench.work import count_flops
from minutia.engines import FakeEngine
from minutia.errors import EngineError, MinutiaError, MissingExtra
from minutia.export import export
from minutia.image import io
from minutia.nets.minutianet import MinutiaNetSpec
from minutia.nets.weights import save_weights
from minutia.zoo.catalog import find_model, load_model


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    """Small matrices, engines without networks, commands that are noted and not run."""
    typed: list[tuple[str, ...]] = []
    monkeypatch.setattr(limits, "SHAPE", (32, 16))
    monkeypatch.setattr(starts, "_type", lambda words: typed.append(tuple(words)))
    monkeypatch.setattr(run, "Upscaler", lambda card, **choice: SimpleNamespace(engine=fake(choice["engine"])))
    return typed


def fake(name: str) -> FakeEngine:
    if name == "torch":
        raise MissingExtra("The torch engine", "torch")
    engine = FakeEngine()
    engine.description = f"{name} of tests"
    engine.precision = "int4" if name == "onnxruntime" else "fp32"
    return engine


def test_actions_take_turns_and_the_first_round_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = SimpleNamespace(now=0.0, sleep=lambda seconds: None, perf_counter=lambda: clock.now)
    monkeypatch.setattr("minutia.bench.turns.time", clock)
    order: list[str] = []
    takes = {"a": [100.0, 1.0, 9.0, 2.0], "b": [100.0, 3.0, 3.0, 4.0]}

    def act(name: str) -> None:
        clock.now += takes[name][order.count(name)]
        order.append(name)

    told: list[tuple[int, int]] = []
    seconds = take_turns([lambda: act("a"), lambda: act("b")], 3, lambda *counts: told.append(counts))
    assert "".join(order) == "abababab"
    assert seconds == [2.0, 3.0]
    assert told == [(done, 8) for done in range(1, 9)]


def test_rates_and_shares_follow_from_times() -> None:
    speed = Speed("m", "e", "cpu", "fp32", 0.5, 3.0, 2.0, Limit("cpu", "fp32", 6.0))
    assert (speed.input_megapixels_per_s, speed.seconds_per_input_megapixel) == (0.25, 4.0)
    assert (speed.tflop_per_s, speed.share_of_limit) == (1.5, 0.25)
    assert Speed("m", "e", "cpu", "fp32", 0.5, 3.0, 2.0, None).share_of_limit is None


def test_everything_is_measured(quick: list[tuple[str, ...]], tiny_model: Path) -> None:
    card = find_model(tiny_model)
    report = run_bench([card], side=24, runs=1)
    assert [speed.engine for speed in report.speeds] == ["openvino of tests", "onnxruntime of tests"]
    assert report.left_out == (
        "torch is left out: The torch engine needs an extra: pip install '.[torch]' in the clone of Minutia.",
    )
    (first, second), (limit, *_) = report.speeds, report.limits
    assert first.tflop == count_flops(load_model(card), 24, 24) / 1e12
    assert (first.input_megapixels, first.model) == (24 * 24 / 1e6, "tiny")
    assert first.share_of_limit == first.tflop_per_s / limit.tflop_per_s
    assert (limit.device, limit.precision, second.share_of_limit) == ("cpu", "fp32", None)
    titles = ["minutia --help", "minutia upscale 64x64.png -m tiny", "minutia upscale 1000x1000.png -m tiny"]
    assert [start.command for start in report.starts] == titles
    assert quick == [("--help",), *quick[1:3]] * 2
    assert [words[0] for words in quick[1:3]] == ["upscale", "upscale"]


def test_a_command_of_a_megapixel_has_a_share(
    quick: list[tuple[str, ...]], tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "take_turns", lambda actions, runs, progress: [2.0] * len(actions))
    card = find_model(tiny_model)
    report = run_bench([card], side=24, runs=1)
    work = count_flops(load_model(card), 1000, 1000) / 1e12
    shares = [start.share_of_limit for start in report.starts]
    assert shares == [None, None, work / 2.0 / report.limits[0].tflop_per_s]


def test_json_says_all_with_units(quick: list[tuple[str, ...]], tiny_model: Path) -> None:
    report = run_bench([find_model(tiny_model)], side=24, runs=2)
    table = json.loads(to_json(report))
    assert table["machine"] == describe_machine()
    assert (table["input_side_pixels"], table["num_runs"], table["left_out"]) == (24, 2, list(report.left_out))
    for limit, row in zip(report.limits, table["limits"], strict=True):
        assert row == {"device": limit.device, "precision": limit.precision, "tflop_per_s": limit.tflop_per_s}
    for speed, row in zip(report.speeds, table["networks"], strict=True):
        for name, value in row.items():
            if name != "tflop_per_input_megapixel":
                assert value == getattr(speed, name)
        assert row["tflop_per_input_megapixel"] * row["input_megapixels_per_s"] == pytest.approx(row["tflop_per_s"])
    assert table["starts"] == [
        {"command": s.command, "seconds": s.seconds, "share_of_limit": s.share_of_limit} for s in report.starts
    ]


def test_choices_reach_the_commands(quick: list[tuple[str, ...]], tiny_model: Path) -> None:
    engines = ["openvino", "onnxruntime"]
    report = run_bench(
        [find_model(tiny_model)], engines=[*engines, "openvino"], device="cpu", precision="fp32", side=8, runs=1
    )
    words = [" ".join(command[-6:]) for command in dict.fromkeys(quick) if command[0] == "upscale"]
    assert {command.count("--engine") for command in quick} == {0, 1}
    assert words == [f"--engine {name} --device cpu --precision fp32" for name in engines for _ in range(2)]
    assert [start.command.rpartition(" -m ")[2] for start in report.starts[1:]] == [f"tiny {each}" for each in words]


def test_an_engine_that_was_asked_for_must_be_there(quick: list[tuple[str, ...]], tiny_model: Path) -> None:
    with pytest.raises(MissingExtra, match=r"'\.\[torch\]'"):
        run_bench([find_model(tiny_model)], engines=["torch"], side=8, runs=1)


def test_no_engine_at_all_is_one_error(tiny_model: Path) -> None:
    with pytest.raises(EngineError, match=r"No engine can run here: openvino is left out: .* torch is left out: "):
        run_bench([find_model(tiny_model)], device="cuda:99", side=8, runs=1)


@pytest.mark.parametrize("library", ["openvino", "torch"])
def test_products_are_of_random_numbers_and_counted(library: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "SHAPE", (32, 16))
    there = {"openvino": {"openvino"}, "torch": {"torch"}}[library]
    monkeypatch.setattr("importlib.util.find_spec", lambda name: name if name in there else None)
    products = find_products("cpu")
    assert products[0].precision == "fp32"
    for product in products:
        assert (product.device, product.flops) == ("cpu", 8 * 2 * 32 * 16 * 16)
        result = product.run()
        value = result if isinstance(result, float) else float(next(iter(result.values()))[0, 0])
        assert np.isfinite(value)
        assert value != 0


def test_a_chain_is_the_product_that_it_is_counted_as(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "SHAPE", (32, 16))
    x, weights = limits._operands((32, 16))
    wanted = x @ np.linalg.matrix_power(weights, 8)
    (result,) = find_products("cpu")[0].run().values()
    assert np.allclose(result, wanted, atol=1e-4)
    assert limits._torch_products("cpu")[0].run() == pytest.approx(wanted[0, 0], abs=1e-4)


def test_without_a_library_nothing_is_multiplied(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert find_products("cpu") == find_products("cuda") == []


def test_commands_are_run_and_fail_in_words(tmp_path: Path, tiny_model: Path) -> None:
    command = starts.upscale_command(find_model(tiny_model), 64, [], tmp_path)
    command.run()
    command.run()
    assert io.read(tmp_path / "64-large.png").pixels.shape == (256, 256, 3)
    wrong = starts.upscale_command(find_model(tiny_model), 64, ["--strength", "0.5"], tmp_path)
    with pytest.raises(MinutiaError, match=r"`minutia upscale` failed while it was measured: .*no fidelity model"):
        wrong.run()


def test_models_of_bands_are_started_with_a_tiff(tmp_path: Path) -> None:
    spec = MinutiaNetSpec(channels=4, num_blocks=1, num_features=4)
    save_weights(tmp_path / "w.safetensors", spec, spec.build().state_dict(), {"recipe": "none", "content_steps": 0})
    card = export(tmp_path / "w.safetensors", tmp_path / "bands")
    command = starts.upscale_command(card, 64, ["--device", "cpu"], tmp_path)
    command.run()
    assert command.title == "minutia upscale 64x64.tif -m bands --device cpu"
    assert io.read(tmp_path / "64-large.tif").pixels.shape == (256, 256, 4)


def test_the_machine_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = describe_machine()
    assert machine["processor"]
    assert machine["num_cores"] >= 1
    assert machine["python"] == sys.version.partition(" ")[0].rstrip("+")
    assert version("numpy") == np.__version__
    assert version("no-such-package") is None
