"""Small archives of the layouts of the real ones, and a server that has the failings of real ones."""

from __future__ import annotations

import hashlib
import io
import tarfile
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import numpy as np
from PIL import Image

from minutia.datasets.catalog import find_dataset
from minutia.datasets.dataset import Dataset
from minutia.image.resize import downscale


def png(pixels: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def packed(name: str, members: Mapping[str, bytes]) -> bytes:
    """An archive of the kind that `name` ends with."""
    file = io.BytesIO()
    if name.endswith(".zip"):
        with zipfile.ZipFile(file, "w") as archive:
            for path, content in members.items():
                archive.writestr(path, content)
        return file.getvalue()
    kind = {"bz2": "bz2", "xz": "xz", "tar": ""}.get(name.rpartition(".")[2], "gz")
    with tarfile.open(fileobj=file, mode=f"w:{kind}") as tar:  # type: ignore[call-overload]
        for path, content in members.items():
            info = tarfile.TarInfo(path)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return file.getvalue()


def save(pixels: np.ndarray, path: Path, **options: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, **options)
    return path


def small_archives(dataset: Dataset, scenes: list[np.ndarray]) -> dict[str, bytes]:
    """Archives with the layout of a set and one picture for each scene."""
    contents: dict[str, dict[str, bytes]] = {archive.name: {} for archive in dataset.archives}
    first, last = (contents[dataset.archives[place].name] for place in (0, -1))
    for index, scene in enumerate(scenes, start=1):
        for scale in dataset.scales or (1,):
            first[_example(dataset, dataset.hr, index, scale)] = png(scene)
            if dataset.lr is not None:
                for copy in _copies(dataset, index, scale):
                    last[copy] = png(downscale(scene, scale))
    first["readme.txt"] = b"Not a picture."
    return {name: packed(name, members) for name, members in contents.items()}


def small_set(name: str, scenes: list[np.ndarray], folder: Path) -> Dataset:
    """Put small archives of a set into a folder, and give the set as it would be if they were the published ones."""
    dataset = find_dataset(name)
    folder.mkdir(exist_ok=True)
    archives = []
    for archive, content in zip(dataset.archives, small_archives(dataset, scenes).values(), strict=True):
        (folder / archive.name).write_bytes(content)
        checksum = archive.checksum and f"sha256:{hashlib.sha256(content).hexdigest()}"
        archives.append(replace(archive, num_bytes=len(content), checksum=checksum))
    return replace(dataset, archives=tuple(archives), num_pictures=len(scenes))


def _example(dataset: Dataset, pattern: str, index: int, scale: int) -> str:
    """A path as the real archive has it."""
    family = dataset.name.split("-")[0]
    names = {
        "bsds500": f"BSR/{pattern}".replace("/t*/", "/train/" if index % 2 else "/test/"),
        "flickr30k": f"flickr30k-images/{pattern}",
    }
    path = names.get(family, pattern if "{" not in pattern else f"{dataset.title}/{pattern}").format(scale=scale)
    stem = {"div2k": f"{index:04d}", "mirflickr25k": f"{index}", "flickr30k": f"{1000092795 + index}"}.get(
        family, f"img_{index:03d}_SRF_{scale}" if dataset.lr else f"{index:012d}"
    )
    return path.replace("*", stem)


def _copies(dataset: Dataset, index: int, scale: int) -> list[str]:
    assert dataset.lr is not None
    path = _example(dataset, dataset.lr, index, scale)
    if not dataset.name.startswith("div2k"):
        return [path]
    track = dataset.name.split("-")[1]
    marks = {"mild": ["m"], "difficult": ["d"], "wild": ["w"] if "valid" in dataset.name else ["w1", "w2", "w3", "w4"]}
    return [path.replace(".png", f"x{scale}{mark}.png") for mark in marks.get(track, [""])]


@dataclass
class Site:
    """What the server has, how it misbehaves, and what it was asked for."""

    address: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    cuts: list[int] = field(default_factory=list)
    """The next answers end after so many bytes, though they promised more."""
    statuses: list[int] = field(default_factory=list)
    """The next answers are these."""
    takes_ranges: bool = True
    content_type: str = "application/zip"
    asked: list[str] = field(default_factory=list)
    """The Range of each request; empty where all was wanted."""


class Handler(BaseHTTPRequestHandler):
    """Serves ranges, as long as the file is the one whose tag the client knows."""

    site: Site

    def do_GET(self) -> None:
        site = self.site
        wanted = self.headers.get("Range", "")
        site.asked.append(wanted)
        status = site.statuses.pop(0) if site.statuses else 0
        content = site.files.get(self.path.lstrip("/"))
        if status or content is None:
            self.send_error(status or 404)
            return
        tag = f'"{hashlib.md5(content).hexdigest()}"'  # noqa: S324
        known = self.headers.get("If-Range", tag)
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and site.takes_ranges and known == tag else 0
        if start >= len(content):
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{len(content)}")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        self.send_header("Content-Length", str(len(content) - start))
        self.send_header("Content-Type", site.content_type)
        self.send_header("ETag", tag)
        self.end_headers()
        self.wfile.write(content[start:][: site.cuts.pop(0) if site.cuts else None])

    def log_message(self, *_: object) -> None:
        pass
