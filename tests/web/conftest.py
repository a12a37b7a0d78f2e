"""A server at work, on a port of this machine."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from helpers_web import Client, Place

from minutia.upscaler import Upscaler
from minutia.web import Bounds, Guard, Workshop, create_app, run


@pytest.fixture
def serving(tiny_model: Path) -> Callable[..., object]:
    @contextmanager
    def start(guard: Guard | None = None, **bounds: float) -> Iterator[Place]:
        gate = threading.Event()
        gate.set()

        def load(model: str, **dials: object) -> Upscaler:
            assert gate.wait(60)
            return Upscaler(tiny_model, device="cpu", precision="fp32", tta=bool(dials["tta"]))

        listener = socket.create_server(("127.0.0.1", 0))
        with listener, Workshop(load, Bounds(**bounds)) as workshop:
            app = create_app(workshop, guard)
            over = threading.Event()
            thread = threading.Thread(target=run, args=(app, listener, over.is_set))
            thread.start()
            try:
                yield Place(workshop, Client(listener.getsockname()[1]), gate)
            finally:
                gate.set()
                over.set()
                thread.join(30)

    return start


@pytest.fixture
def place(serving: Callable[..., object]) -> Iterator[Place]:
    with serving() as place:
        yield place
