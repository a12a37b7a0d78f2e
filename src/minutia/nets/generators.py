"""Which generators there are, and how a description that came from a file becomes one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, TypeAlias

from minutia.errors import ModelError
from minutia.nets.minutianet import MinutiaNetSpec
from minutia.nets.rrdb import RRDBSpec
from minutia.nets.srresnet import SRResNetSpec

GeneratorSpec: TypeAlias = SRResNetSpec | RRDBSpec | MinutiaNetSpec

SPECS: dict[str, type[SRResNetSpec] | type[RRDBSpec] | type[MinutiaNetSpec]] = {
    "srresnet": SRResNetSpec,
    "rrdb": RRDBSpec,
    "minutianet": MinutiaNetSpec,
}


def parse_spec(description: Mapping[str, Any]) -> GeneratorSpec:
    """Read the `network` table of a card or a weights file.

    Raises:
        ModelError: an unknown kind of network, or a parameter that kind does not have.
    """
    kind = description.get("kind")
    if kind not in SPECS:
        raise ModelError(f"There is no network called {kind!r}; known are {', '.join(SPECS)}.")
    spec = SPECS[kind]
    unknown = set(description) - {field.name for field in fields(spec)}
    if unknown:
        raise ModelError(f"The network {kind} has no parameter {', '.join(sorted(unknown))}.")
    return spec(**description)
