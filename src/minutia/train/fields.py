"""What all tables of a recipe are made of: the kind of table, and the kinds of values that several hold."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field


def find_path(value: object) -> Path:
    """Find the user's folder where a path begins with `~`; refuse what is not text, or cannot stand in a recipe."""
    if not isinstance(value, str | Path):
        raise ValueError(f"{value} is not a path; for a file of that name write ./{value}.")
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
    """A table of a recipe; unknown keys are refused, and numbers that are not finite."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)
