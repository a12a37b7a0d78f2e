"""The HTTP API."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from typing import Annotated, Any, Final, TypeAlias

from fastapi import APIRouter, Depends, HTTPException, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import FileResponse
from PIL import Image
from pydantic import BaseModel
from starlette.background import BackgroundTask
from starlette.requests import ClientDisconnect

from minutia import __version__
from minutia.errors import MinutiaError
from minutia.files import reason
from minutia.image.formats import format_of
from minutia.web.parameters import Parameters
from minutia.web.tasks import Busy, State, Task
from minutia.web.workshop import Workshop
from minutia.zoo.catalog import DEFAULT_MODEL, list_models

PULSE_SECONDS: Final = 0.05
"""How often it is looked whether a picture is made that somebody waits for."""

PATIENCE_SECONDS: Final = 30
"""How long nothing may come of a picture that is being sent."""

SLOWEST: Final = 10_000
"""Bytes a second that come of a picture at the least, counted from its first."""

GONE: Final = "The client has disconnected."

_PICTURE: Final = {"image/*": {"schema": {"type": "string", "format": "binary"}}}
SENT: Final = {"requestBody": {"required": True, "content": _PICTURE}}
MADE: Final[dict[int | str, dict[str, Any]]] = {200: {"content": _PICTURE, "description": "The enlarged picture."}}


class Model(BaseModel):
    """A model that is available by name."""

    name: str
    scale: int
    summary: str
    limits: str
    licence: str
    is_default: bool
    has_strength: bool
    has_denoise: bool


class Status(BaseModel):
    """Engine, length of the queue, and limits."""

    version: str
    engine: str
    num_waiting: int
    max_waiting: int
    max_bytes: int
    max_pixels: int
    max_output_pixels: int


class Job(BaseModel):
    """A picture that was sent, and its state."""

    id: str
    name: str
    """File name of the result."""
    model: str
    state: State
    queue_position: int
    """Pictures ahead of it in the queue."""
    progress: float
    """0 to 1."""
    before: tuple[int, int]
    """Width and height of the input."""
    after: tuple[int, int] | None
    """Width and height of the result."""
    seconds: float
    warnings: list[str]
    """What the output format cannot hold, and settings without effect."""
    error: str | None


def _workshop(request: Request) -> Workshop:
    workshop = request.app.state.workshop
    assert isinstance(workshop, Workshop)
    return workshop


Shop: TypeAlias = Annotated[Workshop, Depends(_workshop)]


class Trouble(BaseModel):
    """An error."""

    detail: str
    """One sentence on the cause."""


def _troubles(*codes: int) -> dict[int | str, dict[str, Any]]:
    return {code: {"model": Trouble} for code in codes}


NOT_TAKEN: Final = _troubles(408, 413, 415, 422, 429, 507)
UNKNOWN: Final = _troubles(404, 422)

api = APIRouter(prefix="/api", responses=_troubles(401, 403))


@api.head("/status", include_in_schema=False)
@api.get("/status")
def status(workshop: Shop) -> Status:
    """Engine, length of the queue, and limits."""
    bounds = workshop.bounds
    return Status(
        version=__version__,
        engine=workshop.description,
        num_waiting=workshop.num_waiting,
        max_waiting=bounds.max_waiting,
        max_bytes=bounds.max_bytes,
        max_pixels=bounds.max_pixels,
        max_output_pixels=bounds.max_output_pixels,
    )


@api.get("/models")
def models() -> list[Model]:
    """List the models that are available by name."""
    return [
        Model(
            name=card.name,
            scale=card.scale,
            summary=card.summary,
            limits=card.limits,
            licence=card.licence,
            is_default=card.name == DEFAULT_MODEL,
            has_strength=bool(card.fidelity),
            has_denoise=bool(card.grain),
        )
        for card in list_models()
    ]


@api.post("/jobs", status_code=202, openapi_extra=SENT, responses=NOT_TAKEN)
async def send(workshop: Shop, request: Request, response: Response, parameters: Annotated[Parameters, Query()]) -> Job:
    """Send a picture as the body of the request; it is put into the queue."""
    task = await _take(request, parameters, workshop)
    if await request.is_disconnected():  # Nobody would learn its key.
        workshop.drop(task)
        raise HTTPException(499, GONE)
    response.headers["Location"] = f"/api/jobs/{task.key}"
    return _job(task, workshop)


@api.get("/jobs/{key}", responses=UNKNOWN)
def look(workshop: Shop, key: str) -> Job:
    """State of a picture that was sent."""
    return _job(_find(key, workshop), workshop)


@api.head("/jobs/{key}/picture", include_in_schema=False)
@api.get("/jobs/{key}/picture", response_class=FileResponse, responses=MADE | UNKNOWN | _troubles(409))
def fetch(workshop: Shop, key: str) -> FileResponse:
    """Fetch the result; may be repeated for as long as it is kept."""
    task = _find(key, workshop)
    if task.state != "done":
        raise HTTPException(409, task.error or "The picture is not made yet.")
    return _picture(task)


@api.delete("/jobs/{key}", status_code=204, responses=UNKNOWN)
def forget(workshop: Shop, key: str) -> None:
    """Cancel a job, or delete its result."""
    workshop.drop(_find(key, workshop))


@api.post("/upscale", openapi_extra=SENT, response_class=FileResponse, responses=MADE | NOT_TAKEN)
async def upscale(workshop: Shop, request: Request, parameters: Annotated[Parameters, Query()]) -> FileResponse:
    """Send a picture and wait for the result; closing the connection cancels the request."""
    task = await _take(request, parameters, workshop)
    try:
        while task.ended is None:
            await asyncio.sleep(PULSE_SECONDS)
            if await request.is_disconnected():
                raise HTTPException(499, GONE)
        if task.error is not None:
            raise HTTPException(422, task.error)
    except BaseException:
        workshop.drop(task)
        raise
    return _picture(task, BackgroundTask(workshop.drop, task))


async def _take(request: Request, parameters: Parameters, workshop: Workshop) -> Task:
    """Keep the body of a request in a file, and take it on.

    Raises:
        HTTPException: 408 and 499 if it does not come, 413 for too large a file, 415 for one that is wrapped in a form,
            429 where too many wait, 507 where the disk is full, 422 for what cannot be made larger.
    """
    max_bytes = workshop.bounds.max_bytes
    too_large = HTTPException(413, f"The limit is {max_bytes:,} bytes.")
    length = request.headers.get("content-length", "0")
    if not length.isdecimal() or int(length) > max_bytes:
        raise too_large
    if request.headers.get("content-type", "").startswith("multipart/"):
        raise HTTPException(415, "Send the picture as the whole body, not as part of a form: curl --data-binary.")
    try:
        with workshop.room() as folder:
            sent, count = folder / "sent", 0
            clock = asyncio.get_running_loop().time
            began = clock()
            async with asyncio.timeout(PATIENCE_SECONDS) as patience:
                with sent.open("wb") as file:
                    async for chunk in request.stream():
                        count += len(chunk)
                        patience.reschedule(min(clock(), began + count / SLOWEST) + PATIENCE_SECONDS)
                        if count > max_bytes:
                            raise too_large
                        file.write(chunk)
            if not count:
                raise HTTPException(422, "The request has no body; send the picture as the body.")
            return await run_in_threadpool(workshop.take, sent, parameters)
    except TimeoutError as error:
        raise HTTPException(408, f"No data for {PATIENCE_SECONDS} seconds, or too little.") from error
    except ClientDisconnect as error:
        raise HTTPException(499, GONE) from error
    except OSError as error:
        raise HTTPException(507, f"The picture cannot be stored: {reason(error)}.") from error
    except Busy as error:
        raise HTTPException(429, str(error), {"Retry-After": "10"}) from error
    except MinutiaError as error:
        raise HTTPException(422, str(error)) from error


async def let_pass(request: Request) -> None:
    """Take what is still sent, and keep nothing: clients that do not ask first listen when they have sent it all."""
    with suppress(TimeoutError, ClientDisconnect, RuntimeError):  # The last where all has come.
        async with asyncio.timeout(0 if "expect" in request.headers else PATIENCE_SECONDS):
            async for _ in request.stream():
                pass


def _find(key: str, workshop: Workshop) -> Task:
    task = workshop.find(key)
    if task is None:
        kept = workshop.bounds.keep_seconds / 60
        raise HTTPException(404, f"No such picture; results are kept for {kept:g} minutes.")
    return task


def _job(task: Task, workshop: Workshop) -> Job:
    (height, width), after = task.order.before, task.after
    return Job(
        id=task.key,
        name=task.result.name,
        model=task.order.card.name,
        state=task.state,
        queue_position=workshop.place_of(task),
        progress=1.0 if task.state == "done" else task.progress,
        before=(width, height),
        after=None if after is None else (after[1], after[0]),
        seconds=task.seconds,
        warnings=list(task.warnings),
        error=task.error,
    )


def _picture(task: Task, afterwards: BackgroundTask | None = None) -> FileResponse:
    Image.init()
    kind = Image.MIME[format_of(task.result).name]
    headers = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
    if task.warnings:
        headers["Minutia-Warnings"] = json.dumps(task.warnings)
    try:
        facts = task.result.stat()
    except OSError as error:  # It was forgotten a moment ago, or somebody has cleared up.
        raise HTTPException(404, "The picture was deleted.") from error
    return FileResponse(task.result, 200, headers, kind, afterwards, task.result.name, facts)
