"""The shape of the code itself."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import minutia

PUBLIC = {
    "Encoding",
    "Output",
    "MinutiaError",
    "Options",
    "Picture",
    "Target",
    "Upscaler",
    "find_model",
    "list_models",
    "upscale_file",
}
ROOT = Path(minutia.__file__).parent
MODULES = sorted(ROOT.rglob("*.py"))


@pytest.mark.parametrize(
    "statement",
    [
        "import minutia",
        "import minutia.cli, minutia.batch",
        "import minutia.engines.openvino",
        "import minutia.metrics.fidelity",
        "import minutia.video",
        "import minutia.bench.run",
    ],
)
def test_using_models_loads_nothing_that_training_needs(statement: str) -> None:
    heavy = "('torch', 'pydantic', 'matplotlib', 'accelerate', 'onnx', 'skimage')"
    code = f"{statement}; import sys; print([name for name in {heavy} if name in sys.modules])"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def test_importing_loads_no_engine() -> None:
    code = "import minutia, sys; print('openvino' in sys.modules)"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "False"


def test_the_public_names_are_those_promised() -> None:
    assert set(minutia.__all__) == PUBLIC | {"__version__"} == set(dir(minutia))
    for name in PUBLIC:
        assert getattr(minutia, name).__name__ == name
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = minutia.nothing


def imported_by(*words: str | Path) -> set[str]:
    command = [sys.executable, "-X", "importtime", "-m", "minutia", *words]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stderr
    return {line.rpartition("|")[2].strip() for line in told.splitlines()}


def test_help_imports_nothing_that_it_does_not_print() -> None:
    imported = {name.partition(".")[0] for name in imported_by("--help")}
    assert "typer" in imported
    assert not imported & {"numpy", "PIL", "rich", "openvino", "onnx", "tifffile", "torch", "pydantic"}


def test_upscaling_imports_nothing_that_it_does_not_use(tiny_model: Path, tmp_path: Path, photo: np.ndarray) -> None:
    Image.fromarray(photo).save(tmp_path / "a.png")
    imported = imported_by("upscale", tmp_path / "a.png", "-m", tiny_model, "--device", "cpu")
    assert "openvino" in imported
    assert not imported & {"onnx", "onnxruntime", "torch", "pydantic", "scipy", "skimage", "openvino.tools", "av"}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_modules_and_functions_are_short(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.count("\n") <= 300
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef):
            assert node.end_lineno - node.lineno < 60, f"{node.name} is long"
