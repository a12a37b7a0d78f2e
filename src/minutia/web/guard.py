"""Who may ask: pages of other places that a browser shows may not, nor who does not know the token."""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from fastapi import HTTPException, Request

LOOPBACK = ("localhost", "127.0.0.1", "::1")
"""Names of this machine for itself."""


@dataclass(frozen=True, slots=True)
class Guard:
    """Stands before everything under /api."""

    hosts: tuple[str, ...] | None = LOOPBACK
    """Names by which this server may be called; None for any. Another name means that somebody has lent a page of the
    web this machine's address (DNS rebinding)."""
    token: str | None = None
    """What has to be sent as `Authorization: Bearer TOKEN`; None for nothing."""

    def __call__(self, request: Request) -> None:
        """Let a request pass.

        Raises:
            HTTPException: 403 for another host or origin, 401 without the token.
        """
        host = request.headers.get("host", "")
        if self.hosts is not None and _split(f"//{host}").hostname not in self.hosts:
            raise HTTPException(403, f"This server is not called {host}; its names are {', '.join(self.hosts)}.")
        if not _is_of_this_place(request, host):
            raise HTTPException(403, "Pages of other places may not ask here.")
        if self.token is not None:
            scheme, _, given = request.headers.get("authorization", "").partition(" ")
            if scheme.lower() != "bearer" or not hmac.compare_digest(given.encode(), self.token.encode()):
                raise HTTPException(401, "The token is missing or another one.", {"WWW-Authenticate": "Bearer"})


def _is_of_this_place(request: Request, host: str) -> bool:
    """Tell whether no page of another place asks; programs say nothing about pages."""
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    if site is not None:
        return site in {"same-origin", "none"}
    return origin is None or _split(origin).netloc == host


def _split(address: str) -> SplitResult:
    try:
        return urlsplit(address)
    except ValueError:
        return urlsplit("")
