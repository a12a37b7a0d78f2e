"""Find models: bundled ones, the user's own, or any folder."""

from __future__ import annotations

import difflib
import hashlib
import logging
import os
import sys
from pathlib import Path

from minutia.errors import ModelError
from minutia.zoo.card import CARD_NAME, MODEL_NAME, ModelCard, read_card
from minutia.zoo.weights import blend

DEFAULT_MODEL = "minutia-x4-photo"
DEFAULT_MODELS = (DEFAULT_MODEL, "minutia-x2-photo")
"""One for each scale that photographs can be enlarged by in one pass."""

BUNDLED = Path(__file__).parent / "models"

logger = logging.getLogger(__name__)


def user_folder() -> Path:
    """Where a user may put models, to call them by name."""
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    else:
        base = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")
    return base / "minutia" / "models"


def list_models() -> list[ModelCard]:
    """Read the cards of all models that can be called by name: the bundled ones, then the user's.

    A model of the user replaces a bundled one of the same name. A broken card in the user's folder is left out with
    a logged warning, so that the other models stay usable.
    """
    cards = {card.name: card for card in map(read_card, sorted(BUNDLED.glob(f"*/{CARD_NAME}")))}
    for path in sorted(user_folder().glob(f"*/{CARD_NAME}")):
        try:
            card = read_card(path)
            if not card.model_path.is_file():
                raise ModelError(f"The model {card.name} has no {card.model_path}.")
            cards[card.name] = card
        except ModelError as error:
            logger.warning("%s It is left out.", error)
    return list(cards.values())


def find_model(model: str | Path | None = None, scale: int | None = None) -> ModelCard:
    """Find a model by name, by its folder, or by its model.onnx.

    Args:
        model: None for the default model, or where `scale` is given, the first model of that scale. A text is a name
            before it is a folder, a `Path` a folder before it is a name.
        scale: what the model's scale must be.

    Raises:
        ModelError: an unknown name, a folder that holds no model, or a scale that is not available.
    """
    if isinstance(model, Path) and (model / CARD_NAME).is_file():
        card = read_card(model / CARD_NAME)
    else:
        card = _find_by_scale(scale) if model is None else _find_by_name(str(model))
    if scale is not None and card.scale != scale:
        raise ModelError(f"The model {card.name} enlarges {card.scale} times, not {scale} times.")
    return card


def default_models() -> list[ModelCard]:
    """Read the cards of the models that are taken where none is named, by their scale."""
    return sorted(map(find_model, DEFAULT_MODELS), key=lambda card: card.scale)


def load_model(card: ModelCard, strength: float = 1.0, denoise: float = 1.0) -> bytes:
    """Read model.onnx, checked against its card.

    Args:
        strength: below 1, the weights are blended with those of the card's fidelity model; 0 is that model alone.
        denoise: below 1, they are first blended with those of the model that keeps grain; 0 is that model alone.

    Raises:
        ModelError: a file is missing or is not the one its card describes, or there is no model to blend with.
    """
    if strength == 0 and denoise != 1:
        logger.warning("At strength 0 only the fidelity model is used, and --denoise has no effect.")
    model = _read_checked(card)
    if denoise != 1:
        model = _blend_with("denoise", card.grain, "grain-keeping", card, model, denoise)
    if strength != 1:
        model = _blend_with("strength", card.fidelity, "fidelity", card, model, strength)
    return model


def _blend_with(dial: str, name: str, kind: str, card: ModelCard, model: bytes, share: float) -> bytes:
    """Blend a model with another of the same network, of which 1 - share is taken."""
    if not 0 <= share <= 1:
        raise ModelError(f"{dial} must be between 0 (the {kind} model) and 1 ({card.name} alone), not {share:g}.")
    if not name:
        raise ModelError(f"The model {card.name} has no {kind} model to blend with; leave out --{dial}.")
    # The other is called by name, or lies in a folder beside the model's.
    beside = card.model_path.absolute().parent.parent / name
    partner = read_card(beside / CARD_NAME) if (beside / CARD_NAME).is_file() else find_model(name)
    for what, one, other in (
        ("networks", partner.network, card.network),
        ("normalisations", partner.normalisation, card.normalisation),
    ):
        if one != other:
            raise ModelError(f"{partner.name} and {card.name} have different {what} and cannot be blended.")
    return blend(_read_checked(partner), model, share)


def _read_checked(card: ModelCard) -> bytes:
    try:
        model = card.model_path.read_bytes()
    except OSError as error:
        raise ModelError(f"The model {card.name} has no readable {card.model_path}.") from error
    if hashlib.sha256(model).hexdigest() != card.sha256:
        raise ModelError(
            f"{card.model_path} is not the file that its card describes: the SHA-256 differs; download it again."
        )
    return model


def _find_by_name(model: str) -> ModelCard:
    cards = {card.name: card for card in list_models()}
    if model in cards:
        return cards[model]
    path = Path(model)
    if path.is_dir():
        return read_card(path / CARD_NAME)
    if path.name == MODEL_NAME and path.is_file():
        return read_card(path.with_name(CARD_NAME))
    if path.suffix == ".onnx" and path.is_file():
        raise ModelError(f"{path} must be called {MODEL_NAME} and have its {CARD_NAME} beside it; see minutia export.")
    if path.is_file():
        raise ModelError(
            f"{path} is not a model folder; minutia export makes one from weights: minutia export {path} FOLDER."
        )
    if not cards:
        raise ModelError(f"There is no model called {model}, and no models are installed; give a model folder.")
    near = difflib.get_close_matches(model, cards, n=3, cutoff=0.4)
    hint = f"; did you mean {' or '.join(near)}?" if near else f"; give a folder, or one of {', '.join(cards)}."
    raise ModelError(f"There is no model or model folder called {model}{hint}")


def _find_by_scale(scale: int | None) -> ModelCard:
    if scale is None:
        return _find_by_name(DEFAULT_MODEL)
    cards = list_models()
    offered = sorted({card.scale for card in cards})
    if scale not in offered:
        words = ", ".join(map(str, offered)) or "none"
        raise ModelError(f"No model enlarges {scale} times; available are {words}.")
    fitting = [card for card in cards if card.scale == scale]
    return next((card for card in fitting if card.name in DEFAULT_MODELS), fitting[0])
