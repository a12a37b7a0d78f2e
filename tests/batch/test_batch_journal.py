from __future__ import annotations

import errno
import json
import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from minutia.batch import Journal, Naming, Options, Outcome, Output, place_of, plan_jobs, run_jobs, settings_of
from minutia.batch.journal import JOURNAL_NAME
from minutia.batch.settings import Setting, settings_for
from minutia.errors import PictureError
from minutia.image.formats import Encoding
from minutia.image.target import Target
from minutia.types import Precision
from minutia.upscaler import Upscaler

SETTINGS: dict[str, Setting] = {"model": "m", "quality": 95}


class Batch:
    """The folder of the fixture into `out`, with a journal, as `minutia upscale -r --resume` runs it."""

    def __init__(self, folder: Path, upscaler: Upscaler) -> None:
        self.folder, self.upscaler = folder, upscaler
        self.out = folder.parent / "out"
        self.path = self.out / JOURNAL_NAME

    def run(
        self, output: Output | None = None, *, resume: bool = True, overwrite: bool = False, **words: Precision
    ) -> list[Outcome]:
        output = output or Output()
        journal = Journal(self.path, settings_of(self.upscaler, output, **words))
        journal.require_writable()
        jobs = plan_jobs([self.folder], Naming(output=self.out), recursive=True).jobs
        options = Options(output=output, resume=resume, overwrite=overwrite)
        return list(run_jobs(jobs, self.upscaler, options, journal=journal))

    def statuses(self, output: Output | None = None, **words: bool) -> list[str]:
        return [outcome.status for outcome in self.run(output, **words)]

    def lines(self) -> list[dict[str, object]]:
        return [json.loads(line) for line in self.path.read_text().splitlines()]

    def rewrite(self, lines: list[dict[str, object]]) -> None:
        self.path.write_text("".join(json.dumps(line) + "\n" for line in lines))


@pytest.fixture
def batch(folder: Path, upscaler: Upscaler) -> Batch:
    """Already run once."""
    made = Batch(folder, upscaler)
    assert made.statuses(resume=False) == ["done"] * 3
    return made


def test_lines_tell_all(batch: Batch, folder: Path) -> None:
    (folder / "a.png").write_bytes(b"broken")
    batch.statuses()
    lines = batch.lines()
    assert [line["status"] for line in lines].count("begun") == 3
    (done,) = [line for line in lines if (line["target"], line["status"]) == ("deep/c.jpg", "done")]
    assert done["source"] == os.path.realpath(folder / "deep" / "c.jpg")
    assert len(str(done["input"])) == len(str(done["output"])) == 64
    assert done["num_bytes"] == (batch.out / "deep" / "c.jpg").stat().st_size
    assert float(str(done["seconds"])) > 0
    assert done["settings"] == settings_for(Path("c.jpg"), settings_of(batch.upscaler, Output()))
    assert lines[-1]["status"] == "failed"
    assert "damaged" in str(lines[-1]["error"])


def test_what_a_killed_batch_left_half_written_goes_when_it_is_resumed(batch: Batch) -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as gone:
        pass
    before = set(batch.out.rglob("*"))
    (batch.out / "deep" / "c.jpg").unlink()
    (batch.out / "deep" / f".c.jpg.{gone.pid}.part").write_bytes(b"half")
    (done,) = [line for line in batch.lines() if (line["target"], line["status"]) == ("deep/c.jpg", "done")]
    batch.rewrite([line for line in batch.lines() if line != done])
    assert sorted(batch.statuses()) == ["current", "current", "done"]
    assert set(batch.out.rglob("*")) == before


def test_done_work_is_not_redone(batch: Batch) -> None:
    before = {path: path.stat().st_mtime_ns for path in batch.out.rglob("*.*")}
    assert batch.statuses() == ["current"] * 3
    assert {path: path.stat().st_mtime_ns for path in batch.out.rglob("*.*")} == before


def test_what_is_missing_is_made(batch: Batch) -> None:
    (batch.out / "b.bmp").unlink()
    assert batch.statuses() == ["current", "done", "current"]


def test_a_changed_input_is_made_anew(batch: Batch, folder: Path) -> None:
    old = (batch.out / "a.png").read_bytes()
    Image.new("RGB", (5, 6), "red").save(folder / "a.png")
    assert batch.statuses() == ["done", "current", "current"]
    assert (batch.out / "a.png").read_bytes() != old
    assert batch.statuses() == ["current"] * 3


@pytest.mark.parametrize("output", [Output(strip=True), Output(target=Target("scale", 3))])
def test_changed_settings_make_all_anew(batch: Batch, output: Output) -> None:
    assert batch.statuses(output) == ["done"] * 3
    assert batch.statuses(output) == ["current"] * 3


@pytest.mark.parametrize("encoding", [Encoding(quality=80), Encoding(compression="none")])
def test_settings_of_files_make_those_anew_that_have_them(batch: Batch, encoding: Encoding) -> None:
    statuses = {outcome.job.target.name: outcome.status for outcome in batch.run(Output(encoding=encoding))}
    anew = "done" if encoding.quality == 80 else "current"
    assert statuses == {"a.png": "current", "b.bmp": "current", "c.jpg": anew}


def test_settings_that_change_pixels_are_in_the_journal(tiny_model: Path) -> None:
    def settings(output: Output | None = None, precision: Precision = "auto", **words: bool) -> str:
        upscaler = Upscaler(tiny_model, device="cpu", precision="fp32", **words)
        return json.dumps(settings_of(upscaler, output or Output(), precision))

    variants = [settings(), settings(tta=True), settings(color_lock=True), settings(precision="fp16")]
    variants += [settings(Output(target=Target(wish, 9))) for wish in ("width", "height", "long_side", "megapixels")]
    assert len(set(variants)) == len(variants)
    blends = [Upscaler("minutia-x4", device="cpu", strength=strength) for strength in (1.0, 0.5)]
    first, second = (settings_of(each, Output()) for each in blends)
    assert first != second
    other = Upscaler("minutia-x4-fidelity", device="cpu", tile=64)
    assert other.card.sha256 in json.dumps(settings_of(other, Output()))
    assert "64" not in {str(value) for value in settings_of(other, Output()).values()}


def test_files_of_others_are_not_touched(batch: Batch) -> None:
    """One was there before, one has been retouched since: neither is ours to replace, whatever the settings."""
    lines = batch.lines()
    batch.rewrite([line for line in lines if line["target"] != "a.png"])
    retouched = (batch.out / "b.bmp").read_bytes()[:-1] + b"!"  # As many bytes as before.
    (batch.out / "b.bmp").write_bytes(retouched)
    outcomes = batch.run(Output(strip=True))
    assert [outcome.status for outcome in outcomes] == ["skipped", "skipped", "done"]
    assert "a.png exists and is not the file that the journal recorded; add --overwrite" in str(outcomes[0].error)
    assert (batch.out / "b.bmp").read_bytes() == retouched
    assert batch.statuses(Output(strip=True), overwrite=True) == ["done", "done", "current"]


def test_an_output_that_was_cut_off_is_not_up_to_date(batch: Batch) -> None:
    (batch.out / "a.png").write_bytes((batch.out / "a.png").read_bytes()[:-1])
    assert batch.statuses() == ["skipped", "current", "current"]


def test_without_resume_nothing_is_replaced(batch: Batch, folder: Path) -> None:
    Image.new("RGB", (5, 6), "red").save(folder / "a.png")
    assert batch.statuses(resume=False) == ["skipped"] * 3
    assert batch.statuses() == ["done", "current", "current"]


def test_a_torn_last_line_counts_for_nothing(batch: Batch) -> None:
    text = batch.path.read_bytes()
    torn = text[: text.rindex(b'"output"')]  # A kill in the middle of writing that the last picture is done.
    batch.path.write_bytes(torn)
    assert batch.statuses() == ["current"] * 3  # It was begun, nothing stood there, and something stands there now.
    (batch.out / "a.png").unlink()
    assert batch.statuses() == ["done", "current", "current"]
    assert batch.path.read_bytes().startswith(torn + b'\n{"status": "begun"')


def test_killed_before_the_line_that_says_done(batch: Batch, folder: Path) -> None:
    """The file has its name already: it is ours."""
    batch.rewrite([line for line in batch.lines() if (line["status"], line["target"]) != ("done", "a.png")])
    assert batch.statuses() == ["current"] * 3
    batch.rewrite([line for line in batch.lines() if (line["status"], line["target"]) != ("done", "a.png")])
    assert batch.statuses(Output(strip=True)) == ["done"] * 3


def test_killed_while_the_older_file_stood_there(batch: Batch, folder: Path) -> None:
    """It was begun with new settings, and what stands there is what was made with the old ones."""
    (folder / "deep" / "c.jpg").unlink()
    old = (batch.out / "a.png").read_bytes()
    lines = batch.lines()
    batch.statuses(Output(strip=True))
    (begun,) = [line for line in batch.lines()[len(lines) :] if (line["status"], line["target"]) == ("begun", "a.png")]
    batch.rewrite([*lines, begun])
    (batch.out / "a.png").write_bytes(old)
    assert batch.statuses(Output(strip=True))[0] == "done"


def test_killed_while_the_file_of_another_stood_there(batch: Batch, folder: Path) -> None:
    """It was to be overwritten, and was not: it is not ours."""
    (batch.out / "a.png").write_bytes(b"precious")
    batch.rewrite([line for line in batch.lines() if line["target"] != "a.png"])
    batch.statuses(overwrite=True)
    batch.rewrite([line for line in batch.lines() if (line["status"], line["target"]) != ("done", "a.png")])
    (batch.out / "a.png").write_bytes(b"precious")
    assert batch.statuses() == ["skipped", "current", "current"]


def test_a_failure_leaves_what_stood_there_known(batch: Batch, folder: Path) -> None:
    good = (folder / "a.png").read_bytes()
    (folder / "a.png").write_bytes(b"broken")
    assert batch.statuses() == ["failed", "current", "current"]
    (folder / "a.png").write_bytes(good)
    assert batch.statuses() == ["current"] * 3


def test_the_output_folder_may_be_moved(batch: Batch) -> None:
    moved = batch.out.with_name("moved")
    batch.out.rename(moved)
    batch.out, batch.path = moved, moved / JOURNAL_NAME
    assert batch.statuses() == ["current"] * 3


@pytest.mark.skipif(sys.platform != "linux", reason="names are bytes on Linux alone")
def test_names_that_are_no_text_are_known_again(batch: Batch, folder: Path) -> None:
    (folder / "a.png").rename(folder / os.fsdecode(b"caf\xe9 \xf0\x9f\xa6\x8a.png"))
    assert batch.statuses() == ["current", "done", "current"]
    assert batch.statuses() == ["current"] * 3


def test_other_files_are_not_taken_for_journals(tmp_path: Path) -> None:
    (tmp_path / "poem.txt").write_text("Roses are red\n")
    with pytest.raises(PictureError, match=r"poem\.txt is not a journal of Minutia"):
        Journal(tmp_path / "poem.txt", SETTINGS)
    with pytest.raises(PictureError, match="cannot be read: is a directory"):
        Journal(tmp_path, SETTINGS)
    (tmp_path / "file").touch()
    with pytest.raises(PictureError, match="cannot be read: not a directory"):
        Journal(tmp_path / "file" / "journal", SETTINGS).require_writable()


def test_a_first_line_that_found_no_room_leaves_a_journal(batch: Batch, monkeypatch: pytest.MonkeyPatch) -> None:
    batch.path.unlink()
    real, failures = Path.open, iter([True])

    def refuse(path: Path, mode: str = "r", *words: object, **options: object) -> object:
        if mode == "ab" and next(failures, False):
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(path, mode, *words, **options)

    monkeypatch.setattr(Path, "open", refuse)
    assert batch.statuses(Output(strip=True), overwrite=True) == ["done"] * 3
    assert batch.path.read_bytes().startswith(b"\n")
    assert batch.statuses(Output(strip=True)) == ["current"] * 3


@pytest.mark.parametrize(
    "junk", [b"", b'{"sta', b'{"status": "do', b'{"status": "done"}\n', b'{"status": "x", "a": 1}\n']
)
def test_lines_that_say_nothing_are_passed_over(batch: Batch, junk: bytes) -> None:
    batch.path.write_bytes(junk)
    assert batch.statuses() == ["skipped"] * 3


def test_a_journal_that_cannot_be_written_is_warned_about_once(
    batch: Batch, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Journal, "require_writable", lambda self: self.path.unlink() or self.path.mkdir())
    with caplog.at_level(logging.WARNING, "minutia"):
        assert batch.statuses(Output(strip=True)) == ["done"] * 3
    assert [record.getMessage() for record in caplog.records] == [
        f"The journal {batch.path} cannot be written: is a directory."
    ]


def test_half_a_line_on_a_full_disk_spoils_no_other(batch: Batch, monkeypatch: pytest.MonkeyPatch) -> None:
    lines, real = len(batch.lines()), Path.open
    failures = iter([True])

    def half(path: Path, mode: str = "r", *words: object, **options: object) -> object:
        file = real(path, mode, *words, **options)
        if mode == "ab" and next(failures, False):
            file.write(b'{"status": "be')
            file.close()
            raise OSError(errno.ENOSPC, "No space left on device")
        return file

    monkeypatch.setattr(Path, "open", half)
    assert batch.statuses(Output(strip=True)) == ["done"] * 3
    readable = [line for line in batch.path.read_text().splitlines()[lines:] if line.endswith("}")]
    assert len([json.loads(line) for line in readable]) == 5


def test_where_it_is_kept() -> None:
    out, own = Path("out"), Path("own.jsonl")
    assert place_of(None, out, resume=False, num_jobs=2) == out / JOURNAL_NAME
    assert place_of(None, out, resume=False, num_jobs=1) is None
    assert place_of(None, out, resume=True, num_jobs=1) == out / JOURNAL_NAME
    assert place_of(own, out, resume=False, num_jobs=1) == own
    assert place_of(None, None, resume=False, num_jobs=2) is None
    with pytest.raises(PictureError, match="--resume needs a journal"):
        place_of(None, None, resume=True, num_jobs=2)
