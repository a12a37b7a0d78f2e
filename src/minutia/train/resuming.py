"""Where a run continues, and what changed settings mean for it."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace

from minutia.errors import RecipeError, TrainingError
from minutia.train.checkpoint import Place, read_place
from minutia.train.config import Recipe
from minutia.train.folder import CHECKPOINT, find_changes, in_words, require_own
from minutia.train.hold import LOCK, Hold
from minutia.train.recipe import load_recipe

logger = logging.getLogger(__name__)

METRIC_KEYS = {
    "content": ("content.best",),
    "adversarial": (
        "adversarial.best",
        *(f"adversarial.perceptual.{key}" for key in ("layers", "criterion", "rescale", "bands")),
    ),
}
"""Keys on which the figures of a phase depend."""

METRIC_KEYS_OF_ALL = ("validation.hr", "validation.lr", "data.degradation", "data.normalisation")
OWN_PICTURES = ("data.hr", "data.lr", "data.num_held_out")
"""The same where some of the training pictures are held out."""


def find_start(recipe: Recipe, hold: Hold, *, resume: bool | None) -> Place | None:
    """Tell where a run goes on; None where it begins. A folder with a run is held before anything in it is read.

    Raises:
        TrainingError: there is nothing to go on with, another process is at it, a run of another recipe that nobody
            asked to go on, or files that are not of a run and would be replaced.
    """
    checkpoint = recipe.folder / CHECKPOINT
    if checkpoint.exists() or (recipe.folder / LOCK).exists():
        hold.take()
    if not resume and not checkpoint.exists():
        require_own(recipe.folder)
        return None
    place = read_place(checkpoint)
    changes: list[str] = []
    try:
        changes = find_changes(recipe)
    except RecipeError:  # That of an older version, say.
        if not resume:
            raise
        logger.warning("The run's recipe cannot be read any more; the run continues with the recipe given now.")
    if resume and changes:
        logger.warning("The run continues with changed settings: %s.", in_words(changes))
    elif resume is False or changes:
        whose = f"a run with other settings ({in_words(changes)})" if changes else "a run"
        raise TrainingError(
            f"{recipe.folder} holds {whose}; add --resume to continue it, or --set run=FOLDER to start another run."
        )
    if place.phase not in recipe.phases:
        raise TrainingError(f"{recipe.folder} is in its {place.phase} phase, which the recipe does not have.")
    return _adapted(place, recipe, changes)


def _adapted(place: Place, recipe: Recipe, changes: Sequence[str]) -> Place:
    """Let a run go on by other settings, of which keys are given, as whoever set them means it.

    Raises:
        TrainingError: a phase is to have more steps, and is over.
    """
    done = place.ended.get("content")
    if done is not None and {"content.steps", "content.epochs"} & {*changes} and _is_longer(recipe):
        raise TrainingError(
            f"The content phase of {recipe.folder} ended after {done} steps; for more steps start another run with "
            "--set run=FOLDER and --set content.init=WEIGHTS."
        )
    own = OWN_PICTURES if recipe.validation.hr is None else ()
    on_metrics = (*METRIC_KEYS[place.phase], *METRIC_KEYS_OF_ALL, *own)
    if any(key.startswith(on_metrics) for key in changes):
        place = replace(place, best=None, num_worse=0, since=place.step)
    if any(key.startswith(f"{place.phase}.schedule") for key in changes):
        return replace(place, rate_factor=1.0)
    if place.rate_factor != 1:
        logger.warning(
            "After divergence the run continues at %g of the recipe's learning rates; a changed schedule resets this.",
            place.rate_factor,
        )
    return place


def _is_longer(recipe: Recipe) -> bool:
    """Tell whether the content phase is to be longer than the run folder's recipe has it."""
    before, now = load_recipe(recipe.folder / "recipe.toml").content, recipe.content
    return (now.steps or 0) > (before.steps or 0) or (now.epochs or 0) > (before.epochs or 0)
