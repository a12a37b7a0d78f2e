"""The folder of a run: its files, and what is written before the first step."""

from __future__ import annotations

import platform
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Literal

from minutia import __version__
from minutia.errors import TrainingError
from minutia.files import reason
from minutia.train.config import Recipe
from minutia.train.recipe import dump_recipe, load_recipe
from minutia.train.rows import early_ends, read_rows

CHECKPOINT = "last.safetensors"
"""The whole state of the run."""

NAMED_CHANGES = 4
"""Keys that are named where a recipe is not the run's."""

FIRST_VERSION = "minutia=="
"""How the file of versions begins, by which a folder of a run is known before it has a checkpoint."""

LIBRARIES = ("torch", "accelerate", "numpy", "Pillow", "safetensors")

README = """This is the run "{name}" of Minutia.
{early}
Open first
  report.html        losses, scores, pictures over time, and advice; updated at every validation

To use the result
  weights/           {phase}-best: best on the validation pictures, the result of the run; {phase}-last:
                     end of the phase. After two phases, content is the softer one, without generated
                     texture.
  minutia export {folder} MODEL
  minutia upscale PICTURE -m MODEL

To look at
  samples/           sheets of each validation: LR, bicubic, result (SR, or GAN), HR
                     {phase}-0001000.png is after step 1000, {phase}-epoch-0005.png after epoch 5;
                     those that end in -training show training pictures
  samples/crops/     the same crops at each validation
  curves.png         losses, learning rate and validation scores
  tensorboard/       the same for: tensorboard --logdir {folder}

To resume or reproduce
  recipe.toml        all settings of this run, including defaults
  versions.txt       versions of the libraries
  log.jsonl          one line for every so many steps (every.log), and one for each validation
  last.safetensors   checkpoint; the same command resumes from it
  good.safetensors   checkpoint of the last good validation, used after divergence
"""


def find_changes(recipe: Recipe) -> list[str]:
    """List the keys that differ from the run folder's recipe, apart from numbers that a run finds for itself.

    Raises:
        RecipeError: the folder's recipe cannot be read.
    """
    kept = load_recipe(recipe.folder / "recipe.toml")
    for name, phase in recipe.phases.items():
        own = kept.phases.get(name)
        if phase.batch_size == "auto" and own is not None:
            kept = kept.model_copy(update={name: own.model_copy(update={"batch_size": "auto"})})
    wanted, found = recipe.data.normalisation, kept.data.normalisation
    if wanted is not None and found is not None and wanted.found is None:
        asked = found.model_copy(update={"low": None, "high": None})
        kept = kept.model_copy(update={"data": kept.data.model_copy(update={"normalisation": asked})})
    return list(_differences(kept.model_dump(mode="json"), recipe.model_dump(mode="json")))


def in_words(keys: Sequence[str]) -> str:
    """Name keys, but not too many."""
    left_out = len(keys) - NAMED_CHANGES
    return ", ".join(keys[:NAMED_CHANGES]) + (f" and {left_out} more" if left_out > 0 else "")


def _differences(before: object, after: object, key: str = "") -> Iterator[str]:
    if isinstance(before, dict) and isinstance(after, dict):
        for name in before | after:
            yield from _differences(before.get(name), after.get(name), f"{key}.{name}".removeprefix("."))
    elif before != after:
        yield key


def require_own(folder: Path) -> None:
    """Check that a run which begins replaces no files but those of a run.

    Raises:
        TrainingError: it would.
    """
    versions = versions_path(folder)
    if versions.exists() and versions.read_bytes().startswith(FIRST_VERSION.encode()):
        return
    for path in (folder / "recipe.toml", folder / "README.txt", versions):
        if path.exists():
            raise TrainingError(
                f"{path} does not belong to a run and would be replaced; choose another folder: --set run=FOLDER."
            )


def prepare_folder(recipe: Recipe) -> None:
    """Make the run folder and write into it what lies where, the recipe with all defaults, and the versions.

    Raises:
        TrainingError: the folder cannot be written.
    """
    folder, text = recipe.folder, dump_recipe(recipe)
    try:
        for name in ("samples/crops", "weights"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        versions_path(folder).write_text(_versions(), encoding="utf-8")  # First: see require_own.
        (folder / "recipe.toml").write_text(text, encoding="utf-8")
        write_readme(recipe)
    except OSError as error:
        raise TrainingError(f"The run folder {folder} cannot be written: {reason(error)}.") from error


def write_readme(recipe: Recipe) -> None:
    """Write what lies where in the run folder, and whether phases ended early."""
    early = "".join(f"{words}\n" for words in early_ends(read_rows(recipe.folder / "log.jsonl")))
    words = README.format(name=recipe.name, early=early, folder=recipe.folder, phase=list(recipe.phases)[-1])
    (recipe.folder / "README.txt").write_text(words, encoding="utf-8")


def weights_path(folder: Path, phase: str, which: Literal["best", "last"]) -> Path:
    """Where weights of a phase are kept, to be exported or started from."""
    return folder / "weights" / f"{phase}-{which}.safetensors"


def versions_path(folder: Path) -> Path:
    """Where the versions are told that a run runs with."""
    return folder / "versions.txt"


def _versions() -> str:
    found = {"python": platform.python_version()} | {name: version(name) for name in LIBRARIES}
    return f"{FIRST_VERSION}{__version__}\n" + "".join(f"{name}=={number}\n" for name, number in found.items())
