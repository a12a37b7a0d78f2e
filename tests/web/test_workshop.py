"""Pictures that are given up, fail, or are kept."""

from __future__ import annotations

import logging
import socket
import time
from collections.abc import Callable
from pathlib import Path
from unittest.mock import Mock

import pytest
from helpers_web import Place, encoded

from minutia.upscaler import Upscaler
from minutia.web import Bounds, Workshop
from minutia.web.maker import _told_to
from minutia.web.parameters import Parameters, plain_name


@pytest.fixture
def body(photo: object) -> bytes:
    return encoded(photo[:24, :32])


def wait_until(is_so: Callable[[], bool]) -> None:
    for _ in range(500):
        if is_so():
            return
        time.sleep(0.02)
    raise AssertionError


def test_what_nobody_wants_any_more_is_not_made(place: Place, body: bytes) -> None:
    place.gate.clear()
    working = place.client.send(body, tta="true")
    wait_until(lambda: place.client.ask("GET", f"/api/jobs/{working}").json["state"] == "working")
    waiting = place.client.send(body)
    for key in (waiting, working):
        assert place.client.ask("DELETE", f"/api/jobs/{key}").status == 204
    place.gate.set()
    assert place.client.await_end(place.client.send(body))["state"] == "done"
    assert {path.parent.name for path in place.files} & {working, waiting} == set()


def test_who_hangs_up_gives_the_picture_up(place: Place, body: bytes) -> None:
    place.gate.clear()
    place.client.send(body, tta="true")
    wait_until(lambda: place.workshop.num_waiting == 0)
    with socket.create_connection(("127.0.0.1", place.client.port)) as raw:
        head = f"POST /api/upscale HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n"
        raw.sendall(head.encode() + body)
        wait_until(lambda: place.workshop.num_waiting == 1)
    wait_until(lambda: place.workshop.num_waiting == 0)


def test_a_picture_that_takes_too_long_is_given_up(serving: Callable[..., object], body: bytes) -> None:
    with serving(seconds=-1) as place:
        job = place.client.await_end(place.client.send(body))
        assert job["error"] == "Processing took longer than -1 seconds and was cancelled."


def test_a_picture_hears_of_itself_and_not_of_models() -> None:
    task = Mock(warnings=[])
    with _told_to(task):
        logging.getLogger("minutia.zoo.catalog").warning("A card is broken.")
        logging.getLogger("minutia.image.io").warning("A profile is lost.")
    assert task.warnings == ["A profile is lost."]


def test_results_are_kept_for_a_while_and_not_too_many(
    serving: Callable[..., object], body: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(max_kept=1) as place:
        first, second = place.client.send(body), place.client.send(body)
        assert place.client.await_end(second)["state"] == "done"
        assert place.client.ask("GET", f"/api/jobs/{first}").status == 404
        assert [path.parent.name for path in place.files] == [second]  # And not what it was made of.
    with serving(max_kept_bytes=1) as place:
        first, second = place.client.send(body), place.client.send(body)
        assert place.client.await_end(second)["state"] == "done"
        assert place.client.ask("GET", f"/api/jobs/{first}").status == 404
        assert place.client.ask("GET", f"/api/jobs/{second}/picture").status == 200
    monkeypatch.setattr("minutia.web.workshop.PULSE_SECONDS", 0.1)
    with serving(keep_seconds=0.3) as place:
        place.client.send(body)
        wait_until(lambda: place.files == [])


def test_an_error_that_nobody_foresaw_ends_one_picture_alone(
    place: Place, body: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(model: str, **dials: object) -> Upscaler:
        raise RuntimeError("the roof fell in")

    maker = place.workshop._maker
    maker._load, load = fail, maker._load
    job = place.client.await_end(place.client.send(body, name="a.png", tta="true"))
    assert job["error"] == "The picture could not be processed because of an unexpected error; see the server's log."
    assert ("minutia.web.workshop", logging.ERROR, "a.png was not made.") in caplog.record_tuples
    maker._load = load
    assert place.client.await_end(place.client.send(body))["state"] == "done"


def test_a_folder_that_was_cleared_away_is_made_again(place: Place, body: bytes) -> None:
    place.workshop.folder.rmdir()
    assert place.client.await_end(place.client.send(body))["state"] == "done"
    assert place.workshop.folder.stat().st_mode & 0o777 == 0o700


def test_a_picture_that_is_gone_is_told(place: Place, body: bytes) -> None:
    key = place.client.send(body)
    place.client.await_end(key)
    place.files[0].unlink()
    answer = place.client.ask("GET", f"/api/jobs/{key}/picture")
    assert (answer.status, answer.detail) == (404, "The picture was deleted.")


def test_at_its_end_nothing_is_left(tiny_model: Path, body: bytes) -> None:
    with Workshop(lambda model, **dials: Upscaler(tiny_model, device="cpu"), Bounds()) as workshop:
        with workshop.room() as folder:
            (folder / "sent").write_bytes(body)
            task = workshop.take(folder / "sent", Parameters())
        wait_until(lambda: task.ended is not None)
        assert task.result.is_file()
    assert not workshop.folder.exists()
    assert not workshop._thread.is_alive()


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("photo.jpg", "photo.jpg"),
        ("C:\\scans\\a b.png", "a b.png"),
        ("/etc/passwd", "passwd"),
        ("..", "picture"),
        ("", "picture"),
        ('a<b>"c"|?*.png', "a_b__c____.png"),
        ("é\x1b\n.tif", "é__.tif"),
        (".hidden", "hidden"),
        ("con.png", "_con.png"),
        ("x" * 300 + ".jpeg", "x" * 150 + ".jpeg"),
        ("\u4e16" * 300 + ".jpeg", "\u4e16" * 50 + ".jpeg"),
    ],
)
def test_names_of_files_are_made_harmless(sent: str, kept: str) -> None:
    assert plain_name(sent) == kept
