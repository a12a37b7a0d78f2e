"""Which generators there are, and how a description that came from a file becomes one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, TypeAlias, get_args, get_type_hints

from minutia.errors import ModelError
from minutia.nets.compact import CompactSpec
from minutia.nets.minutianet import MinutiaNetSpec
from minutia.nets.rrdb import RRDBSpec
from minutia.nets.srresnet import SRResNetSpec

GeneratorSpec: TypeAlias = SRResNetSpec | RRDBSpec | CompactSpec | MinutiaNetSpec

SPECS: dict[str, type[SRResNetSpec] | type[RRDBSpec] | type[CompactSpec] | type[MinutiaNetSpec]] = {
    "srresnet": SRResNetSpec,
    "rrdb": RRDBSpec,
    "compact": CompactSpec,
    "minutianet": MinutiaNetSpec,
}


def parse_spec(description: Mapping[str, Any]) -> GeneratorSpec:
    """Read the `network` table of a card or a weights file.

    Raises:
        ModelError: an unknown kind of network, a parameter that kind does not have, or a value it cannot have.
    """
    kind = description.get("kind")
    if not isinstance(kind, str) or kind not in SPECS:
        raise ModelError(f"There is no network called {kind!r}; known are {', '.join(SPECS)}.")
    spec = SPECS[kind]
    unknown = set(description) - {field.name for field in fields(spec)}
    if unknown:
        raise ModelError(f"The network {kind} has no parameter {', '.join(sorted(unknown))}.")
    hints = get_type_hints(spec)
    for name, value in description.items():
        offered = get_args(hints[name])
        if not _fits(value, offered):
            wanted = f"one of {', '.join(map(str, offered))}" if offered else "a whole number from 1"
            raise ModelError(f"The network {kind} cannot have {name} = {value!r}; it must be {wanted}.")
    return spec(**description)


def _fits(value: object, offered: tuple[object, ...]) -> bool:
    """Tell whether a parameter may have a value: one of the literals offered, or where there are none, a count."""
    if offered:
        return any(type(value) is type(one) and value == one for one in offered)
    return type(value) is int and value >= 1
