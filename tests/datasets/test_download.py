from __future__ import annotations

import hashlib
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from helpers_datasets import Site

from minutia.datasets.checksums import note_of
from minutia.datasets.dataset import Archive
from minutia.datasets.download import bytes_to_come, download
from minutia.datasets.fetch import Patience
from minutia.errors import DataError

CONTENT = bytes(range(256)) * 1000
SHA256 = hashlib.sha256(CONTENT).hexdigest()
MD5 = hashlib.md5(CONTENT).hexdigest()  # noqa: S324 (published checksums are of this kind)


@pytest.fixture
def archive(site: Site) -> Archive:
    site.files["a.zip"] = CONTENT
    return Archive(name="a.zip", url=f"{site.address}/a.zip", num_bytes=len(CONTENT))


@pytest.mark.parametrize("checksum", [None, f"sha256:{SHA256}", f"md5:{MD5}"])
def test_a_file_is_fetched_checked_and_noted(
    archive: Archive, site: Site, tmp_path: Path, quick: Patience, checksum: str | None
) -> None:
    archive, folder = replace(archive, checksum=checksum), tmp_path / "new" / "folder"
    seen: list[tuple[int, int]] = []
    first = download(archive, folder, patience=quick, progress=lambda *counts: seen.append(counts))
    assert (folder / "a.zip").read_bytes() == CONTENT
    assert (first.sha256, first.basis) == (SHA256, "published" if checksum else "first seen")
    assert note_of(folder / "a.zip").read_text() == f"{SHA256}  a.zip\n"
    assert sorted(path.name for path in folder.iterdir()) == ["a.zip", "a.zip.sha256"]
    assert seen == sorted(seen)
    assert seen[-1] == (len(CONTENT), len(CONTENT))
    again = download(archive, folder, patience=quick)
    assert (again.sha256, again.basis) == (SHA256, "published" if checksum else "noted")
    assert site.asked == [""]


def test_interruptions_are_gone_on_from(archive: Archive, site: Site, tmp_path: Path, quick: Patience) -> None:
    site.cuts = [100_000, 70_000]
    assert download(archive, tmp_path, patience=quick).sha256 == SHA256
    assert site.asked == ["", "bytes=100000-", "bytes=170000-"]


def test_a_later_run_goes_on_where_an_earlier_one_gave_up(
    archive: Archive, site: Site, tmp_path: Path, quick: Patience
) -> None:
    site.cuts = [90_000, 0, 0]
    with pytest.raises(DataError, match=r"the connection ended early; 90 kB are kept, and the same command continues"):
        download(archive, tmp_path, patience=quick)
    assert bytes_to_come([archive], tmp_path) == len(CONTENT) - 90_000
    del site.asked[:]
    assert download(archive, tmp_path, patience=quick).sha256 == SHA256
    assert site.asked == ["bytes=90000-"]


def test_two_versions_are_never_put_together(archive: Archive, site: Site, tmp_path: Path, quick: Patience) -> None:
    site.cuts = [90_000, 0, 0]
    with pytest.raises(DataError):
        download(archive, tmp_path, patience=quick)
    site.files["a.zip"] = CONTENT[::-1]
    download(archive, tmp_path, patience=quick)
    assert (tmp_path / "a.zip").read_bytes() == CONTENT[::-1]


def test_a_server_without_ranges_is_borne(archive: Archive, site: Site, tmp_path: Path, quick: Patience) -> None:
    site.takes_ranges, site.cuts = False, [90_000]
    assert download(archive, tmp_path, patience=quick).sha256 == SHA256


def test_what_had_come_whole_is_not_fetched_again(
    archive: Archive, site: Site, tmp_path: Path, quick: Patience
) -> None:
    (tmp_path / "a.zip.part").write_bytes(CONTENT)
    assert download(archive, tmp_path, patience=quick).sha256 == SHA256
    assert site.asked == [f"bytes={len(CONTENT)}-"]


def test_a_left_over_that_is_longer_is_another_file(archive: Archive, tmp_path: Path, quick: Patience) -> None:
    (tmp_path / "a.zip.part").write_bytes(CONTENT + b"more")
    assert download(archive, tmp_path, patience=quick).sha256 == SHA256


def test_the_wrong_file_is_not_kept(archive: Archive, site: Site, tmp_path: Path, quick: Patience) -> None:
    site.files["a.zip"] = CONTENT[:-1] + b"?"
    right = replace(archive, checksum=f"sha256:{SHA256}")
    with pytest.raises(DataError, match=r"is not the published file .* and was deleted; try again"):
        download(right, tmp_path, patience=quick)
    assert list(tmp_path.iterdir()) == []
    site.files["a.zip"] = CONTENT
    assert download(right, tmp_path, patience=quick).basis == "published"


def test_a_file_that_changes_later_is_noticed(archive: Archive, tmp_path: Path, quick: Patience) -> None:
    download(archive, tmp_path, patience=quick)
    (tmp_path / "a.zip").write_bytes(b"other")
    with pytest.raises(DataError, match="has changed since its first download"):
        download(archive, tmp_path, patience=quick)
    with pytest.raises(DataError, match="delete it and download it again"):
        download(replace(archive, checksum=f"sha256:{SHA256}"), tmp_path, patience=quick)


def test_a_busy_server_is_asked_again(
    archive: Archive, site: Site, tmp_path: Path, quick: Patience, caplog: pytest.LogCaptureFixture
) -> None:
    site.statuses = [503, 429]
    assert download(archive, tmp_path, patience=quick).sha256 == SHA256
    assert "the server says 503" in caplog.text
    assert len(site.asked) == 3


def test_a_missing_file_is_told_at_once(archive: Archive, site: Site, tmp_path: Path, quick: Patience) -> None:
    site.files.clear()
    with pytest.raises(DataError, match=r"404 Not Found; if you have the file, put it into"):
        download(archive, tmp_path, patience=quick)
    assert len(site.asked) == 1


def test_a_page_is_no_archive(archive: Archive, site: Site, tmp_path: Path, quick: Patience) -> None:
    site.content_type = "text/html; charset=utf-8"
    with pytest.raises(DataError, match="is a web page, not the archive"):
        download(archive, tmp_path, patience=quick)
    assert not (tmp_path / "a.zip").exists()


def test_nobody_there(tmp_path: Path, quick: Patience) -> None:
    nowhere = Archive(name="a.zip", url="http://127.0.0.1:1/a.zip", num_bytes=9)
    with pytest.raises(DataError, match=r"cannot be downloaded: Connection refused; try again later\."):
        download(nowhere, tmp_path, patience=quick)
    with pytest.raises(DataError, match="file:///etc/hosts is not a valid address"):
        download(replace(nowhere, url="file:///etc/hosts"), tmp_path, patience=quick)
    with pytest.raises(DataError, match=r"a\.zip has no public download address"):
        download(replace(nowhere, url=None), tmp_path, patience=quick)


def test_a_full_disk_is_seen_before(
    archive: Archive, tmp_path: Path, quick: Patience, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(tmp_path)._replace(free=1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    with pytest.raises(DataError, match=r"a\.zip needs 256 kB in .* which has 1 kB free; make room or choose"):
        download(archive, tmp_path, patience=quick)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_a_disk_that_becomes_full_is_told(archive: Archive, site: Site, tmp_path: Path, quick: Patience) -> None:
    (tmp_path / "a.zip.part").symlink_to("/dev/full")
    with pytest.raises(DataError, match="the disk is full; make room: the same command continues from there"):
        download(archive, tmp_path, patience=quick)
    assert len(site.asked) == 1


def test_what_has_no_version_is_fetched_anew(archive: Archive, site: Site, tmp_path: Path, quick: Patience) -> None:
    (tmp_path / "a.zip.part").write_bytes(CONTENT[::-1][:9000])
    (tmp_path / "a.zip.part.tag").write_text("", encoding="utf-8")
    assert download(archive, tmp_path, patience=quick).sha256 == SHA256
    assert site.asked == [""]


@pytest.mark.parametrize("address", ["http://127.0.0.1/ä.zip", "http://[::1/a.zip"])
def test_an_address_that_is_none(tmp_path: Path, quick: Patience, address: str) -> None:
    with pytest.raises(DataError, match="is not a valid address"):
        download(Archive(name="a.zip", url=address, num_bytes=9), tmp_path, patience=quick)
