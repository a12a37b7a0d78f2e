from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from minutia.batch.sources import STREAM, Source, find_sources, gather
from minutia.errors import PictureError

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="names are bytes on Linux alone")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """a.png, b[1].png, notes.txt, .hidden.png, x/a.png, x/y/a.jpg, .cache/a.png; contents do not matter."""
    root = tmp_path / "tree"
    for name in ("a.png", "b[1].png", "notes.txt", ".hidden.png", "x/a.png", "x/y/a.jpg", ".cache/a.png"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return root


def names(path: Path, root: Path, **options: object) -> list[str]:
    found = find_sources(path, **{"recursive": False} | options)
    assert not found.problems
    return [source.path.relative_to(root).as_posix() for source in found.sources]


def test_folders(tree: Path) -> None:
    assert names(tree, tree) == ["a.png", "b[1].png"]
    assert names(tree, tree, recursive=True) == ["a.png", "b[1].png", "x/a.png", "x/y/a.jpg"]
    assert names(tree, tree, recursive=True, output=tree / "x" / ".." / "x") == ["a.png", "b[1].png"]
    assert names(tree / "x", tree, recursive=True, output=tree / "x") == ["x/a.png", "x/y/a.jpg"]


def test_a_folder_whose_pictures_are_deeper_says_so(tree: Path) -> None:
    (tree / "x" / "a.png").unlink()
    (problem,) = find_sources(tree / "x", recursive=False).problems
    assert str(problem) == f"There are no pictures in {tree / 'x'}; add -r to search its sub-folders."


def test_what_is_not_read_is_told_of(tree: Path) -> None:
    for name in ("x/scan.CR2", "x/plan.pdf", "x/y/clip.mov", "x/.hidden.pdf"):
        (tree / name).touch()
    assert find_sources(tree / "x", recursive=False).foreign == [tree / "x" / "plan.pdf", tree / "x" / "scan.CR2"]
    assert len(find_sources(tree / "x", recursive=True).foreign) == 3
    assert find_sources(tree / "*" / "*.pdf", recursive=False).foreign == [tree / "x" / "plan.pdf"]
    (tree / "x" / "a.png").unlink()
    (problem,) = find_sources(tree / "x", recursive=False).problems
    assert str(problem).endswith("x; .cr2, .pdf cannot be read; add -r to search its sub-folders.")


def test_patterns(tree: Path) -> None:
    assert names(tree / "*.png", tree) == ["a.png", "b[1].png"]
    assert names(tree / "b[1].png", tree) == ["b[1].png"]  # There is a file of just that name.
    assert names(tree / "*", tree) == ["a.png", "b[1].png", "x/a.png"]
    assert names(tree / "**" / "a.*", tree) == ["a.png", "x/a.png", "x/y/a.jpg"]
    assert names(tree / "x" / "**", tree) == ["x/a.png", "x/y/a.jpg"]
    assert find_sources(tree / "x" / "*" / "a.jpg", recursive=False).sources == [
        Source(tree / "x" / "y" / "a.jpg", tree / "x")
    ]


def test_two_stars_within_a_name_are_one(tree: Path) -> None:
    assert names(tree / "a**.png", tree) == names(tree / "a*.png", tree) == ["a.png"]


def test_patterns_of_the_current_folder(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tree)
    assert find_sources(Path("a.*"), recursive=False).sources == [Source(Path("a.png"), Path())]


def test_links_in_circles_are_not_followed(tree: Path) -> None:
    try:
        (tree / "x" / "up").symlink_to(tree)
        (tree / "loop.png").symlink_to("loop.png")
    except OSError:
        pytest.skip("no links here")
    # The link that means itself is given on: that it cannot be read is said when it is its turn.
    assert names(tree, tree, recursive=True) == ["a.png", "b[1].png", "loop.png", "x/a.png", "x/y/a.jpg"]
    assert names(tree / "**" / "a.png", tree) == ["a.png", "x/a.png"]


def test_a_closed_folder_is_told_of(tree: Path, close: Callable[[str], None]) -> None:
    close("y")
    found = find_sources(tree, recursive=True)
    (problem,) = found.problems
    assert [source.path.name for source in found.sources] == ["a.png", "b[1].png", "a.png"]
    assert str(problem) == f"{tree / 'x' / 'y'} cannot be searched: permission denied."


def test_lists(tmp_path: Path) -> None:
    path = tmp_path / "list.txt"
    path.write_bytes("\ufeffa.png\r\n\r\nwith space.png\n".encode() + b"last.png")
    assert gather([Path("first.png")], path, io.BytesIO()) == [
        Path(name) for name in ("first.png", "a.png", "with space.png", "last.png")
    ]
    stdin = io.BytesIO(b"two\nlines.png\0b.png\0")
    assert gather([], STREAM, stdin) == [Path("two\nlines.png"), Path("b.png")]


@LINUX
def test_names_in_lists_that_are_no_text(tmp_path: Path) -> None:
    (name,) = gather([], STREAM, io.BytesIO(b"caf\xe9.png\n"))
    assert os.fsencode(name) == b"caf\xe9.png"


def test_lists_that_serve_for_nothing_are_refused(tmp_path: Path) -> None:
    (tmp_path / "empty.txt").write_text("\n \n")
    for paths, names, sentence in (
        ([], tmp_path / "empty.txt", "is empty"),
        ([], tmp_path / "none.txt", "cannot be read: no such file"),
        ([STREAM], STREAM, "a picture and a list at once"),
        ([], None, "Name a picture or a folder"),
    ):
        with pytest.raises(PictureError, match=sentence):
            gather(paths, names, io.BytesIO())
