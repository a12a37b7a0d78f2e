"""`minutia upscale` with many pictures, streams and signals, as a person types it."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from minutia.__main__ import main

POSIX = pytest.mark.skipif(sys.platform == "win32", reason="signals and terminals")


@pytest.fixture
def minutia(monkeypatch: pytest.MonkeyPatch, tiny_model: Path) -> Callable[..., int]:
    """Runs `minutia upscale -m tiny ...` in this process; gives the exit status."""

    def run(*words: object) -> int:
        monkeypatch.setattr(sys, "argv", ["minutia", "upscale", "-m", str(tiny_model), *map(str, words)])
        try:
            main()
        except SystemExit as end:
            return int(end.code or 0)
        return 0

    return run


@pytest.fixture
def scans(tmp_path: Path, photo: np.ndarray) -> Path:
    """a.png, b.jpg, old/c.png."""
    folder = tmp_path / "scans"
    (folder / "old").mkdir(parents=True)
    for index, name in enumerate(("a.png", "b.jpg", "old/c.png")):
        Image.fromarray(photo[index : index + 12, :16]).save(folder / name)
    return folder


@pytest.fixture
def start(tiny_model: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts `minutia upscale -m tiny ...` in a process of its own, which hears Ctrl-C."""
    begun: list[subprocess.Popen[str]] = []

    def run(*words: object) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "minutia", "upscale", "-m", str(tiny_model), *map(str, words)]
        process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            # Tests started in the background inherit that Ctrl-C is ignored.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
        begun.append(process)
        return process

    yield run
    for process in begun:
        process.kill()
        process.communicate()


def wait_for(process: subprocess.Popen[str], folder: Path, count: int) -> None:
    """Wait until a folder holds so many finished pictures."""
    while len(list(folder.glob("[!.]*.png"))) < count:
        assert process.poll() is None
        time.sleep(0.01)


def test_a_folder_and_what_is_below(scans: Path, minutia: Callable[..., int], capsys: pytest.CaptureFixture) -> None:
    out = scans.with_name("out")
    assert minutia(scans, "-o", out) == 0
    assert "2 done; " in capsys.readouterr().out
    assert not (out / "old").exists()
    assert minutia(scans, "-r", "-o", out, "--resume") == 0
    assert "1 done, 2 up to date; " in capsys.readouterr().out
    assert (out / "old" / "c.png").is_file()
    assert len((out / "minutia-journal.jsonl").read_text().splitlines()) == 6


@pytest.mark.parametrize(
    ("words", "name", "size"),
    [
        (["-s", "4"], "a_x4.png", (64, 48)),
        (["--scale", "2.5"], "a_x2.5.png", (40, 30)),
        (["-s", "5"], "a_x5.png", (80, 60)),
        (["--width", "50"], "a_w50.png", (50, 38)),
        (["--height", "36"], "a_h36.png", (48, 36)),
        (["--long-side", "40"], "a_long40.png", (40, 30)),
        (["--short-side", "30"], "a_short30.png", (40, 30)),
        (["--megapixels", "0.0012"], "a_0.0012mp.png", (40, 30)),
        (["--fit", "100x30"], "a_100x30.png", (40, 30)),
    ],
)
def test_sizes_in_the_users_words(
    scans: Path, minutia: Callable[..., int], words: list[str], name: str, size: tuple[int, int]
) -> None:
    assert minutia(scans / "a.png", *words) == 0
    with Image.open(scans / name) as image:
        assert image.size == size


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ([], "Name a picture or a folder, as in: minutia upscale photo.jpg."),
        (["a.png", "-s", "0.5"], "--scale must be at least 1, not 0.5; Minutia does not downscale."),
        (["a.png", "--width", "9", "--height", "9"], "--width and --height cannot be combined"),
        (["a.png", "--width", "9"], "a.png: A picture of 16x12 would become smaller"),
        (["a.png", "-f", "tga", "--fit", "99999x99999"], "a_99999x99999.tga would have 99999x74999 pixels"),
        (["a.png", "--resume"], "--resume needs a journal"),
        (["a.png", "--journal", "b.jpg"], "b.jpg is not a journal of Minutia"),
        (["a.png", "b.jpg", "-o", "-"], "for a single picture"),
        (["a.png", "--max-pixels", "100"], "raise it with --max-pixels"),
        (["old.png"], "There are no pictures in old.png."),
        (["*.gif"], "No picture matches *.gif."),
    ],
)
def test_what_cannot_be_is_one_sentence(
    scans: Path,
    minutia: Callable[..., int],
    capsys: pytest.CaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    words: list[str],
    sentence: str,
) -> None:
    monkeypatch.chdir(scans)
    (scans / "old.png").mkdir()
    assert minutia(*words) == 1
    told = capsys.readouterr().err
    assert told.startswith("Error: ")
    assert sentence in told
    assert told.count("\n") == 1


def test_failures_come_last_and_the_others_are_done(
    scans: Path, minutia: Callable[..., int], capsys: pytest.CaptureFixture
) -> None:
    (scans / "b.jpg").write_bytes(b"broken")
    (scans / "empty.png").mkdir()
    words = [scans / "b.jpg", scans / "empty.png", scans / "a.png", scans / "*" / "c.*"]
    assert minutia(*words, "-o", scans / "out") == 1
    out, err = capsys.readouterr()
    assert "2 done, 1 failed; " in out
    assert err.splitlines() == [
        f"Error: There are no pictures in {scans / 'empty.png'}.",
        f"Error: {scans / 'b.jpg'} is damaged or not a picture.",
    ]
    assert minutia(*words, "-o", scans / "out2", "--fail-fast", "--jobs", "1") == 1
    assert " not begun; " in capsys.readouterr().out


def test_measurements_need_a_range(
    tmp_path: Path, minutia: Callable[..., int], capsys: pytest.CaptureFixture, photo: np.ndarray
) -> None:
    tifffile.imwrite(tmp_path / "a.tif", photo[:16, :16, 0].astype(np.float32) - 100)
    assert minutia(tmp_path / "a.tif", "-o", tmp_path / "out") == 1
    assert "give them by --range LOW,HIGH" in capsys.readouterr().err
    assert minutia(tmp_path / "a.tif", "-o", tmp_path / "out", "--range=-100,155") == 0
    large = tifffile.imread(tmp_path / "out" / "a.tif")
    assert (large.shape, large.dtype) == ((64, 64), np.float32)
    assert abs(large.mean() - photo[:16, :16, 0].mean() + 100) < 5


def test_a_list_on_standard_input(
    scans: Path, minutia: Callable[..., int], capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ["🦊.png", "写真.png"]
    if sys.platform == "linux":
        names += [os.fsdecode(b"caf\xe9.png"), "\x1b[31mred\n.png"]
    for name in names:
        (scans / name).write_bytes((scans / "a.png").read_bytes())
    data = b"\0".join(os.fsencode(scans / name) for name in names)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
    assert minutia("--from-list", "-", "-o", scans / "out") == 0
    out = capsys.readouterr().out
    assert f"{len(names)} done; " in out
    assert "🦊.png" in out
    if sys.platform == "linux":
        assert "caf\\udce9.png" in out
        assert "\\x1b[31mred\\n.png" in out
    assert {path.name for path in (scans / "out").iterdir()} == {*names, "minutia-journal.jsonl"}


def test_a_dry_run_writes_nothing(scans: Path, minutia: Callable[..., int], capsys: pytest.CaptureFixture) -> None:
    (scans / "b.jpg").write_bytes(b"broken")
    words = [scans, "-r", "-o", scans / "out", "--fit", "40x40"]
    assert minutia(*words, "--dry-run") == 1
    out, err = capsys.readouterr()
    assert f"{scans / 'a.png'}  16x12 -> 40x30  about " in out
    assert "2 to make, 1 would fail; about " in out
    assert "b.jpg is damaged" in err
    assert not (scans / "out").exists()
    assert minutia(*words) == 1
    capsys.readouterr()
    assert minutia(*words, "--dry-run", "--resume") == 1
    assert "2 up to date, 1 would fail; " in capsys.readouterr().out


def test_standard_input_to_standard_output(scans: Path, tiny_model: Path) -> None:
    command = [sys.executable, "-m", "minutia", "upscale", "-m", str(tiny_model)]
    data = (scans / "b.jpg").read_bytes()
    done = subprocess.run([*command, "-", "-f", "png"], input=data, capture_output=True, check=True, timeout=200)
    with Image.open(io.BytesIO(done.stdout)) as image:
        assert (image.format, image.size) == ("PNG", (64, 48))
    told = done.stderr.decode()
    assert "standard input.jpg  16x12 -> 64x48" in told
    assert "minutia-" not in told  # No temporary folder is spoken of.
    broken = subprocess.run([*command, "-"], input=b"broken", capture_output=True, timeout=200, check=False)
    assert (broken.returncode, broken.stdout) == (1, b"")
    assert broken.stderr.decode().endswith("Error: standard input is damaged or not a picture.\n")


@POSIX
def test_no_picture_is_sent_to_a_terminal(scans: Path, tiny_model: Path) -> None:
    import pty

    master, slave = pty.openpty()
    command = [sys.executable, "-m", "minutia", "upscale", "-m", str(tiny_model), str(scans / "a.png"), "-o", "-"]
    done = subprocess.run(command, stdout=slave, stderr=subprocess.PIPE, text=True, timeout=200, check=False)
    os.close(slave)
    os.close(master)
    assert done.returncode == 1
    assert done.stderr.startswith("Error: A picture cannot be written to the terminal")


@POSIX
def test_killed_at_any_moment_a_batch_is_resumed(
    photo: np.ndarray, tmp_path: Path, start: Callable[..., subprocess.Popen]
) -> None:
    folder, out = tmp_path / "many", tmp_path / "out"
    folder.mkdir()
    for index in range(40):
        Image.fromarray(np.roll(photo, index, axis=1)).save(folder / f"{index:02d}.png")
    killed = start(folder, "-o", out)
    wait_for(killed, out, 3)
    killed.kill()
    killed.communicate()
    made = {path: path.stat().st_mtime_ns for path in out.glob("[!.]*.png")}
    assert 3 <= len(made) < 40
    for path in made:
        with Image.open(path) as image:
            image.load()
    with (out / "minutia-journal.jsonl").open("ab") as journal:
        journal.write(b'{"status": "do')
    Image.fromarray(photo[::-1]).save(folder / "00.png")
    resumed = start(folder, "-o", out, "--resume")
    stdout, stderr = resumed.communicate(timeout=200)
    assert (resumed.returncode, stderr) == (0, "")
    assert f"{40 - len(made) + 1} done, {len(made) - 1} up to date; " in stdout
    assert {path.name for path in out.iterdir()} == {*(f"{i:02d}.png" for i in range(40)), "minutia-journal.jsonl"}
    redone = {path.name for path, changed in made.items() if path.stat().st_mtime_ns != changed}
    assert redone == {"00.png"}
    assert (out / "minutia-journal.jsonl").read_text().count('{"status": "done"') >= 40


@POSIX
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_once_the_picture_is_finished(
    photo: np.ndarray, tmp_path: Path, start: Callable[..., subprocess.Popen], number: signal.Signals
) -> None:
    for index in range(200):
        Image.fromarray(photo).save(tmp_path / f"{index:03d}.png")
    out = tmp_path / "out"
    process = start(tmp_path, "-o", out)
    wait_for(process, out, 2)
    process.send_signal(number)
    stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == 130
    assert stderr.startswith("Finishing this picture; press Ctrl-C again to stop at once.\nStopped after ")
    assert stderr.endswith(" of 200; the same command continues from here.\n")
    made = sorted(path.name for path in out.iterdir())
    assert f"{len(made) - 1} done, {201 - len(made)} not begun; " in stdout
    assert not any(name.startswith(".") for name in made)
    entries = [json.loads(line) for line in (out / "minutia-journal.jsonl").read_text().splitlines()]
    assert sum(entry["status"] == "done" for entry in entries) == len(made) - 1


ENDLESS = """
import time
from minutia.__main__ import main
from minutia.engines.openvino import OpenVinoEngine

def run(self, x):
    print("network", flush=True)
    time.sleep(600)

OpenVinoEngine.run = run
main()
"""


@contextmanager
def endless(*words: object) -> Iterator[subprocess.Popen[str]]:
    """Start `minutia upscale` with a network that lasts for ever, and wait until it is at work."""
    process = subprocess.Popen(
        [sys.executable, "-c", ENDLESS, "upscale", *map(str, words)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    try:
        assert process.stdout is not None
        assert "tiny" in process.stdout.readline()
        assert process.stdout.readline() == "network\n"
        yield process
    finally:
        process.kill()
        process.communicate()


@POSIX
def test_interrupted_twice_it_ends_at_once(scans: Path, tiny_model: Path) -> None:
    with endless("-m", tiny_model, scans, "-o", scans / "out") as process:
        assert process.stderr is not None
        process.send_signal(signal.SIGINT)
        assert process.stderr.readline() == "Finishing this picture; press Ctrl-C again to stop at once.\n"
        assert process.poll() is None
        process.send_signal(signal.SIGINT)
        _, stderr = process.communicate(timeout=20)
    assert process.returncode == 130
    assert stderr == "Stopped after 0 of 2; the same command continues from here.\n"
    assert [path.name for path in (scans / "out").iterdir()] == ["minutia-journal.jsonl"]


@POSIX
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_single_picture_ends_at_the_first_interruption(scans: Path, tiny_model: Path, number: signal.Signals) -> None:
    with endless("-m", tiny_model, scans / "a.png", "-o", scans / "large.png") as process:
        process.send_signal(number)
        _, stderr = process.communicate(timeout=20)
    assert (process.returncode, stderr) == (130, "Stopped; nothing was written.\n")
    assert not (scans / "large.png").exists()


@POSIX
def test_in_the_background_ctrl_c_is_not_heard(scans: Path, tiny_model: Path) -> None:
    """Shells start what runs in the background so."""
    command = [sys.executable, "-m", "minutia", "upscale", "-m", str(tiny_model), str(scans), "-o", str(scans / "out")]
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN),
    )
    assert process.stdout is not None
    assert "tiny" in process.stdout.readline()
    process.send_signal(signal.SIGINT)
    stdout, _ = process.communicate(timeout=60)
    assert (process.returncode, "2 done; " in stdout) == (0, True)
