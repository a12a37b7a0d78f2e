"""What all tables of a recipe are made of: the kind of table, and the kinds of values that several hold."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field


def find_path(value: object) -> Path:
    """Find the user's folder where a path begins with `~`; refuse what is no text, or none that a recipe can hold."""
    if not isinstance(value, str | Path):
        raise ValueError(f"{value} is no path; what is called so is ./{value}.")
    if value == "":
        raise ValueError("the path is empty.")
    try:
        str(value).encode()
        return Path(value).expanduser()
    except UnicodeEncodeError as error:
        raise ValueError(f"{str(value)!a} is not UTF-8, in which recipes are written; rename it.") from error
    except RuntimeError as error:  # Nobody is called so.
        raise ValueError(f"{value}: {error}") from error


UserPath = Annotated[Path, BeforeValidator(find_path)]
Weight = Annotated[float, Field(ge=0)]


class Strict(BaseModel):
    """A table of a recipe: what it does not know it refuses, and numbers that are none."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)
