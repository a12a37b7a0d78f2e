from __future__ import annotations

import errno
import io
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pytest
from PIL import Image

from minutia.batch.sources import STREAM
from minutia.batch.streams import replaced_streams
from minutia.errors import PictureError


class Terminal(io.BytesIO):
    def isatty(self) -> bool:
        return True


def encoded(form: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.zeros((4, 4, 3), np.uint8)).save(buffer, form, **options)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("data", "extension", "suffixes"),
    [
        (encoded("PNG"), None, (".png", ".png")),
        (encoded("JPEG"), None, (".jpg", ".jpg")),
        (encoded("TIFF"), "webp", (".tif", ".webp")),
        (encoded("GIF"), None, (".gif", ".png")),
        (encoded("WEBP"), ".PNG", (".webp", ".png")),
        (b"\0\0\0\x18ftypheic rest", None, (".heic", ".png")),
        (b"no picture", None, ("", ".png")),
        (b"", None, ("", ".png")),
    ],
)
def test_from_standard_input_to_standard_output(data: bytes, extension: str | None, suffixes: tuple[str, str]) -> None:
    stdout = io.BytesIO()
    with replaced_streams([STREAM], None, extension, io.BytesIO(data), stdout) as place:
        (source,) = place.paths
        assert place.output is not None
        assert (source.suffix, place.output.suffix) == suffixes
        assert (source.stem, place.output.stem) == ("standard input", "standard output")
        assert source.read_bytes() == data
        assert place.writes_stream
        place.output.write_bytes(b"large")
        assert stdout.getvalue() == b""
    assert stdout.getvalue() == b"large"
    assert not source.parent.exists()


def test_one_side_alone(tmp_path: Path) -> None:
    out = tmp_path / "out.png"
    with replaced_streams([STREAM], out, None, io.BytesIO(encoded("PNG")), Terminal()) as place:
        assert (place.output, place.writes_stream) == (out, False)
    source = tmp_path / "a.jpg"
    with replaced_streams([source], STREAM, None, Terminal(), io.BytesIO()) as place:
        assert place.paths == [source]
        assert place.output is not None
        assert place.output.name == "standard output.jpg"
    with replaced_streams([source, out], tmp_path, None, Terminal(), Terminal()) as place:
        assert (place.paths, place.output, place.folder) == ([source, out], tmp_path, None)


@pytest.mark.parametrize(
    ("paths", "output", "stdin", "stdout", "sentence"),
    [
        ([STREAM], None, io.BytesIO(), Terminal(), "A picture cannot be written to the terminal"),
        ([Path("a.png")], STREAM, io.BytesIO(), Terminal(), "A picture cannot be written to the terminal"),
        ([STREAM], Path("a.png"), Terminal(), io.BytesIO(), "Standard input is the terminal"),
        ([STREAM, Path("a.png")], Path("out"), io.BytesIO(), io.BytesIO(), "for a single picture"),
        ([Path("a.png"), Path("b.png")], STREAM, io.BytesIO(), io.BytesIO(), "for a single picture"),
    ],
)
def test_what_cannot_be_is_refused(
    paths: list[Path], output: Path | None, stdin: BinaryIO, stdout: BinaryIO, sentence: str
) -> None:
    with pytest.raises(PictureError, match=sentence), replaced_streams(paths, output, None, stdin, stdout):
        pytest.fail("it was not refused")


def test_nothing_is_written_after_an_exception() -> None:
    stdout = io.BytesIO()
    streams = replaced_streams([STREAM], None, None, io.BytesIO(encoded("PNG")), stdout)
    place = streams.__enter__()
    assert place.output is not None
    place.output.write_bytes(b"half")
    error = KeyboardInterrupt()
    assert not streams.__exit__(KeyboardInterrupt, error, None)
    assert not place.output.exists()
    assert stdout.getvalue() == b""


@pytest.mark.parametrize(("code", "kind"), [(errno.ENOSPC, PictureError), (errno.EPIPE, BrokenPipeError)])
def test_standard_output_that_takes_nothing(code: int, kind: type[Exception]) -> None:
    class Full(io.BytesIO):
        def write(self, data: object) -> int:
            raise OSError(code, "no")

    streams = replaced_streams([STREAM], None, None, io.BytesIO(), Full())
    place = streams.__enter__()
    assert place.output is not None
    place.output.write_bytes(b"large")
    with pytest.raises(kind):
        streams.__exit__(None, None, None)
