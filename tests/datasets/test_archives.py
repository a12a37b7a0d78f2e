from __future__ import annotations

import io
import shutil
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
from helpers_datasets import packed

from minutia.datasets.archives import unpack
from minutia.errors import DataError

MEMBERS = {"in/a.txt": b"a" * 5000, "in/deep/b.txt": b"b"}


@pytest.mark.parametrize("name", ["set.zip", "set.tar.gz", "set.tgz"])
def test_a_folder_is_there_whole_and_made_once(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(packed(name, MEMBERS))
    counts: list[tuple[int, int]] = []
    folder = unpack(tmp_path / name, lambda *pair: counts.append(pair))
    assert folder == tmp_path / "set"
    assert {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*.txt")} == MEMBERS
    assert counts[-1][0] == 2
    (folder / "in" / "a.txt").write_text("mine")
    assert unpack(tmp_path / name) == folder
    assert (folder / "in" / "a.txt").read_text() == "mine"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["set", name]


def test_what_was_half_unpacked_is_done_again(tmp_path: Path) -> None:
    (tmp_path / "set.zip").write_bytes(packed("set.zip", MEMBERS))
    left_over = tmp_path / ".set.part" / "in"
    left_over.mkdir(parents=True)
    (left_over / "stale.txt").write_text("from an earlier run")
    folder = unpack(tmp_path / "set.zip")
    assert sorted(path.name for path in folder.rglob("*.txt")) == ["a.txt", "b.txt"]
    assert not (tmp_path / ".set.part").exists()


@pytest.mark.parametrize("name", ["set.zip", "set.tgz"])
def test_broken_archives_leave_nothing(name: str, tmp_path: Path) -> None:
    whole = packed(name, MEMBERS | {"in/noise.bin": bytes(range(256)) * 40})
    for content in (whole[: len(whole) // 2], b"no archive at all", b""):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(DataError, match="is damaged or not an archive; download it again"):
            unpack(tmp_path / name)
        assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize(
    "path", ["../out.txt", "in/../../out.txt", "/out.txt", "C:\\out.txt", "C:out.txt", "..\\out.txt"]
)
def test_names_that_lead_out_are_refused(path: str, tmp_path: Path) -> None:
    place = tmp_path / "place"
    place.mkdir()
    (place / "set.zip").write_bytes(packed("set.zip", {"in/a.txt": b"a", path: b"out"}))
    with pytest.raises(DataError, match="which would be written outside its folder; do not use it"):
        unpack(place / "set.zip")
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["set.zip"]


def test_tar_members_that_lead_out_are_refused(tmp_path: Path) -> None:
    place = tmp_path / "place"
    place.mkdir()
    (place / "set.tgz").write_bytes(packed("set.tgz", {"in/a.txt": b"a", "../out.txt": b"out"}))
    with pytest.raises(DataError, match="which would be written outside its folder"):
        unpack(place / "set.tgz")
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["set.tgz"]


def test_links_are_refused(tmp_path: Path) -> None:
    link = zipfile.ZipInfo("in/link")
    link.external_attr = 0o120777 << 16
    with zipfile.ZipFile(tmp_path / "set.zip", "w") as file:
        file.writestr(link, "/etc")
    with pytest.raises(DataError, match="'in/link', which would be written outside"):
        unpack(tmp_path / "set.zip")
    with tarfile.open(tmp_path / "set.tar", "w") as tar:
        info = tarfile.TarInfo("link")
        info.type, info.linkname = tarfile.SYMTYPE, "/etc"
        tar.addfile(info, io.BytesIO())
    with pytest.raises(DataError, match="'link', which would be written outside"):
        unpack(tmp_path / "set.tar")


def test_a_full_disk_is_seen_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "set.zip").write_bytes(packed("set.zip", MEMBERS))
    usage = shutil.disk_usage(tmp_path)._replace(free=5000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    with pytest.raises(DataError, match=r"Unpacking set\.zip needs 5 kB in .*, which has 5 kB free"):
        unpack(tmp_path / "set.zip")
    assert [path.name for path in tmp_path.iterdir()] == ["set.zip"]


def test_other_files_are_no_archives(tmp_path: Path) -> None:
    (tmp_path / "set.rar").write_bytes(b"Rar!")
    with pytest.raises(DataError, match=r"set\.rar is not an archive; supported are \.zip"):
        unpack(tmp_path / "set.rar")


@pytest.mark.parametrize("name", ["set.tgz", "set.tar.bz2", "set.tar.xz", "set.zip"])
def test_damage_is_never_taken_for_the_end(name: str, tmp_path: Path) -> None:
    """One bit is wrong, anywhere: either it is noticed, or it was of no file."""
    noise = np.random.default_rng(0).bytes(3000)
    members = {f"in/{index}.bin": noise[index * 500 :] for index in range(3)}
    whole = packed(name, members)
    for place in range(20, len(whole), 97):
        damaged = bytearray(whole)
        damaged[place] ^= 4
        (tmp_path / name).write_bytes(damaged)
        try:
            folder = unpack(tmp_path / name)
        except DataError:
            assert [path.name for path in tmp_path.iterdir()] == [name]
            continue
        assert {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*.bin")} == members
        shutil.rmtree(folder)


@pytest.mark.parametrize("end", [512 + 5120, 2 * (512 + 5120)])
def test_a_tar_that_ends_between_members_is_broken(end: int, tmp_path: Path) -> None:
    whole = packed("set.tar", {"in/a.txt": b"a" * 5000, "in/b.txt": b"b" * 5000})
    (tmp_path / "set.tar").write_bytes(whole[:end])
    with pytest.raises(DataError, match="is damaged or not an archive"):
        unpack(tmp_path / "set.tar")


def test_a_folder_of_the_same_name_is_no_unpacked_archive(tmp_path: Path) -> None:
    (tmp_path / "set.zip").write_bytes(packed("set.zip", MEMBERS))
    (tmp_path / "set").mkdir()
    assert unpack(tmp_path / "set.zip") == tmp_path / "set"
    (tmp_path / "set.zip").write_bytes(packed("set.zip", MEMBERS | {"c.txt": b"c"}))  # A newer one.
    with pytest.raises(DataError, match=r"set, into which set\.zip would be unpacked, exists and holds other files"):
        unpack(tmp_path / "set.zip")
