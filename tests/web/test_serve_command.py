"""`minutia serve` as a person types it."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
import urllib.request
from http.client import HTTPConnection
from pathlib import Path

import pytest


def start(*words: object, **options: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "minutia", "serve", *map(str, words)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # Tests started in the background inherit that Ctrl-C is ignored.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        **options,
    )


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_answers_until_it_is_stopped_and_leaves_nothing(tmp_path: Path, number: signal.Signals) -> None:
    process = start("--port", "0", "--device", "cpu", env={"TMPDIR": str(tmp_path), "PATH": "/usr/bin:/bin"})
    line = process.stdout.readline()
    address = re.match(r"(http://127\.0\.0\.1:\d+/)  OpenVINO on CPU, \w+; Ctrl-C stops the server\n", line)[1]
    with urllib.request.urlopen(address) as answer:  # noqa: S310 (of this machine)
        assert b"<title>Minutia</title>" in answer.read()
    assert len(list(tmp_path.glob("minutia-*"))) == 1
    process.send_signal(number)
    out, err = process.communicate(timeout=30)
    assert (out, err) == ("", "")
    assert process.returncode == 0
    assert list(tmp_path.glob("minutia-*")) == []


def test_it_answers_to_the_names_it_is_given_and_to_no_others() -> None:
    process = start("--port", "0", "--device", "cpu", "--allowed-host", "Photos.example")
    port = re.search(r":(\d+)/", process.stdout.readline())[1]
    for name, status in (("photos.example", 200), ("localhost:1", 200), ("evil.example", 403)):
        connection = HTTPConnection("127.0.0.1", int(port))
        connection.request("GET", "/api/status", headers={"Host": name})
        assert connection.getresponse().status == status
        connection.close()
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)


def test_what_is_wrong_is_said_before_it_answers() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        _, err = start("--port", port).communicate(timeout=60)
        assert err == (
            f"Error: Cannot listen on 127.0.0.1:{port}: address already in use; --port 0 takes a free port.\n"
        )
    _, err = start("--host", "nowhere.invalid").communicate(timeout=60)
    assert re.fullmatch(r"Error: Cannot listen on nowhere\.invalid:8000: [a-z -]+\.\n", err)
    process = start("--port", "0", "--device", "warp")
    _, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert err.startswith("Error: ")
    for words in (("--max-bytes", "much"), ("--token", "two words"), ("--token", "")):
        refused = start(*words)
        refused.communicate(timeout=60)
        assert refused.returncode == 2


def test_without_its_extra_the_command_says_what_to_install() -> None:
    """None among the modules is Python's way to say that there is no such package."""
    code = "import sys; sys.modules['fastapi'] = None; sys.argv = ['minutia', 'serve']; import minutia.__main__ as m"
    done = subprocess.run([sys.executable, "-c", f"{code}; m.main()"], capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr == "Error: minutia serve needs an extra: pip install '.[web]' in the clone of Minutia.\n"
