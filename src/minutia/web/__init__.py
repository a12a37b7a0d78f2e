"""Web page and HTTP API: pictures are sent, wait in a queue, are enlarged, and are fetched.

with Workshop() as workshop:
    app = create_app(workshop)
"""

from __future__ import annotations

from minutia.web.app import create_app
from minutia.web.guard import LOOPBACK, Guard
from minutia.web.server import run
from minutia.web.tasks import Bounds
from minutia.web.workshop import Workshop

__all__ = ["LOOPBACK", "Bounds", "Guard", "Workshop", "create_app", "run"]
