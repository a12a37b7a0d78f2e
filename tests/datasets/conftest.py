"""A server on this machine, and pictures that show different things."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import ThreadingHTTPServer

import numpy as np
import pytest
from helpers_datasets import Handler, Site
from PIL import Image
from skimage import data

from minutia.datasets.fetch import Patience


@pytest.fixture(scope="session")
def scenes() -> list[np.ndarray]:
    """Four (128, 160, 3) uint8 pictures that show different things, without blocks of a JPEG."""
    whole = Image.fromarray(data.astronaut()).resize((384, 384), Image.Resampling.LANCZOS)
    parts = [(0, 0), (200, 10), (30, 200), (220, 230)]
    return [np.asarray(whole.crop((x, y, x + 160, y + 128))) for x, y in parts]


@pytest.fixture
def quick() -> Patience:
    return Patience(timeout_seconds=2.0, num_tries=3, pause_seconds=0.0)


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """A server on this machine."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    served = Site()
    handler = type("SiteHandler", (Handler,), {"site": served})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        served.address = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield served
        server.shutdown()
        thread.join()
