"""The manifest of a prepared set, and the journal from which it is made: what was wanted, and what has become of it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

from minutia.datasets.disk import told
from minutia.errors import DataError
from minutia.files import replacing

MANIFEST = "manifest.json"
JOURNAL = "journal.jsonl"

CONTENTS = frozenset({"archives", "pictures", "sizes"})
"""Keys of a plan that tell the pictures themselves; too long to be shown."""

Plan: TypeAlias = dict[str, Any]
"""What is wanted, as JSON has it: two plans are equal where the same would be made."""


@dataclass(frozen=True, slots=True)
class Made:
    """What has become of one picture."""

    name: str
    files: Mapping[str, str] = field(default_factory=dict)
    """SHA-256 of what was written, by path below the folder."""
    skipped: str | None = None
    """Why nothing was written."""


def write_manifest(folder: Path, plan: Plan, made: Sequence[Made], made_by: str) -> None:
    """Write the manifest of a folder that is complete, in place of its journal.

    Raises:
        DataError: it cannot be written.
    """
    files = {path: sha256 for each in made for path, sha256 in each.files.items()}
    skipped = {each.name: each.skipped for each in made if each.skipped is not None}
    text = json.dumps({"made_by": made_by} | plan | {"skipped": skipped, "files": files}, indent=1)
    path = folder / MANIFEST
    with told(path):
        with replacing(path) as temporary:
            temporary.write_text(text + "\n", encoding="utf-8")
        (folder / JOURNAL).unlink(missing_ok=True)


def read_manifest(folder: Path) -> dict[str, Any] | None:
    """Read the manifest of a prepared set; None where the folder has none.

    Raises:
        DataError: it is no manifest.
    """
    path = folder / MANIFEST
    if not path.exists():
        return None
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read ({error}); choose a new folder.") from error
    if not isinstance(content, dict) or not isinstance(content.get("files"), dict):
        raise DataError(f"{path} is not a manifest of a prepared set; choose a new folder.")
    return content


def difference(manifest: Mapping[str, Any], plan: Plan) -> str | None:
    """Say in a few words wherein a manifest is not of this plan; None where it is."""
    for key, wanted in plan.items():
        found = manifest.get(key)
        if found != wanted:
            return "from other pictures" if key in CONTENTS else f"{key} {found}, not {wanted}"
    return None


def read_journal(folder: Path, plan: Plan) -> list[Made] | None:
    """Read what an earlier run has done for the same plan; None where there was none."""
    try:
        lines = (folder / JOURNAL).read_text(encoding="utf-8").splitlines()
        if json.loads(lines[0]) != plan:
            return None
    except (OSError, ValueError, IndexError):
        return None
    made = []
    for line in lines[1:]:
        try:
            made.append(Made(**json.loads(line)))
        except (ValueError, TypeError):
            break  # The run ended while it wrote this line.
    return made


def start_journal(folder: Path, plan: Plan, made: Sequence[Made]) -> None:
    """Begin a journal with what is done.

    Raises:
        OSError: it cannot be written.
    """
    lines = [json.dumps(plan), *(_line(each) for each in made)]
    (folder / JOURNAL).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def note(folder: Path, made: Made) -> None:
    """Add what is done to the journal.

    Raises:
        DataError: it cannot be written.
    """
    with told(folder / JOURNAL), (folder / JOURNAL).open("a", encoding="utf-8") as file:
        file.write(f"{_line(made)}\n")


def _line(made: Made) -> str:
    return json.dumps({"name": made.name, "files": dict(made.files), "skipped": made.skipped})
