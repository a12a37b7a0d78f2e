"""`minutia video` as a person types it: words printed, files left, exit status."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from helpers_video import make_film, times_of

from minutia.upscaler import Upscaler
from minutia.video import upscale_video


def command(*words: object) -> list[str]:
    return [sys.executable, "-m", "minutia", "video", *map(str, words)]


def minutia_video(*words: object, **options: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command(*words), capture_output=True, text=True, timeout=100, **options)


def test_a_film_becomes_large_beside_itself(tmp_path: Path, tiny_model: Path) -> None:
    source, large = make_film(tmp_path / "clip.mp4"), tmp_path / "clip_x4.mp4"
    done = minutia_video(source, "-m", tiny_model, "--crf", "20", "--device", "cpu", "--precision", "fp32")
    assert (done.returncode, done.stderr) == (0, "")
    first, second = done.stdout.splitlines()
    assert first == "tiny, OpenVINO on CPU, fp32"
    assert second.startswith(f"{source}  32x24 -> 128x96  4 frames  ")
    assert second.endswith(f" s  {large}")
    assert times_of(large) == times_of(source)
    again = minutia_video(source, "-m", tiny_model)
    assert (again.returncode, again.stderr) == (1, f"Error: {large} exists; add --overwrite to replace it.\n")


def test_without_its_extra_the_command_says_what_to_install() -> None:
    """None among the modules is Python's way to say that there is no such package."""
    code = (
        "import sys; sys.modules['av'] = None; sys.argv = ['minutia', 'video', 'x.mp4']; import minutia.__main__ as m"
    )
    done = subprocess.run([sys.executable, "-c", f"{code}; m.main()"], capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr == "Error: Enlarging videos needs an extra: pip install '.[video]' in the clone of Minutia.\n"


def start(words: list[object], parts: Path, num_parts: int) -> subprocess.Popen[str]:
    """Start the command, and wait until it has made so many segments."""
    process = subprocess.Popen(
        command(*words),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # Tests started in the background inherit that Ctrl-C is ignored.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    while len(list(parts.glob("*.packets"))) < num_parts:
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.005)
    return process


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_killed_stopped_and_finished_it_is_the_film_of_one_run(
    tmp_path: Path, tiny_model: Path, photo: np.ndarray
) -> None:
    source = make_film(
        tmp_path / "clip.mp4", range(0, 6000, 40), paint=lambda index: photo[index // 8 : index // 8 + 48, :64]
    )
    target, parts = tmp_path / "large.mp4", tmp_path / ".large.mp4.parts"
    words = [source, "-o", target, "-m", tiny_model, "--segment-seconds", "0.4", "--device", "cpu"]

    process = start(words, parts, 2)
    process.kill()
    process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL
    assert not target.exists()
    kept = len(list(parts.glob("*.packets")))

    process = start(words, parts, kept + 2)
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 130
    assert stderr.startswith("Stopped at frame ")
    assert stderr.endswith(" of 150; the same command continues after the last complete segment.\n")
    assert not target.exists()
    kept = len(list(parts.glob("*.packets")))

    done = minutia_video(*words)
    assert done.returncode == 0, done.stderr
    assert f"150 frames, {10 * kept} of them by an earlier run" in done.stdout
    assert {path.name for path in tmp_path.iterdir()} == {"clip.mp4", "large.mp4"}
    upscale_video(source, tmp_path / "at_once.mp4", Upscaler(tiny_model, device="cpu"), segment_seconds=0.4)
    assert target.read_bytes() == (tmp_path / "at_once.mp4").read_bytes()
