"""Two processes never train in one folder, and a killed one keeps nobody out."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from minutia.errors import TrainingError
from minutia.train.checkpoint import read_place
from minutia.train.config import Recipe
from minutia.train.hold import Hold
from minutia.train.loop import train
from minutia.train.run import Listener

HOLDER = """
import sys
from pathlib import Path
from minutia.train.hold import Hold

hold = Hold(Path(sys.argv[1]))
hold.take()
print("held", flush=True)
sys.stdin.read()
"""


@contextmanager
def another(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that holds a folder, and is killed in the end."""
    words = [sys.executable, "-c", HOLDER, str(folder)]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_a_folder_is_held_until_its_process_dies(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    with closing(Hold(folder)) as hold:
        with another(folder) as process, pytest.raises(TrainingError, match=f"trained by process {process.pid}; wait"):
            hold.take()
        hold.take()
        hold.take()
        with closing(Hold(folder)) as other, pytest.raises(TrainingError, match="is being trained by process"):
            other.take()
    with closing(Hold(folder)) as hold:
        hold.take()


def test_a_run_that_another_process_is_at_is_left_alone(recipe: Recipe) -> None:
    seen = iter(range(1, 100))
    assert not train(recipe, should_stop=lambda: next(seen) >= 2)
    diary = (recipe.folder / "log.jsonl").read_bytes()
    with another(recipe.folder), pytest.raises(TrainingError, match="is being trained by process"):
        train(recipe)
    assert (recipe.folder / "log.jsonl").read_bytes() == diary
    assert train(recipe)


def test_of_two_that_begin_at_once_one_does(recipe: Recipe) -> None:
    def train_meanwhile(done: int, total: int) -> None:
        if done == total and not recipe.folder.exists():
            seen = iter(range(1, 100))
            assert not train(recipe, should_stop=lambda: next(seen) >= 2)

    with pytest.raises(TrainingError, match=r"has trained in .* meanwhile; the same command continues"):
        train(recipe, listener=Listener(loading=train_meanwhile))
    assert read_place(recipe.folder / "last.safetensors").step == 2
