"""Commands as a person types them: words printed, files left, exit status."""

from __future__ import annotations

import errno
import json
import logging
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from minutia import __main__, __version__
from minutia.cli import app
from minutia.cli.console import _Warnings
from minutia.cli.evaluate import _methods, _write_figures
from minutia.errors import DataError, MinutiaError, ModelError
from minutia.evaluate import measures
from minutia.evaluate.benchmark import Result
from minutia.evaluate.measures import PSNR, SSIM
from minutia.upscaler import Upscaler
from minutia.zoo.card import Figure, write_card
from minutia.zoo.catalog import find_model, list_models


def minutia(*words: object, **options: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "minutia", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, timeout=200, **options)


@pytest.fixture
def picture(tmp_path: Path, photo: np.ndarray) -> Path:
    Image.fromarray(photo[:24, :32]).save(tmp_path / "photo.png")
    return tmp_path / "photo.png"


def test_upscale_one_picture(picture: Path, tiny_model: Path) -> None:
    done = minutia("upscale", picture, "-m", tiny_model)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    large = picture.with_name("photo_x4.png")
    assert "tiny, OpenVINO on CPU" in done.stdout
    assert "32x24 -> 128x96" in done.stdout
    assert str(large) in done.stdout
    assert "\x1b" not in done.stdout
    with Image.open(large) as image:
        assert image.size == (128, 96)
    again = minutia("upscale", picture, "-m", tiny_model)
    assert again.returncode == 1
    assert again.stderr == f"Error: {large} exists; add --overwrite to replace it.\n"


def test_names_the_terminal_cannot_spell_are_printed_all_the_same(picture: Path, tiny_model: Path) -> None:
    strange = picture.rename(picture.with_name("fotografía.png"))
    done = minutia("upscale", strange, "-m", tiny_model, env=os.environ | {"PYTHONIOENCODING": "ascii:strict"})
    assert done.returncode == 0, done.stderr
    assert "fotograf\\xeda.png" in done.stdout


def test_upscale_a_folder_with_options(picture: Path, tiny_model: Path, tmp_path: Path) -> None:
    (tmp_path / "broken.jpg").write_bytes(b"broken")
    words = ["-o", tmp_path / "out", "-t", "16", "-s", "4", "--suffix", "-big", "--format", "webp", "--quality", "80"]
    done = minutia("upscale", tmp_path, "-m", tiny_model, *words, "--precision", "fp32", "--device", "cpu")
    assert done.returncode == 1
    assert "1 done, 1 failed" in done.stdout
    assert done.stderr == f"Error: {tmp_path / 'broken.jpg'} is damaged or not a picture.\n"
    with Image.open(tmp_path / "out" / "photo-big.webp") as image:
        assert (image.size, image.format) == ((128, 96), "WEBP")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["none.png"], "none.png does not exist"),
        (["."], "There are no pictures in ."),
        (["none.png", "-m", "minutia-x5"], "did you mean minutia-x4"),
        (["none.png", "-s", "0.5"], "--scale must be at least 1, not 0.5"),
        (["none.png", "--strength", "2"], "strength must be between 0 "),
        (["none.png", "--format", "doc"], "There is no format doc"),
        (["none.png", "--device", "tpu"], "no device called tpu"),
        (["none.png", "--device", "cuda"], "torch finds no device cuda;"),
    ],
)
def test_wrong_inputs_are_one_sentence(words: list[str], sentence: str, tmp_path: Path) -> None:
    done = minutia("upscale", *words, cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith("Error: ")
    assert sentence in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_ctrl_c_leaves_no_half_written_file(photo: np.ndarray, tiny_model: Path, tmp_path: Path) -> None:
    folder = tmp_path / "many"
    folder.mkdir()
    for index in range(200):
        Image.fromarray(photo).save(folder / f"{index:03d}.png")
    out = tmp_path / "out"
    command = [sys.executable, "-m", "minutia", "upscale", str(folder), "-o", str(out), "-m", str(tiny_model)]
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # Tests started in the background inherit that Ctrl-C is ignored.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    while not out.exists() or len(list(out.iterdir())) < 3:
        assert process.poll() is None
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Stopped after" in stderr
    written = sorted(path for path in out.iterdir() if path.suffix != ".jsonl")
    assert 0 < len(written) < 200
    for path in written:
        assert not path.name.startswith(".")
        with Image.open(path) as image:
            image.load()


def test_models_are_listed() -> None:
    done = minutia("models", env=os.environ | {"COLUMNS": "80"})
    assert done.returncode == 0, done.stderr
    assert re.search(r"minutia-x4-photo .*\n\(default\) ", done.stdout)
    names = {card.name for card in list_models()}
    assert names <= set(done.stdout.split())  # Whole, in a narrow terminal too.
    assert max(len(line) for line in done.stdout.splitlines() if not line.startswith("Results")) <= 80
    assert "Results: Y of BT.601" in done.stdout


def test_version_and_help() -> None:
    assert minutia("--version").stdout.startswith("minutia 0.")
    assert "upscale" in minutia("--help").stdout


def test_train_export_evaluate_upscale(tmp_path: Path, photo: np.ndarray) -> None:
    """The whole way, as the README walks it."""
    for name, count in (("train", 3), ("test", 1)):
        (tmp_path / name).mkdir()
        for index in range(count):
            Image.fromarray(np.roll(photo, 9 * index, axis=1)).save(tmp_path / name / f"{index}.png")
    sets = ["data.hr=train", "validation.hr=test", "content.steps=3", "content.lr_crop=8", "hardware.device=cpu"]
    changes = [word for key in sets for word in ("--set", key)]
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(
        'name = "small"\n[network]\nkind = "minutianet"\nnum_blocks = 1\nnum_features = 8\n'
        "[data]\n[content]\nsteps = 9\n",
        encoding="utf-8",
    )
    trained = minutia("train", recipe, *changes, cwd=tmp_path)
    assert trained.returncode == 0, trained.stderr
    assert "content step 3: psnr" in trained.stdout
    again = minutia("train", recipe, *changes, cwd=tmp_path)
    assert again.returncode == 0, again.stderr
    assert "continues after step 3 of content" in again.stdout
    taken = minutia("train", recipe, *changes, "--set", "seed=1", cwd=tmp_path)
    assert (taken.returncode, "add --resume" in taken.stderr) == (1, True)
    wrong = minutia("train", recipe, "--set", "content.stepz=3", cwd=tmp_path)
    assert "unknown key content.stepz" in wrong.stderr

    exported = minutia("export", "runs/small", "mine", "--training-data", "An astronaut.", cwd=tmp_path)
    assert exported.returncode == 0, exported.stderr
    assert f"minutia upscale PICTURE -m .{os.sep}mine" in exported.stdout
    assert find_model(tmp_path / "mine").training["data"] == "An astronaut."

    words = ["--data", "test", "--json", "figures.json", "--markdown", "figures.md", "--write-card", "--pictures"]
    evaluated = minutia("evaluate", "mine", *words, cwd=tmp_path)
    assert evaluated.returncode == 0, evaluated.stderr
    table = json.loads((tmp_path / "figures.json").read_text(encoding="utf-8"))
    assert [row["model"] for row in table] == ["bicubic", "mine"]
    assert table[1]["sha256"] == find_model(tmp_path / "mine").sha256
    assert (table[1]["minutia"], "OpenVINO" in table[1]["engine"]) == (__version__, True)
    assert "| test | x4 | mine |" in (tmp_path / "figures.md").read_text(encoding="utf-8")
    (figure,) = find_model(tmp_path / "mine").figures
    assert (figure.data, figure.psnr) == ("test", round(table[1]["psnr"], 3))
    assert figure.command == "minutia evaluate mine --data test --precision auto"

    upscaled = minutia("upscale", "test/0.png", "-m", "mine", "-o", "large.png", cwd=tmp_path)
    assert upscaled.returncode == 0, upscaled.stderr
    with Image.open(tmp_path / "large.png") as image:
        assert image.size == (448, 384)


def test_what_cannot_be_written_is_said_before_anything_is_measured(tmp_path: Path) -> None:
    target = tmp_path / "none" / "figures.json"
    with pytest.raises(MinutiaError, match=r"figures\.json cannot be written: the folder .*none does not exist"):
        app(["evaluate", "minutia-x4", "--data", "test", "--json", str(target)], standalone_mode=False)
    with pytest.raises(MinutiaError, match="cannot be written: it is a folder"):
        app(["evaluate", "minutia-x4", "--data", "test", "--markdown", str(tmp_path)], standalone_mode=False)
    with pytest.raises(ModelError, match="Two of these models have the same name"):
        app(["evaluate", "minutia-x4", "minutia-x4", "--data", "test", "--write-card"], standalone_mode=False)


def test_pictures_of_other_tools_are_measured_without_a_model(tmp_path: Path) -> None:
    for folder, colour in (("test", "white"), ("made", "grey")):
        (tmp_path / folder).mkdir()
        Image.new("RGB", (48, 64), colour).save(tmp_path / folder / "a.png")
    words = ["evaluate", "--data", str(tmp_path / "test")]
    made = ["--results", str(tmp_path / "made")]
    app([*words, *made, "--scale", "2", "--json", str(tmp_path / "figures.json")], standalone_mode=False)
    table = json.loads((tmp_path / "figures.json").read_text(encoding="utf-8"))
    assert [(row["model"], row["scale"]) for row in table] == [("bicubic", 2), (str(tmp_path / "made"), 2)]
    with pytest.raises(ModelError, match="There is nothing to measure: name a model, or a folder"):
        app(words, standalone_mode=False)
    for models in ([], ["minutia-x4", "minutia-x2-photo"]):
        with pytest.raises(ModelError, match="Give the scale of the pictures in --results with --scale"):
            app([*words, *models, *made], standalone_mode=False)


def test_figures_go_into_the_card_as_it_is_now(tiny_model: Path, tmp_path: Path) -> None:
    shutil.copytree(tiny_model, tmp_path / "tiny")
    before = find_model(tmp_path / "tiny")
    other = Figure(data="other", psnr=1.0, ssim=0.5, convention="none")
    write_card(replace(before, figures=(other,)), tmp_path / "tiny")  # As another evaluation does meanwhile.
    results = [Result("tiny", "test", 4, (PSNR, SSIM), {"a.png": {"psnr": 30.0, "ssim": 0.9}})]
    _write_figures(before, results, "fp32")
    assert [figure.data for figure in find_model(tmp_path / "tiny").figures] == ["other", "test"]
    write_card(replace(before, sha256="0" * 64), tmp_path / "tiny")
    with pytest.raises(ModelError, match="was replaced while it was measured; its card is left unchanged"):
        _write_figures(before, results, "fp32")


def test_a_full_disk_is_one_sentence(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def fill() -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "runs/last.safetensors")

    monkeypatch.setattr(__main__, "app", fill)
    with pytest.raises(SystemExit) as end:
        __main__.main()
    assert end.value.code == 1
    assert "Error: No space left on device: runs/last.safetensors." in capsys.readouterr().err


def test_of_what_nobody_foresaw_the_trace_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    try:
        raise RuntimeError("the roof fell in")
    except RuntimeError:
        record = logging.LogRecord("minutia", logging.ERROR, "", 0, "a.png was not made.", None, sys.exc_info())
    _Warnings().emit(record)
    told = capsys.readouterr().err
    assert "Error: a.png was not made.\nTraceback" in told
    assert "RuntimeError: the roof fell in" in told


@pytest.mark.parametrize(("word", "asked"), [("download", "None"), ("vgg.safetensors", "vgg.safetensors")])
def test_vgg_is_read_or_downloaded_once_the_pictures_are_there(
    word: str, asked: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def refuse(weights: Path | None) -> None:
        raise DataError(f"asked for {weights}")

    monkeypatch.setattr(measures, "vgg_distance", refuse)
    with pytest.raises(DataError, match=f"^asked for {asked}$"):
        app(["evaluate", "minutia-x4", "--data", str(tmp_path), "--vgg", word], standalone_mode=False)
    with pytest.raises(DataError, match="test does not exist"):
        app(["evaluate", "minutia-x4", "--data", "test", "--vgg", word], standalone_mode=False)


def test_a_blend_has_a_checksum_of_its_own() -> None:
    card = find_model("minutia-x4")
    whole, half = (_methods([card], Upscaler, [strength], [], "")[0].about["sha256"] for strength in (1.0, 0.5))
    assert whole == card.sha256 != half == Upscaler(card, strength=0.5).sha256


ENDS = """
import atexit
from minutia import __main__

class Late:
    def __del__(self):
        print("taken apart")

late = Late()
app = __main__.app

def run():
    atexit.register(print, "planned for the end")
    WHAT

__main__.app = run
__main__.command()
"""


@pytest.mark.parametrize(
    ("what", "status"),
    [
        ("app(['models'])", 0),
        ("app(['upscale', 'missing.png'])", 1),
        ("app(['upscale', '--nonsense'])", 2),
        ("1 / 0", 1),
        ("pass", 0),
    ],
)
def test_a_command_ends_at_once(what: str, status: int) -> None:
    """With its status, after all was said, and done what was planned for the end."""
    done = subprocess.run([sys.executable, "-c", ENDS.replace("WHAT", what)], capture_output=True, text=True)
    assert done.returncode == status
    assert done.stdout.endswith("planned for the end\n")
    assert ("Results:" in done.stdout) == ("models" in what)
    assert ("ZeroDivisionError" in done.stderr) == ("/" in what)
    assert "taken apart" not in done.stdout
