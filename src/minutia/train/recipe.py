"""Read recipes: bundled ones by name or TOML files, with keys set on the command line; say plainly what is wrong."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterable
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, get_args

import tomli_w
from pydantic import ValidationError

from minutia.errors import RecipeError
from minutia.nets.discriminators import DiscriminatorSpec
from minutia.nets.generators import GeneratorSpec
from minutia.train.config import Recipe

RECIPES = Path(__file__).parent / "recipes"

ALTERNATIVES = {"steps": "epochs", "epochs": "steps"}
"""Of these keys a table has one; the one that is set takes the place of the other."""

UNKNOWN = {"extra_forbidden", "unexpected_keyword_argument"}
KINDS = {spec.kind for spec in (*get_args(GeneratorSpec), *get_args(DiscriminatorSpec))}


def bundled_recipes() -> dict[str, Path]:
    """The recipes that ship with Minutia, by name."""
    return {path.stem: path for path in sorted(RECIPES.glob("*.toml"))}


def load_recipe(
    recipe: str | Path,
    overrides: Iterable[str] = (),
    *,
    hr: Path | None = None,
    lr: Path | None = None,
    epochs: int | None = None,
) -> Recipe:
    """Read a recipe file, or a bundled recipe by its name, with `key=value` overrides.

    Args:
        hr, lr: take the place of `data.hr` and `data.lr`.
        epochs: length of the adversarial phase, or of the content phase where the recipe has no other.

    Raises:
        RecipeError: no such recipe, broken TOML, an unknown key or an impossible value.
    """
    path = bundled_recipes().get(str(recipe), Path(recipe))
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        known = ", ".join(bundled_recipes())
        raise RecipeError(f"The recipe {recipe} cannot be read; bundled recipes are {known}.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RecipeError(f"The recipe {path} is not valid TOML: {error}.") from error
    for override in overrides:
        _apply(table, override)
    last = "adversarial" if "adversarial" in table else "content"
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


def _explain(error: ValidationError, table: dict[str, Any]) -> str:
    """Say what is wrong with a recipe in one sentence: a misspelt key rather than the one that is missing for it."""
    first = min(error.errors(), key=lambda one: one["type"] not in UNKNOWN)
    path = [str(part) for part in first["loc"] if not _is_kind(part, table)]
    key = ".".join(path)
    if first["type"] in UNKNOWN:
        known = ", ".join(_known_keys(path[:-1], table))
        return f"The recipe has an unknown key {key}; known here are {known}."
    if first["type"] in {"missing", "missing_argument"}:
        return f"The recipe lacks {key}; write it into the file or add --set {key}=VALUE."
    if first["type"] == "value_error":
        whose = f"The recipe's {key}" if key else "The recipe"
        return f"{whose} will not do: {first['ctx']['error']}"
    return f"The recipe's {key} = {first['input']!r} will not do: {first['msg']}."


def _is_kind(part: int | str, table: dict[str, Any]) -> bool:
    """Tell whether a part of an error's place is the kind of a network and no key of the recipe."""
    return part in KINDS and part not in table


def _known_keys(path: list[str], table: dict[str, Any]) -> list[str]:
    model: Any = Recipe
    for part in path:
        table = table.get(part, {})
        model = _choose(model.model_fields[part].annotation, table)
    return sorted(field.name for field in fields(model)) if is_dataclass(model) else sorted(model.model_fields)


def _choose(annotation: Any, table: dict[str, Any]) -> Any:  # noqa: ANN401
    """Among the members of a union, the one a table describes."""
    members = [m for m in getattr(annotation, "__args__", (annotation,)) if m is not type(None)]
    members = [inner for m in members for inner in getattr(m, "__args__", (m,)) if not isinstance(inner, str)]
    kinds = [m for m in members if getattr(m, "kind", None) == table.get("kind")]
    return (kinds or members)[0]
