"""The table of sets, and that each is found in archives of its layout."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from helpers_datasets import packed, png, save, small_archives, small_set

from minutia.datasets.catalog import DATASETS, find_dataset
from minutia.datasets.dataset import Dataset
from minutia.datasets.download import missing_archives
from minutia.datasets.sources import Source, choose, find_own, find_sources
from minutia.errors import DataError

TRACKS = [
    *(f"{track}-x{scale}" for track in ("bicubic", "unknown") for scale in (2, 3, 4)),
    *("bicubic-x8", "mild-x4", "difficult-x4", "wild-x4"),
]


def test_the_sets_that_are_promised_are_there() -> None:
    div2k = ["div2k", *(f"div2k-{track}" for track in TRACKS)]
    others = ["flickr30k", "coco2017", "mirflickr25k", "bsds500", "set5", "set14", "bsd100", "urban100"]
    valid = [f"{name}-valid" for name in [*div2k, "coco2017", "bsds500"]]
    assert sorted(dataset.name for dataset in DATASETS) == sorted([*div2k, *others, *valid])


@pytest.mark.parametrize("dataset", DATASETS, ids=lambda dataset: dataset.name)
def test_entries_are_whole(dataset: Dataset) -> None:
    assert dataset.licence.endswith(".")
    assert (dataset.lr is None) == (dataset.scales == ())
    assert (dataset.by_hand is None) == all(archive.url for archive in dataset.archives)
    for archive in dataset.archives:
        if archive.url is not None:
            assert re.fullmatch(r"https?://[^ ]+\.(zip|tgz)", archive.url)
            assert archive.num_bytes
        assert re.fullmatch(r"sha256:[0-9a-f]{64}|md5:[0-9a-f]{32}", archive.checksum or f"md5:{'0' * 32}")
    if dataset.name.startswith("div2k"):
        part = "valid" if dataset.name.endswith("-valid") else "train"
        assert all(archive.name.startswith(f"DIV2K_{part}_") for archive in dataset.archives)
        assert all(archive.url.endswith(f"/{archive.name}") for archive in dataset.archives)
        assert dataset.hr.startswith(f"DIV2K_{part}_HR/")


def test_archives_of_two_sets_are_the_same_or_different() -> None:
    known: dict[str, object] = {}
    for archive in (archive for dataset in DATASETS for archive in dataset.archives):
        assert known.setdefault(archive.name, archive) == archive
    checksums = [archive.checksum for archive in known.values() if archive.checksum]
    assert len(set(checksums)) == len(checksums) == 25


def test_names_are_found_in_capitals_and_misspelt_ones_get_a_hint() -> None:
    assert find_dataset("DIV2K").name == "div2k"
    with pytest.raises(DataError, match="called div2k-bicubc-x4; did you mean div2k-bicubic-x4"):
        find_dataset("div2k-bicubc-x4")
    with pytest.raises(DataError, match="minutia datasets list shows those"):
        find_dataset("holiday")


@pytest.mark.parametrize("dataset", DATASETS, ids=lambda dataset: dataset.name)
def test_pictures_are_found_in_archives_of_the_layout(
    dataset: Dataset, scenes: list[np.ndarray], tmp_path: Path
) -> None:
    dataset = small_set(dataset.name, [scene[:48, :48] for scene in scenes[:2]], tmp_path)
    for scale in dataset.scales or (4,):
        sources, archives = find_sources(dataset, tmp_path, scale)
        copies = 4 if dataset.name == "div2k-wild-x4" else 1
        assert len(sources) == 2 * copies
        assert len({source.name for source in sources}) == len(sources)
        assert len({source.hr for source in sources}) == 2
        assert list(archives) == [archive.name for archive in dataset.archives]
        for source in sources:
            assert (source.lr is None) == (dataset.lr is None)
            assert source.name[:4] in source.hr.name
            assert source.lr is None or source.name[:4] in source.lr.name
            if "{scale}" in dataset.hr:
                assert f"SRF_{scale}" in source.hr.name
    again, _ = find_sources(dataset, tmp_path, scale)
    assert again == sources


def test_archives_and_folders_may_lie_elsewhere(scenes: list[np.ndarray], tmp_path: Path) -> None:
    flickr = find_dataset("flickr30k")
    by_hand = tmp_path / "my-download.zip"
    by_hand.write_bytes(packed("my-download.zip", {"Images/123.jpg": png(scenes[0])}))
    ((found,), archives) = find_sources(flickr, by_hand, 4)
    assert (found.name, found.hr) == ("123", tmp_path / "my-download" / "Images" / "123.jpg")
    assert list(archives) == ["my-download.zip"]

    of_another = save(scenes[0], tmp_path / "sets" / "val2017" / "1.jpg")
    with pytest.raises(DataError, match="fill in the form at"):
        find_sources(flickr, tmp_path / "sets", 4)
    assert find_sources(flickr, of_another.parent, 4)[0] == [Source("1", of_another, None)]
    named = save(scenes[0], tmp_path / "sets" / "flickr30k_images" / "2.jpg")
    assert find_sources(flickr, tmp_path / "sets", 4)[0] == [Source("2", named, None)]

    div2k = find_dataset("div2k-bicubic-x4")
    hr = save(scenes[0], tmp_path / "mine" / "DIV2K_train_HR" / "0007.png")
    lr = save(scenes[0][:32, :40], tmp_path / "mine" / "DIV2K_train_LR_bicubic" / "X4" / "0007x4.png")
    assert find_sources(div2k, tmp_path / "mine", 4) == ([Source("0007", hr, lr)], {})
    with pytest.raises(DataError, match=r"needs DIV2K_train_HR\.zip and DIV2K_train_LR_bicubic_X4\.zip; give the fol"):
        find_sources(div2k, by_hand, 4)
    lr.unlink()
    with pytest.raises(DataError, match=r"holds no low-resolution picture for 0007"):
        find_sources(div2k, tmp_path / "mine", 4)


def test_an_archive_that_something_else_has_unpacked(scenes: list[np.ndarray], tmp_path: Path) -> None:
    """As `unzip` does, whose folder of the archive's name holds the pictures themselves."""
    dataset = find_dataset("div2k")
    for name, content in small_archives(dataset, scenes).items():
        (tmp_path / name).write_bytes(content)
    hr = save(scenes[0], tmp_path / "DIV2K_train_HR" / "0007.png")
    assert find_sources(dataset, tmp_path, 4)[0] == [Source("0007", hr, None)]
    assert find_sources(dataset, hr.parent, 4)[0] == [Source("0007", hr, None)]


def test_what_is_not_there_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture, scenes: list[np.ndarray]) -> None:
    with pytest.raises(DataError, match=r"minutia datasets download div2k downloads it; or use --from PATH"):
        find_sources(find_dataset("div2k"), tmp_path, 4)
    with pytest.raises(DataError, match="fill in the form at"):
        find_sources(find_dataset("flickr30k"), tmp_path / "nowhere", 4)
    with pytest.raises(DataError, match="fill in the form at"):
        missing_archives(find_dataset("flickr30k"), tmp_path)
    save(scenes[0], tmp_path / "val2017" / "1.jpg")
    find_sources(find_dataset("coco2017-valid"), tmp_path, 4)
    assert "1 pictures of 5000 are in" in caplog.text


def test_a_changed_archive_is_not_unpacked(scenes: list[np.ndarray], tmp_path: Path) -> None:
    dataset = find_dataset("mirflickr25k")
    (tmp_path / "mirflickr25k.zip").write_bytes(small_archives(dataset, scenes[:1])["mirflickr25k.zip"])
    with pytest.raises(DataError, match="is not the published file"):
        find_sources(dataset, tmp_path, 4)


def test_own_folders_may_hold_pairs(scenes: list[np.ndarray], tmp_path: Path) -> None:
    hr = save(scenes[0], tmp_path / "HR" / "sub" / "a.png")
    assert find_own(tmp_path, 4) == [Source("sub/a", hr, None)]
    lr = save(scenes[0][:32, :40], tmp_path / "LR" / "sub" / "ax4.png")
    assert find_own(tmp_path, 4) == [Source("sub/a", hr, lr)]
    orphan = save(scenes[1], tmp_path / "HR" / "b.png")
    with pytest.raises(
        DataError, match=r"b\.png has no counterpart in .*; minutia datasets check .* --scale 4 lists all"
    ):
        find_own(tmp_path, 4)
    orphan.unlink()
    save(scenes[1], tmp_path / "HR" / "sub" / "a.jpg")
    with pytest.raises(DataError, match=r"a\.jpg and .*a\.png would get the same name; rename one"):
        find_own(tmp_path, 4)
    with pytest.raises(DataError, match="does not exist"):
        find_own(tmp_path / "none", 4)


def test_pairs_may_lie_in_the_only_folder_of_an_archive(scenes: list[np.ndarray], tmp_path: Path) -> None:
    hr = save(scenes[0], tmp_path / "pairs" / "HR" / "a.png")
    lr = save(scenes[0][:32, :40], tmp_path / "pairs" / "LR" / "a.png")
    (tmp_path / ".mark").touch()
    assert find_own(tmp_path, 4) == [Source("a", hr, lr)]
    with pytest.raises(DataError, match=r"a\.png is neither a folder nor an archive"):
        find_own(hr, 4)


def test_pairs_are_found_in_small_letters_and_beside_what_is_no_set(scenes: list[np.ndarray], tmp_path: Path) -> None:
    """As in an archive made on a Mac, with a README."""
    hr = save(scenes[0], tmp_path / "pairs" / "hr" / "a.png")
    lr = save(scenes[0][:32, :40], tmp_path / "pairs" / "lr" / "a.png")
    (tmp_path / "__MACOSX" / "pairs" / "HR").mkdir(parents=True)
    (tmp_path / "README.txt").touch()
    assert find_own(tmp_path, 4) == [Source("a", hr, lr)]
    assert find_own(tmp_path / "pairs", 4) == [Source("a", hr, lr)]
    loose = save(scenes[1], tmp_path / "b.png")
    assert {source.hr for source in find_own(tmp_path, 4)} == {hr, lr, loose}


def test_the_choice_hangs_on_seed_and_names_alone() -> None:
    sources = [Source(f"{number:04d}", Path(f"{number}.png"), None) for number in range(1, 801)]
    few, more = choose(sources, 5, 0), choose(list(reversed(sources)), 50, 0)
    # These very pictures, on every machine and for good: recipes count on it.
    assert [source.name for source in few] == ["0175", "0490", "0719", "0724", "0764"]
    assert set(few) < set(more)
    assert choose(sources, 5, 1) != few
    assert choose(sources, None, 1) == sources
    with pytest.raises(DataError, match="There are 800 pictures, not 801; give a smaller --count"):
        choose(sources, 801, 0)


def test_all_copies_of_a_chosen_picture_come_along() -> None:
    sources = [Source(f"{hr}w{copy}", Path(f"{hr}.png"), Path(f"{hr}x4w{copy}.png")) for hr in "abc" for copy in "12"]
    chosen = choose(sources, 2, 0)
    assert len(chosen) == 4
    assert len({source.hr for source in chosen}) == 2
