"""`minutia serve`: a page and an API, for those who would rather not type, and for programs."""

from __future__ import annotations

import os
import re
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from minutia.cli.console import console, left_at_once, plain, remark, stop_on_signal
from minutia.cli.options import Device, Engine, Memory, Precision, Tile, bytes_of
from minutia.errors import MinutiaError, MissingExtra

if TYPE_CHECKING:
    from socket import socket

    from minutia.web import Workshop

LIMITS = "What is taken on"


def serve(
    host: Annotated[str, typer.Option(metavar="NAME", help="Where to listen; 0.0.0.0 is everywhere.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, metavar="N", help="0 takes any that is free.")] = 8000,
    token: Annotated[
        str | None,
        typer.Option(envvar="MINUTIA_TOKEN", metavar="TEXT", help="What has to be sent along, as a password."),
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
    """Enlarge pictures for a page in the browser, and for programs that ask over HTTP. Nothing leaves this machine.

    One picture is made at a time, in the order in which they come; Ctrl-C ends.
    """
    try:
        from minutia.web import Bounds, Workshop
    except ImportError as error:
        raise MissingExtra("minutia serve", "web") from error
    from minutia.upscaler import Upscaler

    if token is not None and not re.fullmatch(r"[!-~]+", token):
        raise typer.BadParameter("It is made of letters, digits and signs of ASCII.", param_hint="--token")
    bounds = Bounds(
        max_bytes=bytes_of(max_bytes, "--max-bytes") or 0,
        max_pixels=max_pixels,
        max_output_pixels=max_output_pixels,
        max_waiting=queue,
        seconds=timeout,
        keep_seconds=keep,
    )
    load = partial(Upscaler, tile=tile, engine=engine, device=device, precision=precision)
    # The port is asked for first: that it is taken shows sooner than a model is loaded.
    with (
        left_at_once(),
        _listening(host, port) as listener,
        Workshop(load, bounds, bytes_of(memory, "--memory")) as workshop,
    ):
        _answer(listener, workshop, host, token, open_page=open_page)


def _answer(listener: socket, workshop: Workshop, host: str, token: str | None, *, open_page: bool) -> None:
    from minutia.web import LOOPBACK, Guard, create_app, run

    address = f"http://{f'[{host}]' if ':' in host else host}:{listener.getsockname()[1]}/"
    console.print(plain(f"{address}  {workshop.description}; Ctrl-C ends"))
    is_private = host in LOOPBACK
    if not (is_private or token):
        remark("Warning: whoever reaches this address may use it; --token asks for a password.", "yellow")
    if open_page:
        import webbrowser

        webbrowser.open(address)
    with stop_on_signal() as should_stop:
        run(create_app(workshop, Guard(LOOPBACK if is_private else None, token)), listener, should_stop)


def _listening(host: str, port: int) -> socket:
    import socket

    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, port), family=family)
    except OSError as error:
        hint = "; try --port 0, which takes a free one" if port else ""
        why = (os.strerror(error.errno) if error.errno else str(error)).lower()  # Its own words name the place again.
        raise MinutiaError(f"{host}:{port} cannot be listened at: {why}{hint}.") from error
