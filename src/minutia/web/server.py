"""Run the application until it is told to stop."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable

import uvicorn
from fastapi import FastAPI

PATIENCE_SECONDS = 2
"""For those who still wait for an answer when it ends."""

PULSE_SECONDS = 0.1
"""How often it is asked whether to stop."""


def run(app: FastAPI, listener: socket.socket, should_stop: Callable[[], bool]) -> None:
    """Answer whoever connects, until `should_stop` is true."""
    server = uvicorn.Server(
        uvicorn.Config(
            app, log_level="warning", access_log=False, server_header=False, timeout_graceful_shutdown=PATIENCE_SECONDS
        )
    )
    # In a thread of its own, where uvicorn leaves signals alone: its way with them ends the process before others can
    # clear up.
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, name="server", daemon=True)
    thread.start()
    while thread.is_alive() and not should_stop():
        thread.join(PULSE_SECONDS)
    server.should_exit = True
    thread.join()
