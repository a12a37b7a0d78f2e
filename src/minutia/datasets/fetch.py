"""Download a file over HTTP: continued where it stopped, and retried when the network fails."""

from __future__ import annotations

import http.client
import logging
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from email.message import Message
from pathlib import Path

from minutia.datasets.disk import in_bytes, require_space, told
from minutia.errors import DataError
from minutia.types import Progress

logger = logging.getLogger(__name__)

CHUNK_BYTES = 2**16
HEADWAY_BYTES = 2**20
"""A try that brought this much does not count as a failure."""

PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})
"""HTTP statuses that may be another one a moment later."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How a bad network is borne."""

    timeout_seconds: float = 30.0
    """A server that is silent for so long has failed."""
    num_tries: int = 5
    """So many failures in a row, without headway, end the download."""
    pause_seconds: float = 1.0
    """After the first failure; doubled after each."""


def size_of(path: Path) -> int:
    """Tell the size of a file in bytes; 0 where there is none."""
    try:
        return path.stat().st_size
    except OSError:
        return 0


def tag_of(part: Path) -> Path:
    """Tell where the server's mark of the file's version stands, so that two versions are never put together."""
    return part.with_name(f"{part.name}.tag")


def fetch(url: str, part: Path, patience: Patience, progress: Progress) -> None:
    """Fetch a file into `part`, after what an earlier call left of it, until it is complete.

    Args:
        progress: called with (done, total) bytes.

    Raises:
        DataError: the server does not have it, is not reached in spite of several tries, or there is no room.
    """
    if not url.startswith(("http://", "https://")):
        raise DataError(f"{url} is not a valid address; it must begin with http:// or https://.")
    failures = 0
    while True:
        before, cause = size_of(part), None
        try:
            if _fetch_once(url, part, patience.timeout_seconds, progress):
                return
            reason = "the connection ended early"
        except (OSError, http.client.HTTPException) as error:
            cause, reason = error, _passing(error, url, part)
        have = size_of(part)
        failures = 0 if have - before >= HEADWAY_BYTES else failures + 1
        if failures >= patience.num_tries:
            kept = (
                f"{in_bytes(have)} are kept, and the same command continues from there" if have else "try again later"
            )
            raise DataError(f"{url} cannot be downloaded: {reason}; {kept}.") from cause
        pause = patience.pause_seconds * 2 ** max(0, failures - 1)
        logger.warning("%s: %s; trying again in %g s.", part.stem, reason, pause)
        time.sleep(pause)


def _passing(error: Exception, url: str, part: Path) -> str:
    """Say what failed, if it may work a moment later.

    Raises:
        DataError: it will not.
    """
    if not isinstance(error, urllib.error.HTTPError):
        said = error.reason if isinstance(error, urllib.error.URLError) else error
        return (said.strerror if isinstance(said, OSError) else None) or str(said) or type(said).__name__
    reason = f"the server says {error.code} {error.reason}"
    if error.code in PASSING:
        return reason
    raise DataError(
        f"{url} cannot be downloaded: {reason}; if you have the file, put it into {part.parent}."
    ) from error


def _fetch_once(url: str, part: Path, timeout_seconds: float, progress: Progress) -> bool:
    """Ask once for what is missing, and write it down as it comes; tell whether the file is complete."""
    have = size_of(part)
    try:
        # Addresses come from the catalogue or from the user, and are http or https.
        response = urllib.request.urlopen(_request(url, part, have), timeout=timeout_seconds)  # noqa: S310
    except (UnicodeError, ValueError) as error:
        raise DataError(f"{url} is not a valid address; write letters beyond ASCII as %C3%A4.") from error
    except urllib.error.HTTPError as error:
        if error.code != 416:
            raise
        if error.headers.get("Content-Range") == f"bytes */{have}":
            return True
        with told(part):
            part.unlink()  # More than the server has: this was another file.
        return False
    with response:
        _require_archive(url, response.headers)
        if response.status != 206:
            have = 0
        elif not (response.headers.get("Content-Range") or "").startswith(f"bytes {have}-"):
            raise http.client.HTTPException("the server sent another part than it was asked for")
        length = response.headers.get("Content-Length")
        total = None if length is None else have + int(length)
        if total is not None:
            require_space(part.parent, total - have, part.stem)
        return _write_down(response, part, have, total, progress)


def _write_down(
    response: http.client.HTTPResponse, part: Path, have: int, total: int | None, progress: Progress
) -> bool:
    """Append what comes to the part; tell whether all has come."""
    advice = "make room: the same command continues from there"
    with told(part, advice):
        tag_of(part).write_text(_version(response.headers), encoding="utf-8")
        file = part.open("ab" if have else "wb", buffering=0)
    with file:
        while chunk := response.read(CHUNK_BYTES):
            with told(part, advice):
                rest = memoryview(chunk)
                while rest:
                    rest = rest[file.write(rest) :]
            have += len(chunk)
            progress(have, max(total or 0, have))
    return total is None or have >= total


def _request(url: str, part: Path, have: int) -> urllib.request.Request:
    headers = {"User-Agent": "minutia"}
    version = tag_of(part).read_text(encoding="utf-8") if tag_of(part).exists() else None
    if have and version != "":  # Where the server tells no version, what is missing may be of another.
        headers["Range"] = f"bytes={have}-"
    if have and version:
        headers["If-Range"] = version
    return urllib.request.Request(url, headers=headers)  # noqa: S310


def _version(headers: Message) -> str:
    """Take what `If-Range` may ask for: a strong entity tag, else the date."""
    tag = headers.get("ETag") or ""
    return tag if tag.startswith('"') else headers.get("Last-Modified") or ""


def _require_archive(url: str, headers: Message) -> None:
    """Refuse a page that stands where the archive was."""
    if (headers.get("Content-Type") or "").startswith("text/html"):
        raise DataError(f"{url} is a web page, not the archive; open it in a browser and save the file yourself.")
