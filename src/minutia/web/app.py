"""The application: the API with its access rules, and the page that uses it."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from fastapi import APIRouter, Depends, FastAPI, HTTPException, Request
from fastapi.exception_handlers import http_exception_handler
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse, Response
from fastapi.security import HTTPBearer
from starlette.exceptions import HTTPException as StarletteHTTPException

from minutia import __version__
from minutia.web.guard import Guard
from minutia.web.parameters import Parameters
from minutia.web.routes import api, let_pass
from minutia.web.workshop import Workshop

FOLDER: Final = Path(__file__).parent / "page"
FILES: Final = {"page.html": "text/html", "page.css": "text/css"} | dict.fromkeys(
    ("page.js", "dom.js", "entries.js", "server.js", "view.js", "settings.js"), "text/javascript"
)
"""And what they are: what the system believes of suffixes may be anything."""

HEADERS: Final = {
    "Content-Security-Policy": "default-src 'self'; img-src 'self' blob: data:; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}

page = APIRouter(include_in_schema=False)


@page.api_route("/{name}", methods=["GET", "HEAD"])
def part(name: str) -> FileResponse:
    """Give a file of the page."""
    if name not in FILES:
        raise HTTPException(404, f"There is no file {name} on this server.")
    return FileResponse(FOLDER / name, headers=HEADERS, media_type=FILES[name])


@page.api_route("/", methods=["GET", "HEAD"])
def whole() -> FileResponse:
    """Give the page."""
    return part("page.html")


def create_app(workshop: Workshop, guard: Guard | None = None) -> FastAPI:
    """Make the application, for any ASGI server. Whoever opened the workshop closes it."""
    # FastAPI's own pages of documentation would fetch their programs from elsewhere; /openapi.json stays.
    app = FastAPI(
        title="Minutia",
        version=__version__,
        description="Image super-resolution.",
        docs_url=None,
        redoc_url=None,
    )
    app.state.workshop = workshop
    app.add_exception_handler(RequestValidationError, _tell_what_is_wrong)
    app.add_exception_handler(StarletteHTTPException, _refuse)
    guard = guard or Guard()
    scheme = [] if guard.token is None else [Depends(HTTPBearer(auto_error=False))]  # For /openapi.json alone.
    app.include_router(api, dependencies=[*scheme, Depends(guard)])
    app.include_router(page)
    return app


async def _refuse(request: Request, error: Exception) -> Response:
    """Answer once the client listens."""
    assert isinstance(error, StarletteHTTPException)
    if error.status_code not in {408, 499}:  # Of which nothing comes any more.
        await let_pass(request)
    return await http_exception_handler(request, error)


async def _tell_what_is_wrong(request: Request, error: Exception) -> JSONResponse:
    """Say in a sentence what FastAPI says in a table."""
    await let_pass(request)
    assert isinstance(error, RequestValidationError)
    known = ", ".join(Parameters.model_fields)
    unknown = f"unknown parameter; known are {known}"
    words = "; ".join(
        f"{each['loc'][-1]}: {unknown if each['type'] == 'extra_forbidden' else each['msg'].lower()}"
        for each in error.errors()
    )
    return JSONResponse({"detail": f"{words}."}, 422)
