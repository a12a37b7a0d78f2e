"""`minutia serve`: a page and an API, for those who would rather not type, and for programs."""

from __future__ import annotations

import errno
import re
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from minutia.cli.console import console, left_at_once, plain, remark, stop_on_signal
from minutia.cli.options import Device, Engine, Memory, Precision, Tile, bytes_of
from minutia.errors import MinutiaError, needs_extra

if TYPE_CHECKING:
    from socket import socket

    from minutia.web import Guard, Workshop

EVERYWHERE = {"0.0.0.0", "::"}  # noqa: S104 (told apart, not listened at)
LIMITS = "What is taken on"


def serve(
    host: Annotated[str, typer.Option(metavar="NAME", help="Where to listen; 0.0.0.0 is everywhere.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, metavar="N", help="0 takes any that is free.")] = 8000,
    token: Annotated[
        str | None,
        typer.Option(envvar="MINUTIA_TOKEN", metavar="TEXT", help="What has to be sent along, as a password."),
    ] = None,
    names: Annotated[
        list[str] | None,
        typer.Option("--name", metavar="NAME", help="By which a proxy before it is called; once for each."),
    ] = None,
    open_page: Annotated[bool, typer.Option("--open", help="Show the page in the browser.")] = False,
    max_bytes: Annotated[str, typer.Option(metavar="SIZE", help="Of a file.", rich_help_panel=LIMITS)] = "100M",
    max_pixels: Annotated[
        int, typer.Option(min=1, metavar="N", help="Of a picture, before it is enlarged.", rich_help_panel=LIMITS)
    ] = 2**26,
    max_output_pixels: Annotated[
        int, typer.Option(min=1, metavar="N", help="Of what is made.", rich_help_panel=LIMITS)
    ] = 2**30,
    queue: Annotated[int, typer.Option(min=1, metavar="N", help="Pictures that wait.", rich_help_panel=LIMITS)] = 16,
    timeout: Annotated[
        float, typer.Option(min=1, metavar="SECONDS", help="For one picture.", rich_help_panel=LIMITS)
    ] = 3600,
    keep: Annotated[
        float, typer.Option(min=1, metavar="SECONDS", help="How long results wait.", rich_help_panel=LIMITS)
    ] = 3600,
    tile: Tile = None,
    memory: Memory = None,
    engine: Engine = "auto",
    device: Device = "auto",
    precision: Precision = "auto",
) -> None:
    """Enlarge pictures in the browser, and over HTTP. Nothing leaves this machine.

    One picture is made at a time, in the order in which they come; Ctrl-C ends.
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

    console.print(plain(f"{address}  {workshop.description}; Ctrl-C ends"))
    if guard.token is None and "localhost" not in (guard.hosts or ()):
        remark("Warning: whoever reaches this address may use it; --token asks for a password.", "yellow")
    if open_page:  # In a thread of its own: a browser in the terminal keeps whoever calls it.
        threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()


def _guard(host: str, names: list[str], token: str | None) -> Guard:
    from minutia.web import LOOPBACK, Guard

    if token is not None and not re.fullmatch(r"[!-~]+", token):
        raise typer.BadParameter("It is made of letters, digits and signs of ASCII.", param_hint="--token")
    hosts = (*(LOOPBACK if host in LOOPBACK else ()), *(name.lower() for name in names))
    return Guard(hosts or None, token)


def _listening(host: str, port: int) -> socket:
    """Listen, before a model is loaded: that the place is taken shows sooner."""
    import socket

    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, port), family=family)
    except OSError as error:
        is_taken = error.errno == errno.EADDRINUSE
        why = (error.strerror or str(error)).partition(" (while ")[0]
        hint = "; try --port 0, which takes a free one" if is_taken else ""
        raise MinutiaError(f"{host}:{port} cannot be listened at: {why.lower()}{hint}.") from error
