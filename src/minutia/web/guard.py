"""Access: requests from pages of other origins, from other host names, or without the token are refused."""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from fastapi import HTTPException, Request

LOOPBACK = ("localhost", "127.0.0.1", "::1")
"""Names of this machine for itself."""


@dataclass(frozen=True, slots=True)
class Guard:
    """Checks every request under /api."""

    hosts: tuple[str, ...] | None = LOOPBACK
    """Host names under which this server may be reached; None for any. Any other name may be that of a web page that
    was given this machine's address (DNS rebinding)."""
    token: str | None = None
    """Token that every request must send as `Authorization: Bearer TOKEN`; None for no token."""

    def __call__(self, request: Request) -> None:
        """Let a request pass.

        Raises:
            HTTPException: 403 for another host or origin, 401 without the token.
        """
        host = request.headers.get("host", "")
        if self.hosts is not None and _split(f"//{host}").hostname not in self.hosts:
            raise HTTPException(403, f"Host {host} is not allowed; allowed are {', '.join(self.hosts)}.")
        if not _is_of_this_place(request, host):
            raise HTTPException(403, "Requests from pages of other origins are refused.")
        if self.token is not None:
            scheme, _, given = request.headers.get("authorization", "").partition(" ")
            if scheme.lower() != "bearer" or not hmac.compare_digest(given.encode(), self.token.encode()):
                raise HTTPException(401, "The token is missing or wrong.", {"WWW-Authenticate": "Bearer"})


def _is_of_this_place(request: Request, host: str) -> bool:
    """Tell whether a request does not come from a page of another origin; programs send no origin."""
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    if site is not None:
        return site in {"same-origin", "none"}
    return origin is None or _split(origin).netloc == host


def _split(address: str) -> SplitResult:
    try:
        return urlsplit(address)
    except ValueError:
        return urlsplit("")
