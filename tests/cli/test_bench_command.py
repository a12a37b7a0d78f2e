"""`minutia bench` as a person types it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path


def minutia(*words: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "minutia", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, timeout=200, check=False)


def test_the_table_shows_what_the_json_holds(tiny_model: Path, tmp_path: Path) -> None:
    words = ["--engine", "openvino", "--precision", "fp32", "--size", 32, "--runs", 1]
    done = minutia("bench", tiny_model, *words, "--json", tmp_path / "bench.json")
    assert done.returncode == 0, done.stderr
    assert "\x1b" not in done.stdout
    table = json.loads((tmp_path / "bench.json").read_text(encoding="utf-8"))
    assert f"{table['machine']['processor']}, {table['machine']['num_cores']} cores; medians of 1 run" in done.stdout
    cells = {cell.strip() for line in done.stdout.splitlines() for cell in line.split("│")}
    (network,) = table["networks"]
    (limit, *_) = table["limits"]
    assert {"tiny", "OpenVINO on CPU, fp32", f"{limit['device']}, {limit['precision']}"} <= cells
    assert f"{limit['tflop_per_s']:.3f}" in cells
    assert f"{network['input_megapixels_per_s']:.3f}" in cells
    assert f"{network['seconds_per_input_megapixel']:.2f}" in cells
    assert f"{network['tflop_per_s']:.3f}" in cells
    assert network["share_of_limit"] == network["tflop_per_s"] / limit["tflop_per_s"]
    assert f"{network['share_of_limit']:.0%}" in cells
    assert {f"{start['seconds']:.2f}" for start in table["starts"]} <= cells
    assert table["starts"][0]["command"] == "minutia --help"
    assert f"{table['starts'][-1]['share_of_limit']:.0%}" in cells


def test_wrong_wishes_are_one_sentence(tiny_model: Path, tmp_path: Path) -> None:
    quick = ["--engine", "openvino", "--size", 8, "--runs", 1]
    for words, sentence in (
        (["minutia-x5"], "did you mean minutia-x4"),
        ([tiny_model, "--engine", "tensorflow"], "tensorflow is not available; choose from auto, openvino"),
        ([tiny_model, *quick, "--json", tmp_path / "none" / "bench.json"], "none does not exist"),
    ):
        done = minutia("bench", *words)
        assert done.returncode == 1
        assert done.stderr.startswith("Error: ")
        assert sentence in done.stderr
        assert done.stderr.count("\n") == 1
