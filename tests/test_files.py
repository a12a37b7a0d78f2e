"""Files that are seen whole or not at all, and what is no file of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from threading import Thread

import pytest

from minutia.errors import MinutiaError
from minutia.files import remove_remains, require_place, temporary_name, write_text


def test_a_text_replaces_what_was_there_or_leaves_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "figures.json"
    write_text(path, "old")
    write_text(path, "new")
    assert path.read_text(encoding="utf-8") == "new"

    def fill(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", fill)
    with pytest.raises(MinutiaError, match=r"figures\.json cannot be written: the disk is full"):
        write_text(path, "half")
    assert path.read_text(encoding="utf-8") == "new"
    assert list(tmp_path.iterdir()) == [path]


def test_names_that_are_no_text_are_spelt(tmp_path: Path) -> None:
    write_text(tmp_path / "figures.md", "B\udcfccher")
    assert (tmp_path / "figures.md").read_text(encoding="utf-8") == "B\\udcfccher"


def test_places_that_cannot_be_written_are_refused(tmp_path: Path) -> None:
    require_place(tmp_path / "new.json")
    with pytest.raises(MinutiaError, match="none does not exist"):
        require_place(tmp_path / "none" / "new.json")
    with pytest.raises(MinutiaError, match="it is a folder"):
        require_place(tmp_path)


@pytest.mark.skipif(sys.platform == "win32", reason="links and pipes need rights there, or are none")
def test_links_and_pipes_are_written_through(tmp_path: Path) -> None:
    target, link, pipe = tmp_path / "target.json", tmp_path / "link.json", tmp_path / "pipe"
    target.write_text("old", encoding="utf-8")
    link.symlink_to(target)
    os.mkfifo(pipe)
    read: list[str] = []
    reader = Thread(target=lambda: read.append(pipe.read_text(encoding="utf-8")))
    reader.start()
    for path in (link, pipe):
        require_place(path)
        write_text(path, "new")
    reader.join(timeout=10)
    assert (target.read_text(encoding="utf-8"), read) == ("new", ["new"])
    assert link.is_symlink()
    assert pipe.is_fifo()


def test_names_may_be_as_long_as_the_system_takes_them(tmp_path: Path) -> None:
    path = tmp_path / ("工" * 83 + ".json")  # 254 bytes.
    write_text(path, "new")
    assert path.read_text(encoding="utf-8") == "new"
    assert temporary_name(path) != temporary_name(path.with_name("工" * 82 + "x.json"))


def test_remains_of_killed_processes_are_removed_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "a[1].png"
    with subprocess.Popen([sys.executable, "-c", ""]) as gone:
        pass
    kept = [path, temporary_name(path), tmp_path / f".b.png.{gone.pid}.part", tmp_path / ".a[1].png.mine.part"]
    left = tmp_path / f".a[1].png.{gone.pid}.part"
    for each in [*kept, left]:
        each.touch()
    remove_remains(path)
    assert set(tmp_path.iterdir()) == set(kept)
    remove_remains(tmp_path / "none" / "a.png")
