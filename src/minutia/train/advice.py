"""Advice from the log of a run: what looks wrong, and what to try."""

from __future__ import annotations

from collections.abc import Sequence

from minutia.train.rows import Row

MIN_VALIDATIONS = 3
"""Of a phase; fewer tell no direction."""

WORSE_DB = 0.15
"""Overfitting: validation PSNR is so far below its best, while training pictures get better."""

FLAT_DB = 0.03
"""A content phase whose PSNR rose by less in its last third has ceased to learn."""

WORSE_DISTANCE = 0.1
"""Part by which the perceptual distance has to be above its best."""

SURE_LOGIT = 6.0
"""Logits of real and generated pictures that are so far apart leave no doubt: a sigmoid of +-3 is 0.95 and 0.05."""

UNSURE_LOGIT = 0.05

NUM_RECENT = 10
"""Rows over which logits are averaged."""

COLOUR_DRIFT = 2.0
"""In 1/255; what an eye sees when it flips between two pictures."""


def advise(rows: Sequence[Row]) -> list[str]:
    """Say what looks wrong in the phase that the last row belongs to; empty where nothing does."""
    if not rows:
        return []
    phase = [row for row in rows if row["phase"] == rows[-1]["phase"]]
    content = [row for row in rows if row["phase"] == "content" and "psnr" in row]
    losses = [row for row in phase if "psnr" not in row]
    validations = [row for row in phase if "psnr" in row]
    found = [_below_bicubic(content), _colours(validations), _by_heart(validations)]
    if rows[-1]["phase"] == "content":
        found.append(_flat(validations))
    else:
        found += [_balance(losses), _worse(validations)]
    return [sentence for sentence in found if sentence]


def _below_bicubic(rows: Sequence[Row]) -> str:
    best = max(rows, key=lambda row: float(row["psnr"]), default=None)
    if best is None or "bicubic_psnr" not in best or float(best["psnr"]) >= float(best["bicubic_psnr"]):
        return ""
    missing = float(best["bicubic_psnr"]) - float(best["psnr"])
    return (
        f"The content phase is {missing:.2f} dB below bicubic so far: it needs more steps before its results are of "
        "use. It is too early for the adversarial phase."
    )


def _by_heart(rows: Sequence[Row]) -> str:
    if len(rows) < MIN_VALIDATIONS or "training_psnr" not in rows[-1]:
        return ""
    best = max(rows, key=lambda row: float(row["psnr"]))
    lost = float(best["psnr"]) - float(rows[-1]["psnr"])
    gained = float(rows[-1]["training_psnr"]) - float(best.get("training_psnr", float("inf")))
    if lost < WORSE_DB or gained <= 0:
        return ""
    return (
        f"Since step {best['step']} training pictures gained {gained:.2f} dB, and validation pictures lost {lost:.2f}: "
        "the network overfits. Use more training pictures, or stop earlier; the best weights are kept."
    )


def _flat(rows: Sequence[Row]) -> str:
    if len(rows) < 2 * MIN_VALIDATIONS:
        return ""
    gained = float(rows[-1]["psnr"]) - float(rows[-1 - len(rows) // 3]["psnr"])
    if not 0 <= gained < FLAT_DB:
        return ""
    return (
        f"In the last third PSNR rose by {gained:.2f} dB: more steps of this phase gain little. Start the adversarial "
        "phase, or give the network more blocks or features."
    )


def _balance(rows: Sequence[Row]) -> str:
    recent = [row for row in rows[-NUM_RECENT:] if "logit_real" in row]
    if len(recent) < NUM_RECENT:
        return ""
    real = sum(float(row["logit_real"]) for row in recent) / NUM_RECENT
    fake = sum(float(row["logit_fake"]) for row in recent) / NUM_RECENT
    if real - fake > SURE_LOGIT:
        return (
            f"The discriminator is far ahead (logits {real:+.1f} for real pictures, {fake:+.1f} for generated ones). "
            "In an SRGAN this is common, and harmless while pictures get better. If spots or checkerboard patterns "
            "appear, lower adversarial.gan.weight, or set adversarial.discriminator_learning_rate below the rate of "
            "the generator."
        )
    if real - fake < UNSURE_LOGIT:
        return (
            f"The discriminator cannot tell pictures apart (logits {real:+.2f} and {fake:+.2f}), so the generator "
            "learns nothing from it. Raise adversarial.discriminator_learning_rate, or give it more steps."
        )
    return ""


def _worse(rows: Sequence[Row]) -> str:
    measured = [row for row in rows if "perceptual" in row]
    if len(measured) < MIN_VALIDATIONS:
        return ""
    best = min(measured, key=lambda row: float(row["perceptual"]))
    ratio = float(measured[-1]["perceptual"]) / max(float(best["perceptual"]), 1e-12)
    if ratio < 1 + WORSE_DISTANCE:
        return ""
    return (
        f"Validation pictures are {ratio - 1:.0%} farther from the originals than at step {best['step']}, by features "
        "of VGG. Lower the learning rate or adversarial.gan.weight; the best weights are kept."
    )


def _colours(rows: Sequence[Row]) -> str:
    drift = float(rows[-1].get("colour_drift", 0)) if rows else 0.0
    if abs(drift) <= COLOUR_DRIFT:
        return ""
    return (
        f"Colours drift: a channel of the outputs is {drift:+.1f}/255 away from the inputs. Early in a run this is "
        "normal. Later, raise adversarial.pixel.weight, lower adversarial.gan.weight, or give the content phase more "
        "steps."
    )
