"""DIV2K: 800 pictures for training, 100 for validation, and the low-resolution tracks of NTIRE 2017 and 2018.

Agustsson and Timofte, "NTIRE 2017 Challenge on Single Image Super-Resolution", CVPR Workshops 2017; Timofte et al.,
"NTIRE 2018 Challenge", CVPR Workshops 2018. Sizes and checksums are those that TensorFlow Datasets publishes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from minutia.datasets.dataset import Archive, Dataset

HOMEPAGE = "https://data.vision.ee.ethz.ch/cvl/DIV2K/"
LICENCE = "For academic research only; the pictures were collected from the internet and belong to their owners."

Part = Literal["train", "valid"]
NUM_PICTURES: dict[Part, int] = {"train": 800, "valid": 100}


@dataclass(frozen=True, slots=True)
class _Track:
    """One way in which the pictures were made small."""

    name: str
    scale: int
    archive: str
    """Its archives are called `DIV2K_train_` and `DIV2K_valid_` and this."""
    folder: str
    """Folder of its pictures below theirs."""
    train: tuple[int, str]
    """Bytes and SHA-256 of the archive."""
    valid: tuple[int, str]
    summary: str


_HR: dict[Part, tuple[int, str]] = {
    "train": (3530603713, "9d0b9c463f6e35b6c62cc6a930ee2224f670b34c1df841a57670f9acf0f6c335"),
    "valid": (448993893, "20dd31fd84d777bc1cf5d6b7654a3f569c0aec74458ae094122ad1d0489900fc"),
}

_TRACKS = (
    _Track(
        *("bicubic-x2", 2, "LR_bicubic_X2", "LR_bicubic/X2"),
        (925390592, "a53a424317575838dadce4bcd97cf7b744d6855f43740ed5f0245af3cf4bd850"),
        (117763600, "60eed9875c697df51204aa579e2a699e1d5215095788a097ff54dd17e2664d57"),
        "downscaled by bicubic",
    ),
    _Track(
        *("bicubic-x3", 3, "LR_bicubic_X3", "LR_bicubic/X3"),
        (427847282, "ad5c8e5507e2765823d3c2c5bd0934842efcd487c5370604c224090898b3163a"),
        (54513392, "04b9a2ed3b4a0715d3924d3ae8514830c3328fac8d30512ce716d6f419e052a3"),
        "downscaled by bicubic",
    ),
    _Track(
        *("bicubic-x4", 4, "LR_bicubic_X4", "LR_bicubic/X4"),
        (246914039, "f006b837f4eb52b82909aa01478e6d6d199eefce932179491d0c9dbb706dde3a"),
        (31505881, "a50a5d1c4b88de4e8d300d8fb2b904c52fe93b2b298a4899697760d7cbb6d553"),
        "downscaled by bicubic",
    ),
    _Track(
        *("bicubic-x8", 8, "LR_x8", "LR_x8"),
        (65753171, "706fa23164fa0756a3accb78e69b937ea47f882b47e13506895deefd623a35c2"),
        (8428103, "3432f23da7c6887acc5e2cde9669427a7710b3b256c58912dddc19e3eda5bc69"),
        "downscaled by bicubic",
    ),
    _Track(
        *("unknown-x2", 2, "LR_unknown_X2", "LR_unknown/X2"),
        (734182735, "f166eeba119fc55bfc9a99c05561980e7a965382f36640ce8ef626c9f61d122c"),
        (93433041, "ec50bb084c0011130874efd2ed7859b46e0aa7104c565818d5271ac315e04e0a"),
        "downscaled, method not published",
    ),
    _Track(
        *("unknown-x3", 3, "LR_unknown_X3", "LR_unknown/X3"),
        (377245548, "b6455af3b2aa02d76ae3238c49d7aae3b48b0acdc44b5bdc0f4c02d40ebcb43b"),
        (48143315, "ebf23a3e1ef6800cae97285d3a50d022d89b62655e685884c0abcc89eec5b809"),
        "downscaled, method not published",
    ),
    _Track(
        *("unknown-x4", 4, "LR_unknown_X4", "LR_unknown/X4"),
        (208956781, "d131c7aad51e0abbdc4433362ce899e5e75f40b9847ead70ee995188e8fd0adb"),
        (26695095, "e3897555a98de1157c20974fb6093105fbc1ff5e9caf7bd348f58f6da140fbef"),
        "downscaled, method not published",
    ),
    _Track(
        *("mild-x4", 4, "LR_mild", "LR_mild"),
        (275693358, "ce5fbe6252d1000c55656b0666dccdeaf8e66b86ae5ff528c49343012e8e1391"),
        (35300939, "eedfbcb6acc6662a3f52924aaa5a423693244f3276d37c3fca7944c7325859ff"),
        "light blur, noise, shift",
    ),
    _Track(
        *("difficult-x4", 4, "LR_difficult", "LR_difficult"),
        (263211252, "50624a649a0857fdb8e4a948e79c44c37dedbacb5729f9349cc983c47bfdf799"),
        (33596835, "08b4e740496b50846497463121329c707dd8ed26eb8a655d175e9a595286d5e8"),
        "stronger blur, noise, shift",
    ),
    _Track(
        *("wild-x4", 4, "LR_wild", "LR_wild"),
        (1079873385, "ce68f7db812d12241212bb9d6b07406472bef3d785c463238888b44189c5ceb3"),
        (34655417, "ce921d2048eef3e1fd9ba359d1876b1c93e33bd7a531306f7782672391df9820"),
        "4 degraded versions of each",
    ),
)


def _archive(name: str, known: tuple[int, str]) -> Archive:
    num_bytes, digest = known
    return Archive(name=name, url=HOMEPAGE + name, num_bytes=num_bytes, checksum=f"sha256:{digest}")


def _dataset(part: Part, track: _Track | None) -> Dataset:
    stem = f"DIV2K_{part}_"
    archives = [_archive(f"{stem}HR.zip", _HR[part])]
    if track is not None:
        archives.append(_archive(f"{stem}{track.archive}.zip", track.train if part == "train" else track.valid))
    return Dataset(
        name="-".join(["div2k", *([track.name] if track else []), *(["valid"] if part == "valid" else [])]),
        title=f"DIV2K{f' {track.name}' if track else ''}, {'training' if part == 'train' else 'validation'}",
        summary="photographs, 2K, PNG" if track is None else track.summary,
        num_pictures=NUM_PICTURES[part],
        licence=LICENCE,
        homepage=HOMEPAGE,
        archives=tuple(archives),
        hr=f"{stem}HR/*.png",
        lr=None if track is None else f"{stem}{track.folder}/*.png",
        scales=() if track is None else (track.scale,),
        key=r"\d{4}",
    )


_PARTS: tuple[Part, ...] = ("train", "valid")
DIV2K = tuple(_dataset(part, track) for track in (None, *_TRACKS) for part in _PARTS)
