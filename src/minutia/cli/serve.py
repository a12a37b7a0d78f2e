"""`minutia serve`: a web page and an HTTP API."""

from __future__ import annotations

import errno
import re
from functools import partial
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from minutia.cli.console import console, left_at_once, plain, remark, stop_on_signal
from minutia.cli.options import Device, Engine, Memory, Precision, Tile, bytes_of
from minutia.errors import MinutiaError, needs_extra

if TYPE_CHECKING:
    from socket import socket

    from minutia.web import Guard, Workshop

EVERYWHERE = {"0.0.0.0", "::"}  # noqa: S104 (told apart, not listened at)
LIMITS = "Limits"


Host: TypeAlias = Annotated[
    str, typer.Option(metavar="NAME", help="Address to listen on; 0.0.0.0 listens on all interfaces.")
]
Port: TypeAlias = Annotated[
    int, typer.Option(min=0, max=65535, metavar="N", help="Port to listen on; 0 takes any free port.")
]
Token: TypeAlias = Annotated[
    str | None,
    typer.Option(envvar="MINUTIA_TOKEN", metavar="TEXT", help="Token that every request must send, like a password."),
]
Names: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        "--allowed-host",
        metavar="NAME",
        help="Host name under which a proxy in front of the server is reached; may be repeated.",
    ),
]
MaxBytes: TypeAlias = Annotated[
    str, typer.Option(metavar="SIZE", help="Largest file that is accepted.", rich_help_panel=LIMITS)
]
MaxPixels: TypeAlias = Annotated[
    int, typer.Option(min=1, metavar="N", help="Most pixels of an input picture.", rich_help_panel=LIMITS)
]
MaxOutputPixels: TypeAlias = Annotated[
    int, typer.Option(min=1, metavar="N", help="Most pixels of a result.", rich_help_panel=LIMITS)
]
Queue: TypeAlias = Annotated[
    int, typer.Option(min=1, metavar="N", help="Most pictures that may wait.", rich_help_panel=LIMITS)
]
Timeout: TypeAlias = Annotated[
    float,
    typer.Option(min=1, metavar="SECONDS", help="Longest processing time of one picture.", rich_help_panel=LIMITS),
]
Keep: TypeAlias = Annotated[
    float, typer.Option(min=1, metavar="SECONDS", help="How long a result is kept.", rich_help_panel=LIMITS)
]


def serve(
    host: Host = "127.0.0.1",
    port: Port = 8000,
    token: Token = None,
    names: Names = None,
    open_page: Annotated[bool, typer.Option("--open", help="Open the page in the browser.")] = False,
    max_bytes: MaxBytes = "100M",
    max_pixels: MaxPixels = 2**26,
    max_output_pixels: MaxOutputPixels = 2**30,
    queue: Queue = 16,
    timeout: Timeout = 3600,
    keep: Keep = 3600,
    tile: Tile = None,
    memory: Memory = None,
    engine: Engine = "auto",
    device: Device = "auto",
    precision: Precision = "auto",
) -> None:
    """Enlarge pictures in the browser and over HTTP. Pictures do not leave this machine.

    Pictures are processed one at a time, in the order they arrive. Ctrl-C stops the server.
    """
    from minutia.upscaler import Upscaler

    with needs_extra("minutia serve", "web"):
        from minutia.web import Bounds, Workshop, create_app, run
    guard = _guard(host, names or [], token)
    load = partial(Upscaler, tile=tile, engine=engine, device=device, precision=precision)
    bounds = Bounds(
        max_bytes=bytes_of(max_bytes, "--max-bytes") or 0,
        max_pixels=max_pixels,
        max_output_pixels=max_output_pixels,
        max_waiting=queue,
        seconds=timeout,
        keep_seconds=keep,
    )
    with (
        left_at_once(when_done=True),
        _listening(host, port) as listener,
        stop_on_signal() as should_stop,
        Workshop(load, bounds, bytes_of(memory, "--memory")) as workshop,
    ):
        _tell(_address(host, listener), workshop, guard, open_page=open_page)
        run(create_app(workshop, guard), listener, should_stop)


def _address(host: str, listener: socket) -> str:
    import socket

    name = socket.gethostname() if host in EVERYWHERE else f"[{host}]" if ":" in host else host
    return f"http://{name}:{listener.getsockname()[1]}/"


def _tell(address: str, workshop: Workshop, guard: Guard, *, open_page: bool) -> None:
    import threading
    import webbrowser

    console.print(plain(f"{address}  {workshop.description}; Ctrl-C stops the server"))
    if guard.token is None and "localhost" not in (guard.hosts or ()):
        remark("Warning: everyone who can reach this address can use the server; --token sets a password.", "yellow")
    if open_page:  # In a thread of its own: a browser in the terminal keeps whoever calls it.
        threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()


def _guard(host: str, names: list[str], token: str | None) -> Guard:
    from minutia.web import LOOPBACK, Guard

    if token is not None and not re.fullmatch(r"[!-~]+", token):
        raise typer.BadParameter(
            "A token may contain ASCII letters, digits and punctuation only.", param_hint="--token"
        )
    hosts = (*(LOOPBACK if host in LOOPBACK else ()), *(name.lower() for name in names))
    return Guard(hosts or None, token)


def _listening(host: str, port: int) -> socket:
    """Listen before a model is loaded, so that an address in use is reported sooner."""
    import socket

    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, port), family=family)
    except OSError as error:
        is_taken = error.errno == errno.EADDRINUSE
        why = (error.strerror or str(error)).partition(" (while ")[0]
        hint = "; --port 0 takes a free port" if is_taken else ""
        raise MinutiaError(f"Cannot listen on {host}:{port}: {why.lower()}{hint}.") from error
