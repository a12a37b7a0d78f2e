"""Clients of a server, and what they send."""

from __future__ import annotations

import io
import json
import threading
import time
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlencode

import numpy as np
from PIL import Image

from minutia.web import Workshop


def encoded(pixels: np.ndarray, form: str = "PNG", **options: object) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, form, **options)
    return file.getvalue()


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> dict:
        return json.loads(self.body)

    @property
    def detail(self) -> str:
        return self.json["detail"]


@dataclass
class Client:
    port: int
    headers: dict[str, str] = field(default_factory=dict)

    def ask(self, method: str, path: str, body: bytes | None = None, **parameters: object) -> Answer:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.request(method, f"{path}?{urlencode(parameters)}" if parameters else path, body, self.headers)
        answer = connection.getresponse()
        names = {name.lower(): value for name, value in answer.getheaders()}
        found = Answer(answer.status, names, answer.read())
        connection.close()
        return found

    def send(self, body: bytes, **parameters: object) -> str:
        """Send a picture to wait for its turn; give its key."""
        answer = self.ask("POST", "/api/jobs", body, **parameters)
        assert answer.status == 202, answer.body
        assert answer.headers["location"] == f"/api/jobs/{answer.json['id']}"
        return answer.json["id"]

    def await_end(self, key: str) -> dict:
        for _ in range(600):
            job = self.ask("GET", f"/api/jobs/{key}").json
            if job["state"] in {"done", "failed"}:
                return job
            time.sleep(0.02)
        raise AssertionError(job)


@dataclass
class Place:
    """A workshop whose models are all the tiny one, and clients of its server."""

    workshop: Workshop
    client: Client
    gate: threading.Event
    """Models are loaded while it is set: until then a picture that is worked on waits."""

    @property
    def files(self) -> list[Path]:
        return [path for path in Path(self.workshop.folder).rglob("*") if path.is_file()]
