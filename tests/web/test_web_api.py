"""What is asked over HTTP, and what is answered."""

from __future__ import annotations

import io
import json
import re
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from helpers_web import Client, Place, encoded
from PIL import Image

from minutia.upscaler import Upscaler
from minutia.web import Guard
from minutia.web.app import FOLDER

DOC = Path(__file__).parents[2] / "docs" / "api.md"


@pytest.fixture
def small(photo: np.ndarray) -> np.ndarray:
    return photo[:24, :32]


def test_who_waits_gets_the_large_picture(place: Place, small: np.ndarray, tiny_model: Path) -> None:
    answer = place.client.ask("POST", "/api/upscale", encoded(small), name="photo.png")
    assert answer.status == 200
    assert answer.headers["content-type"] == "image/png"
    assert answer.headers["content-disposition"] == 'attachment; filename="photo_x4.png"'
    expected = Upscaler(tiny_model, device="cpu", precision="fp32").upscale(small)
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(answer.body))), expected)
    time.sleep(0.2)
    assert place.files == []  # Nobody knows its key.


def test_a_picture_is_sent_and_fetched_and_forgotten(place: Place, small: np.ndarray) -> None:
    client = place.client
    key = client.send(encoded(small, "JPEG", dpi=(72, 72)), format="webp", scale=3, strip="true")
    job = client.await_end(key)
    assert job["error"] is None
    assert (job["before"], job["after"], job["progress"]) == ([32, 24], [96, 72], 1)
    assert (job["name"], job["model"]) == ("picture_x3.webp", "minutia-x4-photo")
    for _ in range(2):
        answer = client.ask("GET", f"/api/jobs/{key}/picture")
        assert (answer.status, answer.headers["content-type"]) == (200, "image/webp")
    head = client.ask("HEAD", f"/api/jobs/{key}/picture")
    assert (head.status, head.headers["content-length"], head.body) == (200, str(len(answer.body)), b"")
    assert Image.open(io.BytesIO(answer.body)).size == (96, 72)
    assert client.ask("DELETE", f"/api/jobs/{key}").status == 204
    for method, path in (("GET", ""), ("GET", "/picture"), ("DELETE", "")):
        answer = client.ask(method, f"/api/jobs/{key}{path}")
        assert answer.status == 404
        assert answer.detail == "No such picture; results are kept for 60 minutes."
    assert place.files == []


def test_a_file_is_what_its_content_says_where_its_name_does_not(place: Place, small: np.ndarray) -> None:
    names = {"": "picture_x4.jpg", "a/../b": "b_x4.jpg", "c.PNG": "c_x4.PNG", "d.xyz": "d.xyz_x4.jpg"}
    made = [place.client.await_end(place.client.send(encoded(small, "JPEG"), name=name))["name"] for name in names]
    assert made == list(names.values())


@pytest.mark.parametrize(
    ("parameters", "sentence"),
    [
        ({"model": "nothing"}, "There is no model called nothing; /api/models lists the available ones."),
        ({"model": "/etc"}, "There is no model called /etc; /api/models lists the available ones."),
        (
            {"model": "srresnet-x4", "strength": 0.5},
            "The model srresnet-x4 has no model to blend with; leave out strength.",
        ),
        ({"scale": 0.5}, "scale must be at least 1, not 0.5; Minutia does not downscale."),
        ({"scale": 2, "width": 9}, "scale and width cannot be combined, since the aspect ratio is kept; "),
        ({"long_side": -1}, "long_side must be a positive number, not -1."),
        (
            {"width": 20},
            "picture.png: A picture of 32x24 would become smaller; Minutia does not downscale.",
        ),
        ({"format": "xyz"}, "There is no format xyz; known are png, "),
        ({"quality": 0}, "quality: input should be greater than or equal to 1."),
        ({"strength": "high"}, "strength: input should be a valid number"),
        ({"colour": "red"}, "colour: unknown parameter; known are name, model, scale, width, "),
        ({"scale": 50}, "picture.png would have 2 megapixels, more than the limit of 1."),
        ({"scale": 1e200}, "scale: input should be less than or equal to 1000000000."),
        ({"width": "nan"}, "width: input should be a finite number."),
        ({"fit": "9" * 400 + "x9"}, "fit: string should have at most 20 characters."),
        (
            {"width": 70_000, "format": "jpg"},
            "picture_w70000.jpg would have 70000x52500 pixels, more than JPEG can hold",
        ),
    ],
)
def test_wishes_that_cannot_be_met_are_refused_in_a_sentence(
    serving: Callable[..., object], small: np.ndarray, parameters: dict[str, object], sentence: str
) -> None:
    with serving(max_output_pixels=10**6) as place:
        answer = place.client.ask("POST", "/api/jobs", encoded(small), **parameters)
        assert answer.status == 422
        assert answer.detail.startswith(sentence)
        assert place.files == []


def test_files_that_are_no_pictures_are_refused(place: Place, small: np.ndarray) -> None:
    for body, sentence in ((b"", "The request has no body; "), (b"GIF8 nothing", "picture is damaged")):
        answer = place.client.ask("POST", "/api/upscale", body)
        assert answer.status == 422
        assert answer.detail.startswith(sentence)
    answer = place.client.ask("POST", "/api/upscale", encoded(small, "TIFF"), name="a.dng")
    assert (answer.status, answer.detail[:26]) == (422, "a.dng is a camera raw file")
    half = encoded(np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8), "JPEG")[:2000]
    job = place.client.await_end(place.client.send(half, name="half.jpg"))
    assert (job["state"], job["after"]) == ("failed", None)
    assert job["error"].startswith("half.jpg ")
    assert str(place.workshop.folder) not in job["error"]
    answer = place.client.ask("GET", f"/api/jobs/{job['id']}/picture")
    assert (answer.status, answer.detail) == (409, job["error"])
    answer = place.client.ask("POST", "/api/upscale", half, name="half.jpg")
    assert (answer.status, answer.detail) == (422, job["error"])


def test_no_more_is_taken_than_is_allowed(serving: Callable[..., object], small: np.ndarray) -> None:
    with serving(max_bytes=5000, max_pixels=1000) as place:
        for count in (5001, 2**25):  # A connection that is closed too soon would be all that the client sees.
            answer = place.client.ask("POST", "/api/jobs", bytes(count))
            assert (answer.status, answer.detail) == (413, "The limit is 5,000 bytes.")
        with socket.create_connection(("127.0.0.1", place.client.port)) as raw:  # Which does not say how much comes.
            raw.sendall(b"POST /api/jobs HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n")
            raw.sendall((b"fa0\r\n" + bytes(4000) + b"\r\n") * 2)
            assert raw.recv(4096).startswith(b"HTTP/1.1 413 ")
        assert place.client.ask("POST", "/api/jobs", encoded(small)).status == 202
        answer = place.client.ask("POST", "/api/jobs", encoded(np.zeros((40, 40), np.uint8)))
        assert answer.status == 422
        assert answer.detail == "picture.png has 40x40 pixels, more than the limit of 1,000."


def test_pictures_wait_for_their_turn_and_too_many_are_refused(
    serving: Callable[..., object], small: np.ndarray
) -> None:
    with serving(max_waiting=1) as place:
        place.gate.clear()
        first = place.client.send(encoded(small), tta="true")
        while place.client.ask("GET", f"/api/jobs/{first}").json["state"] == "waiting":
            time.sleep(0.01)
        second = place.client.send(encoded(small))
        waiting = place.client.ask("GET", f"/api/jobs/{second}").json
        assert (waiting["state"], waiting["queue_position"]) == ("waiting", 1)
        assert place.client.ask("GET", f"/api/jobs/{second}/picture").status == 409
        assert place.client.ask("GET", "/api/status").json["num_waiting"] == 1
        refused = place.client.ask("POST", "/api/jobs", bytes(2**25))
        assert (refused.status, refused.headers["retry-after"]) == (429, "10")
        assert refused.detail == "The queue is full; try again later."
        place.gate.set()
        assert place.client.await_end(second)["state"] == "done"
        assert place.client.ask("GET", f"/api/jobs/{first}").json["state"] == "done"


def test_a_form_is_told_to_be_none(place: Place, small: np.ndarray) -> None:
    client = Client(place.client.port, {"Content-Type": "multipart/form-data; boundary=x"})
    answer = client.ask("POST", "/api/upscale", encoded(small))
    assert (answer.status, answer.detail[:39]) == (415, "Send the picture as the whole body, not")


def test_what_is_lost_is_told(place: Place, small: np.ndarray) -> None:
    clear = np.dstack([small, np.full(small.shape[:2], 99, np.uint8)])
    job = place.client.await_end(place.client.send(encoded(clear), name="a.png", format="jpg"))
    assert job["warnings"] == ["a_x4.jpg: JPEG cannot keep transparency (it is blended with white)."]
    answer = place.client.ask("POST", "/api/upscale", encoded(clear), name="ü.png", format="jpg")
    assert json.loads(answer.headers["minutia-warnings"]) == [job["warnings"][0].replace("a_x4", "ü_x4")]
    assert "minutia-warnings" not in place.client.ask("POST", "/api/upscale", encoded(small)).headers
    job = place.client.await_end(place.client.send(encoded(small), name="a.png", quality=50))
    assert job["warnings"] == ["quality applies to JPEG, WebP and AVIF only and has no effect here."]


def test_all_pages_count(serving: Callable[..., object], photo: np.ndarray) -> None:
    """A small first page does not hide what comes behind it."""
    pages = [Image.fromarray(photo[:8, :8]), Image.fromarray(photo)]
    file = io.BytesIO()
    pages[0].save(file, "TIFF", save_all=True, append_images=pages[1:])
    with serving(max_output_pixels=16 * 96 * 112) as place:
        answer = place.client.ask("POST", "/api/jobs", file.getvalue(), scale=3.9)
        assert answer.status == 202
        answer = place.client.ask("POST", "/api/jobs", file.getvalue())
        assert answer.detail == "picture.tif would have 0 megapixels, more than the limit of 0."
        assert place.client.ask("POST", "/api/jobs", file.getvalue(), format="png").status == 202  # Of the first alone.
    with serving(max_pixels=2 * 96 * 112 - 1) as place:
        answer = place.client.ask("POST", "/api/jobs", file.getvalue())
        assert answer.detail == "picture.tif has 112x96 pixels in 2 frames, more than the limit of 21,503."


def head(length: int) -> bytes:
    """What is sent before a picture."""
    return b"POST /api/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % length


def test_a_picture_that_stops_coming_is_given_up(
    serving: Callable[..., object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("minutia.web.routes.PATIENCE_SECONDS", 0.2)
    with (
        serving(max_waiting=1) as place,
        socket.create_connection(("127.0.0.1", place.client.port)) as stalled,
    ):
        stalled.sendall(head(99) + b"P")
        assert stalled.recv(4096).startswith(b"HTTP/1.1 408 ")
        assert place.files == []


def test_a_picture_that_comes_by_drops_is_given_up(
    serving: Callable[..., object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("minutia.web.routes.PATIENCE_SECONDS", 0.5)
    with (
        serving(max_waiting=1) as place,
        socket.create_connection(("127.0.0.1", place.client.port), timeout=0.1) as slow,
    ):
        slow.sendall(head(99))
        for _ in range(50):
            slow.sendall(b"P")
            with suppress(TimeoutError):
                assert slow.recv(4096).startswith(b"HTTP/1.1 408 ")
                break
        else:
            raise AssertionError


def test_who_hangs_up_before_the_answer_leaves_nothing(place: Place, small: np.ndarray) -> None:
    place.gate.clear()
    first = place.client.send(encoded(small))  # Which keeps the others waiting.
    body = encoded(small)
    with socket.create_connection(("127.0.0.1", place.client.port)) as hasty:
        hasty.sendall(head(len(body)) + body)
    for _ in range(100):
        time.sleep(0.05)
        if len(place.files) == 1:
            break
    assert len(place.files) == 1
    place.gate.set()
    assert place.client.await_end(first)["state"] == "done"


def test_whoever_sends_much_is_told_what_is_wrong(serving: Callable[..., object]) -> None:
    much = bytes(12 * 10**6)
    with serving(Guard(token="sesame")) as place:  # noqa: S106 (of this test alone)
        known = replace(place.client, headers={"Authorization": "Bearer sesame"})
        assert place.client.ask("POST", "/api/upscale", much).detail == "The token is missing or wrong."
        assert known.ask("POST", "/api/upscale", much, qualty=90).detail.startswith("qualty: unknown parameter")
        assert known.ask("POST", "/api/nothing", much).status == 404
        assert known.ask("POST", "/api/upscale", much).status == 422


def test_models_are_told(place: Place) -> None:
    models = {model["name"]: model for model in place.client.ask("GET", "/api/models").json}
    assert [name for name, model in models.items() if model["is_default"]] == ["minutia-x4-photo"]
    assert models["minutia-x4"]["has_strength"]
    assert not models["minutia-x4"]["has_denoise"]
    assert place.client.ask("GET", "/openapi.json").json["info"]["title"] == "Minutia"


def test_pages_of_other_places_may_not_ask(place: Place) -> None:
    def status(**headers: str) -> int:
        client = Client(place.client.port, {name.replace("_", "-"): value for name, value in headers.items()})
        return client.ask("GET", "/api/status").status

    here = f"127.0.0.1:{place.client.port}"
    assert (
        status() == status(Host="localhost") == status(Host="[::1]:80") == status(Sec_Fetch_Site="same-origin") == 200
    )
    assert status(Origin=f"http://{here}") == 200
    assert status(Host="evil.example") == status(Host="") == status(Host="[::1") == 403
    assert status(Origin="http://evil.example") == status(Origin="null") == status(Sec_Fetch_Site="cross-site") == 403
    assert status(Origin="http://[x") == 403


def test_a_token_is_asked_for(serving: Callable[..., object]) -> None:
    with serving(Guard(hosts=None, token="sesame")) as place:  # noqa: S106 (of this test alone)
        assert place.client.ask("GET", "/").status == 200
        for given in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "sesame"}):
            answer = replace(place.client, headers=given).ask("GET", "/api/models")
            assert (answer.status, answer.headers["www-authenticate"]) == (401, "Bearer")
        known = replace(place.client, headers={"Authorization": "Bearer sesame", "Host": "any.example"})
        assert known.ask("GET", "/api/models").status == 200
        lower = replace(known, headers={"Authorization": "bearer sesame"})
        assert lower.ask("GET", "/api/models").status == 200


def test_the_page_needs_nothing_from_elsewhere(place: Place) -> None:
    kinds = {".html": "text/html", ".css": "text/css", ".js": "text/javascript"}
    parts = {f"/{path.name}": kinds[path.suffix] for path in FOLDER.iterdir()}
    for path, kind in {"/": "text/html", **parts}.items():
        answer = place.client.ask("GET", path)
        assert answer.headers["content-type"].startswith(kind)
        assert answer.headers["content-security-policy"].startswith("default-src 'self';")
        assert b"://" not in answer.body
        assert place.client.ask("HEAD", path).status == 200
    for path in ("/app.py", "/page", "/..%2fapp.py", "/%2e%2e/app.py"):
        assert place.client.ask("GET", path).status == 404


def test_the_example_for_python_runs(
    place: Place, small: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (example,) = re.findall(r"```python\n(.*?)```", DOC.read_text(encoding="utf-8"), re.DOTALL)
    monkeypatch.chdir(tmp_path)
    Path("photo.jpg").write_bytes(encoded(small, "JPEG"))
    # All models are the tiny one here, which is of x4.
    exec(example.replace("8000", str(place.client.port)).replace("scale=2", "scale=3"))  # noqa: S102 (our own words)
    with Image.open("large.jpg") as large:
        assert (large.format, large.size) == ("JPEG", (96, 72))


def test_every_address_is_described(place: Place) -> None:
    described = place.client.ask("GET", "/openapi.json").json["paths"]
    assert set(described) == {address.replace("ID", "{key}") for address in re.findall(r"/api/[\w/]+", DOC.read_text())}


def test_every_refusal_is_described_as_it_is(place: Place) -> None:
    described = place.client.ask("GET", "/openapi.json").json
    assert "HTTPValidationError" not in described["components"]["schemas"]
    assert "securitySchemes" not in described["components"]
    for method, path, code in (("POST", "jobs", 422), ("POST", "upscale", 422), ("GET", "jobs/{key}/picture", 404)):
        answer = place.client.ask(method, f"/api/{path}")
        assert (answer.status, list(answer.json)) == (code, ["detail"])
        told = described["paths"][f"/api/{path}"][method.lower()]["responses"][str(code)]["content"]
        assert told["application/json"]["schema"]["$ref"].endswith("/Trouble")
    assert place.client.ask("POST", "/api/jobs").detail.startswith("The request has no body")


def test_a_token_is_described(serving: Callable[..., object]) -> None:
    with serving(Guard(token="sesame")) as place:  # noqa: S106 (of this test alone)
        described = place.client.ask("GET", "/openapi.json").json
        assert described["components"]["securitySchemes"] == {"HTTPBearer": {"type": "http", "scheme": "bearer"}}
        assert described["paths"]["/api/status"]["get"]["security"] == [{"HTTPBearer": []}]


@pytest.mark.parametrize(("form", "kind"), [("tiff", "image/tiff"), ("jp2", "image/jp2"), ("avif", "image/avif")])
def test_what_is_made_is_called_what_it_is(place: Place, small: np.ndarray, form: str, kind: str) -> None:
    assert place.client.ask("POST", "/api/upscale", encoded(small), format=form).headers["content-type"] == kind
