"""Every key of a recipe, read from the tables that check it."""

from __future__ import annotations

import ast
import inspect
import json
import textwrap
from collections.abc import Iterator
from dataclasses import MISSING, dataclass, fields, is_dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

from pydantic import BaseModel

from minutia.train.config import Recipe
from minutia.train.degrade.pipeline import Degradation
from minutia.train.recipe import tables_in


@dataclass(frozen=True, slots=True)
class Key:
    """A key that may be set."""

    name: str
    """As after --set: `content.schedule.kind`."""
    default: str
    """In TOML; "required" where there is none, empty where the key may be left out altogether."""
    choices: tuple[str, ...]
    """All values it can have, in TOML, where they can be counted."""
    words: str
    """What it means, and of which kind of table it is a key."""


def recipe_keys() -> dict[tuple[str, ...], Key]:
    """List the keys of a recipe in the order in which they are declared; those that two phases share once, by both."""
    names: dict[Key, list[str]] = {}
    for key in _keys(Recipe, "", None):
        _, _, rest = key.name.partition(".")
        names.setdefault(replace(key, name=rest or key.name), []).append(key.name)
    return {tuple(found): key for key, found in names.items()}


def _keys(table: Any, prefix: str, instance: object) -> Iterator[Key]:  # noqa: ANN401
    """List the keys of a table, whose defaults are those of `instance` where that is one."""
    hints, words = get_type_hints(table, include_extras=True), _words_of(table)
    for name, declared in _defaults(table).items():
        default = getattr(instance, name, declared)
        inner = [one for one in tables_in(hints[name]) if one is not Degradation]
        if not inner:
            values = get_args(hints[name]) if get_origin(hints[name]) is Literal else ()
            yield Key(prefix + name, _default(default), tuple(map(_toml, values)), words.get(name, ""))
        elif len(inner) == 1:
            if name in words:
                yield Key(prefix + name, "", (), words[name])
            yield from _keys(inner[0], f"{prefix}{name}.", default)
        else:
            kind = getattr(default, "kind", MISSING)
            yield Key(f"{prefix}{name}.kind", _default(kind), tuple(_toml(one.kind) for one in inner), words[name])
            own = {one.kind: default if isinstance(default, one) else None for one in inner}
            yield from _merge({one.kind: list(_keys(one, f"{prefix}{name}.", own[one.kind])) for one in inner})


def _merge(tables: dict[str, list[Key]]) -> Iterator[Key]:
    """Make one row of a key that several kinds of a table have, and tell of which kinds it is."""
    by_name: dict[str, dict[str, Key]] = {}
    for kind, keys in tables.items():
        for key in keys:
            by_name.setdefault(key.name, {})[kind] = key
    for name, found in by_name.items():
        if name.endswith(".kind"):
            continue
        defaults = {key.default for key in found.values()}
        each = (f"{key.default} ({kind})" for kind, key in found.items())
        (key, *_) = found.values()
        if len(found) == len(tables) and all(one.words == key.words for one in found.values()):
            words = key.words
        else:
            words = " ".join(f"{kind}: {key.words}" for kind, key in found.items() if key.words)
        yield Key(name, key.default if len(defaults) == 1 else ", ".join(each), key.choices, words)


def _defaults(table: Any) -> dict[str, object]:  # noqa: ANN401
    if is_dataclass(table):
        return {field.name: field.default for field in fields(table)}
    assert issubclass(table, BaseModel)
    return {name: MISSING if field.is_required() else field.default for name, field in table.model_fields.items()}


def _words_of(table: type) -> dict[str, str]:
    """Read the docstrings of a table's attributes, which Python does not keep, from its source."""
    found: dict[str, str] = {}
    for one in reversed(table.__mro__):
        if not one.__module__.startswith("minutia."):
            continue
        (body,) = ast.parse(textwrap.dedent(inspect.getsource(one))).body
        assert isinstance(body, ast.ClassDef)
        for line, after in pairwise(body.body):
            if isinstance(line, ast.AnnAssign) and isinstance(after, ast.Expr):  # Which is a docstring.
                found[ast.unparse(line.target)] = " ".join(ast.literal_eval(after.value).split())
    return found


def _default(value: object) -> str:
    return "required" if value is MISSING else _toml(value)


def _toml(value: object) -> str:
    """Write a value as one line of TOML."""
    if value is None:
        return ""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} = {_toml(one)}" for key, one in value.items()) + "}"
    if isinstance(value, Path):
        return json.dumps(str(value))
    return json.dumps(value)
