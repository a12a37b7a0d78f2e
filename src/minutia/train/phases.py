"""The two phases of a training, content and adversarial. A phase knows one step."""

from __future__ import annotations

from typing import Protocol, final

import torch
from accelerate import Accelerator
from torch import Tensor, nn

from minutia.train.config import Recipe
from minutia.train.losses import (
    PerceptualLoss,
    checkerboard_loss,
    discriminator_loss,
    flat_region_loss,
    generator_loss,
    ldl_loss,
    moved_window,
    pixel_loss,
)
from minutia.train.optimise import MovingAverage, Optimised
from minutia.train.phase_config import Adversarial, Content
from minutia.train.processes import mean_over_processes

Losses = dict[str, Tensor]
"""Scalars by name, detached, still on the device, so that nothing waits for them."""


class Phase(Protocol):
    """What the loop needs to know of a phase."""

    name: str
    ema: MovingAverage
    """The generator with averaged weights, which is validated and kept."""

    @property
    def config(self) -> Content | Adversarial:
        """The phase's part of the recipe."""
        ...

    @property
    def judge(self) -> PerceptualLoss | None:
        """The perceptual distance, where this phase measures it."""
        ...

    def parts(self) -> dict[str, Optimised]:
        """The networks in training, by name."""
        ...

    def step(self, lr: Tensor, hr: Tensor, step: int, rate: float) -> Losses:
        """Learn at the rate `rate` from one batch: `lr` (N, C, h, w), `hr` (N, C, h * scale, w * scale), in [0, 1].

        Of several processes each has a part of the batch, equally large, and gives the losses of that part.
        """
        ...


@final
class ContentPhase:
    """Minimise the difference of pixels."""

    name = "content"
    judge = None

    def __init__(self, recipe: Recipe, accelerator: Accelerator, generator: nn.Module) -> None:
        self.config = config = recipe.content
        self.generator = _generator(generator, accelerator, recipe, config)
        self.ema = MovingAverage(self.generator.bare, config.ema_decay)

    def parts(self) -> dict[str, Optimised]:
        """The generator."""
        return {"generator": self.generator}

    def step(self, lr: Tensor, hr: Tensor, step: int, rate: float) -> Losses:
        """Learn from one batch."""
        del step
        loss = pixel_loss(self.generator(lr), hr, self.config.criterion)
        self.generator.step(loss, rate)
        self.ema.update(self.generator.bare)
        return {"pixel": loss.detach()}


@final
class AdversarialPhase:
    """Let generator and discriminator take turns: one step each on every batch."""

    name = "adversarial"

    def __init__(
        self,
        recipe: Recipe,
        config: Adversarial,
        accelerator: Accelerator,
        generator: nn.Module,
        judge: PerceptualLoss,
    ) -> None:
        self.config = config
        network, hardware = recipe.network, recipe.hardware
        if accelerator.device.type == "cpu":  # Where a compiled U-Net takes three times as long.
            hardware = hardware.model_copy(update={"compile": False})
        self.scale = network.scale
        self.accelerator = accelerator
        self.generator = _generator(generator, accelerator, recipe, config)
        self.discriminator = Optimised(
            config.discriminator.build(network.channels, config.lr_crop * network.scale),
            accelerator,
            hardware,
            betas=config.betas,
            clip_norm=config.clip_norm,
        )
        self.judge = judge
        self.ema = MovingAverage(self.generator.bare, config.ema_decay)

    def parts(self) -> dict[str, Optimised]:
        """Both networks."""
        return {"generator": self.generator, "discriminator": self.discriminator}

    def step(self, lr: Tensor, hr: Tensor, step: int, rate: float) -> Losses:
        """Learn from one batch."""
        sr = self.generator(lr)
        losses = self._teach_generator(lr, sr, hr, step, rate)
        if self.config.gan.weight:  # Else nobody asks the discriminator, and half of the step is saved.
            losses |= self._teach_discriminator(sr.detach(), hr, rate)
        self.ema.update(self.generator.bare)
        return losses

    def _teach_generator(self, lr: Tensor, sr: Tensor, hr: Tensor, step: int, rate: float) -> Losses:
        config = self.config
        self.discriminator.freeze(frozen=True)
        with self.accelerator.autocast():
            perceptual = self.judge(*moved_window(sr, hr, config.perceptual.shift, step), _mean)
        losses = {"pixel": pixel_loss(sr, hr, config.pixel.criterion), "perceptual": perceptual}
        if config.gan.weight:
            real = self.discriminator(hr) if config.gan.kind == "relativistic" else torch.zeros(())
            losses["adversarial"] = generator_loss(real, self.discriminator(sr), config.gan.kind, _mean)
        if config.checkerboard:
            losses["checkerboard"] = checkerboard_loss(sr, hr, self.scale)
        if config.flat:
            losses["flat"] = flat_region_loss(sr, hr)
        if config.ldl:
            with torch.no_grad():
                steady = self.ema(lr)
            losses["ldl"] = ldl_loss(sr, hr, steady)
        ramp = min(1.0, (step + 1) / max(1, config.gan.ramp_steps))
        weights = {
            "pixel": config.pixel.weight,
            "perceptual": config.perceptual.weight,
            "adversarial": ramp * config.gan.weight,
            "checkerboard": config.checkerboard,
            "flat": config.flat,
            "ldl": config.ldl,
        }
        total = torch.stack([weights[name] * loss for name, loss in losses.items()]).sum()
        self.generator.step(total, rate)
        self.discriminator.freeze(frozen=False)
        return {name: loss.detach() for name, loss in (losses | {"generator": total}).items()}

    def _teach_discriminator(self, sr: Tensor, hr: Tensor, rate: float) -> Losses:
        config = self.config
        real, fake = self.discriminator(hr), self.discriminator(sr)
        loss = discriminator_loss(real, fake, config.gan.kind, _mean)
        peak = config.discriminator_learning_rate or config.schedule.learning_rate
        self.discriminator.step(loss, rate * peak / config.schedule.learning_rate)
        return {
            "discriminator": loss.detach(),
            "logit_real": real.detach().mean(),
            "logit_fake": fake.detach().mean(),
        }


def _generator(
    network: nn.Module, accelerator: Accelerator, recipe: Recipe, config: Content | Adversarial
) -> Optimised:
    return Optimised(
        network,
        accelerator,
        recipe.hardware,
        betas=config.betas,
        clip_norm=config.clip_norm,
        optimiser=config.optimiser,
    )


def _mean(value: Tensor) -> Tensor:
    mean: Tensor = mean_over_processes(value.mean())
    return mean
