"""What the README says is so."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

README = Path(__file__).parent.parent / "README.md"
TEXT = README.read_text(encoding="utf-8")
COMMANDS = re.findall(r"^    (minutia [^#\n]*)", TEXT, re.MULTILINE)


def test_the_table_of_models_is_made_from_the_cards() -> None:
    command = [sys.executable, "-m", "minutia", "models", "--markdown"]
    printed = subprocess.run(
        command, capture_output=True, text=True, check=True, env=os.environ | {"XDG_DATA_HOME": "/"}
    )
    between = TEXT.split("<!-- minutia models --markdown -->\n")[1].split("<!-- end -->")[0]
    assert between.strip() == printed.stdout.strip()


@pytest.fixture
def place(tmp_path: Path, photo: np.ndarray, tiny_model: Path) -> Path:
    """Where the README's commands find what they speak of."""
    folder = tmp_path / "place"
    folder.mkdir()
    image = Image.fromarray(photo[:32, :32])
    image.save(folder / "photo.jpg")
    image.save(folder / "map.tif")
    (folder / "scans" / "old").mkdir(parents=True)
    image.save(folder / "scans" / "old" / "a.png")
    (folder / "PICTURES").mkdir()
    for name in ("a", "b", "c"):
        image.resize((400, 420)).save(folder / "PICTURES" / f"{name}.png")
    shutil.copytree(tiny_model, folder / "my-model")
    for name in ("Set5", "Set14"):
        (folder / name).mkdir()
        Image.fromarray(photo).save(folder / name / "1.png")
    return folder


RUNNABLE = (
    "minutia upscale",
    "minutia ev",
    "minutia datasets list",
    "minutia datasets prepare PICTURES",
    "minutia preview",
    "minutia bench my-model",
)


@pytest.mark.parametrize("command", [c.strip() for c in COMMANDS if c.startswith(RUNNABLE)])
def test_commands_run(place: Path, command: str) -> None:
    words = [sys.executable, "-m", *shlex.split(command)]
    done = subprocess.run(words, cwd=place, capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == 0, done.stderr


def test_the_page_about_python_runs(place: Path, photo: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    page = (README.parent / "docs" / "python.md").read_text(encoding="utf-8")
    code = "".join(re.findall(r"```python\n(.*?)```", page, re.DOTALL))
    monkeypatch.chdir(place)
    names = {"array": photo[:16, :16]}
    exec(code, names)  # noqa: S102 (our own page)
    assert names["large"].shape == (64, 64, 3)
    assert names["wide"].shape == (100, 100, 3)
    assert names["image"].size == (128, 128)
    with Image.open(place / "large.webp") as image:
        assert image.size == (200, 200)
    assert (place / "large" / "old" / "a.png").exists()
    assert names["mine"].upscale(photo[:8, :8]).shape == (32, 32, 3)


def test_python_example_runs(place: Path, photo: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    (example,) = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    monkeypatch.chdir(place)
    names = {"array": photo[:16, :16]}
    exec(example, names)  # noqa: S102 (our own README)
    assert names["large"].shape == (64, 64, 3)
    assert (place / "large.png").exists()
