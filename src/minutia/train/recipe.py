"""Read recipes: bundled ones by name or TOML files, with keys set on the command line; say plainly what is wrong."""

from __future__ import annotations

import json
import re
import tomllib
from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, get_args, get_type_hints

import tomli_w
from pydantic import BaseModel, ValidationError

from minutia.errors import RecipeError
from minutia.train.config import Recipe

RECIPES = Path(__file__).parent / "recipes"

ALTERNATIVES = {"steps": "epochs", "epochs": "steps"}
"""Of these keys a table has one; the one that is set takes the place of the other."""

UNKNOWN = {"extra_forbidden", "unexpected_keyword_argument"}
WITHOUT_KIND = {"union_tag_not_found", "union_tag_invalid"}
LACKING = {"missing", "missing_argument", "union_tag_not_found"}
NO_TABLE = {"model_type", "model_attributes_type", "dict_type"}
DISCRIMINATORS = ("kind", "step")
"""Keys by which a table says which of several it is."""


def bundled_recipes() -> dict[str, Path]:
    """The recipes that ship with Minutia, by name."""
    return dict(sorted((path.stem, path) for path in RECIPES.glob("*.toml")))


def read_summary(path: Path) -> str:
    """Read the first sentence of a recipe file, which its comments begin with."""
    words = " ".join(line.removeprefix("#").strip() for line in path.read_text(encoding="utf-8").splitlines()[:5])
    return re.split(r"(?<=\.)\s", words, maxsplit=1)[0]


def load_recipe(
    recipe: str | Path,
    overrides: Iterable[str] = (),
    *,
    hr: Path | Sequence[Path] | None = None,
    lr: Path | Sequence[Path] | None = None,
    epochs: int | None = None,
) -> Recipe:
    """Read a recipe file, or a bundled recipe by its name, with `key=value` overrides.

    Args:
        hr, lr: take the place of `data.hr` and `data.lr`.
        epochs: length of the adversarial phase, or of the content phase where there is no other.

    Raises:
        RecipeError: no such recipe, broken TOML, an unknown key or an impossible value.
    """
    path = bundled_recipes().get(str(recipe), Path(recipe))
    try:
        table = tomllib.loads(_decode(path.read_bytes()))
    except OSError as error:
        known = ", ".join(bundled_recipes())
        raise RecipeError(f"The recipe {recipe} cannot be read; bundled recipes are {known}.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RecipeError(f"The recipe {path} is not valid TOML: {error}.") from error
    for override in overrides:
        _apply(table, override)
    last = "adversarial" if _is_on(table.get("adversarial")) else "content"
    for key, value in (("data.hr", hr), ("data.lr", lr), (f"{last}.epochs", epochs)):
        if value is not None:
            _set(table, key, value)
    try:
        return Recipe.model_validate(table)
    except ValidationError as error:
        raise RecipeError(_explain(error, table)) from error


def dump_recipe(recipe: Recipe) -> str:
    """Write the recipe with every default filled in, as TOML."""
    return tomli_w.dumps(json.loads(recipe.model_dump_json(exclude_none=True)))


def _decode(text: bytes) -> str:
    """Decode by the mark that programs of Windows begin a text with; without one it is UTF-8."""
    return text.decode("utf-16" if text.startswith((BOM_UTF16_LE, BOM_UTF16_BE)) else "utf-8-sig")


def _apply(table: dict[str, Any], override: str) -> None:
    """Set one `section.key=value`; the value is read as TOML and, where it is not, taken as a string."""
    key, equals, text = override.partition("=")
    if not equals:
        raise RecipeError(f"--set {override} has no value; write --set section.key=value.")
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        value = text
    _set(table, key.strip(), value)


def _set(table: dict[str, Any], key: str, value: object) -> None:
    """Give a `section.key` its value."""
    *sections, name = key.split(".")
    for section in sections:
        table = table.setdefault(section, {})
        if not isinstance(table, dict):
            raise RecipeError(f"{key} cannot be set: {section} is a value and has no keys.")
    table.pop(ALTERNATIVES.get(name, ""), None)
    table[name] = value


def _is_on(phase: object) -> bool:
    """Tell whether there is a phase, with something to do."""
    return isinstance(phase, dict) and 0 not in (phase.get("steps"), phase.get("epochs"))


def _explain(error: ValidationError, table: dict[str, Any]) -> str:
    """Say what is wrong with a recipe in one sentence: a misspelt key rather than the one that is missing for it."""
    first = min(error.errors(), key=lambda one: one["type"] not in UNKNOWN)
    path, holder = _follow(first["loc"], table)
    if first["type"] in WITHOUT_KIND:
        path.append(first["ctx"]["discriminator"].strip("'"))
    key = ".".join(path)
    if first["type"] in UNKNOWN:
        return f"The recipe has an unknown key {key}; known here are {', '.join(_keys(holder))}."
    if first["type"] in LACKING:
        option = "--hr FOLDER" if key == "data.hr" else f"--set {key}=VALUE"
        return f"The recipe lacks {key}; write it into the file or add {option}."
    if first["type"] == "value_error":
        whose = f"The recipe's {key}" if key else "The recipe"
        return f"{whose} is not valid: {first['ctx']['error']}"
    if first["type"] == "union_tag_invalid":
        tag, known = first["ctx"]["tag"], first["ctx"]["expected_tags"]
        return f"The recipe's {key} = {tag!r} is not valid: it must be one of {known}."
    words = "it must be a table of keys" if first["type"] in NO_TABLE else first["msg"]
    return f"The recipe's {key} = {first['input']!r} is not valid: {words}."


def _follow(place: Iterable[int | str], table: Any) -> tuple[list[str], Any]:  # noqa: ANN401
    """Follow the place of an error: its key, without the kinds that pydantic names, and the table that it is in."""
    path: list[str] = []
    holder: Any = Recipe
    model: Any = Recipe
    annotation: Any = None
    for part in place:
        if isinstance(table, dict) and part not in table and part in [table.get(name) for name in DISCRIMINATORS]:
            continue
        path.append(str(part))
        holder = model
        if isinstance(part, str):
            if part not in _keys(holder):
                break
            annotation = get_type_hints(holder, include_extras=True)[part]
        if isinstance(part, int):
            # Which may be too short, or one that stands for a list of one.
            table = dict(enumerate(table)) if isinstance(table, list | tuple) else {}
        table = table.get(part, {})
        model = _choose(annotation, table) or holder
    return path, holder


def _keys(model: Any) -> list[str]:  # noqa: ANN401
    return sorted(field.name for field in fields(model)) if is_dataclass(model) else sorted(model.model_fields)


def _choose(annotation: Any, table: Any) -> Any:  # noqa: ANN401
    """Among the tables that may stand somewhere, the one that a table says it is."""
    models = list(tables_in(annotation))
    wanted = [table.get(name) for name in DISCRIMINATORS] if isinstance(table, dict) else []
    chosen = [model for model in models if any(kind in wanted for kind in _kinds(model))]
    return next(iter(chosen or models), None)


def tables_in(annotation: Any) -> Iterator[Any]:  # noqa: ANN401
    """Find the models and dataclasses within an annotation."""
    if isinstance(annotation, type) and (is_dataclass(annotation) or issubclass(annotation, BaseModel)):
        yield annotation
    for inner in get_args(annotation):
        yield from tables_in(inner)


def _kinds(model: Any) -> set[Any]:  # noqa: ANN401
    """Values by which a table says that it is this one."""
    hints = get_type_hints(model)
    return {value for name in DISCRIMINATORS for value in get_args(hints.get(name))}
