from __future__ import annotations

from functools import partial
from inspect import getmembers, isclass

import pytest

from minutia import errors


def test_the_tree_at_the_top_is_complete() -> None:
    """Users read the tree to know what to catch: each error stands in it below its base."""
    assert errors.__doc__ is not None
    ancestors: list[str] = []
    drawn = {}
    for line in errors.__doc__.splitlines():
        name = line.lstrip("│├└─ ").split(" ")[0]
        if name in vars(errors):
            depth = (len(line) - len(line.lstrip("│├└─ "))) // 4
            ancestors[depth:] = [name]
            drawn[name] = ancestors[depth - 1] if depth else "Exception"
    real = {name: error.__bases__[0].__name__ for name, error in getmembers(errors, isclass)}
    assert drawn == real


def test_a_missing_extra_says_what_to_type() -> None:
    assert (
        str(errors.MissingExtra("Training", "train"))
        == "Training needs an extra: pip install '.[train]' in the clone of Minutia."
    )


def test_what_is_installed_and_broken_is_not_called_missing() -> None:
    needs_video = partial(errors.needs_extra, "Films", "video")
    with pytest.raises(errors.MissingExtra, match="Films needs an extra"), needs_video():
        import no_such_package  # noqa: F401
    with pytest.raises(ImportError, match="cannot import name"), needs_video():
        from json import no_such_name  # noqa: F401
    with pytest.raises(ModuleNotFoundError, match="no_such_module"), needs_video():
        import minutia.no_such_module  # noqa: F401
