"""One optimiser step: its learning rate, its passes, clipping and mixed precision."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from torch import nn

from rarecall.optim.sam import SAM, frozen_statistics
from rarecall.training.engine import reseed
from rarecall.training.graphs import graphed
from rarecall.training.optimizer import make_optimizer, schedule_factor

if TYPE_CHECKING:
    import torch
    from lightning_fabric import Fabric
    from torch import Tensor

    from rarecall.objective import Objective, Prepared
    from rarecall.training.settings import TrainSettings
    from rarecall.training.technique import Technique


@dataclass(frozen=True)
class Taken:
    """What became of a step.

    Attributes:
        loss: At the weights before the step; it may not be finite.
        rows: Rows forwarded, those of a second pass counted again.
        done: Whether the weights moved; False where the gradient was not finite.
    """

    loss: float
    rows: int
    done: bool


class Stepper:
    """Takes the optimiser steps of one training.

    Args:
        network: Already on its device.
        objective: Bound, on the same device.
        fabric: Device and arithmetic.
        settings: Optimiser, learning rate, clipping.
        technique: May ask for two passes a step, or for steps in stages.
        seed: Of everything drawn in a second pass.
    """

    def __init__(
        self,
        network: nn.Module,
        objective: Objective,
        fabric: Fabric,
        settings: TrainSettings,
        *,
        technique: Technique,
        seed: int,
    ) -> None:
        self.network, self.objective, self.fabric = network, objective, fabric
        # Another one where something stands between: a recording of its passes, or what averages
        # gradients over processes.
        self.forwarded: nn.Module = graphed(network, technique)
        self.settings, self.technique, self.seed = settings, technique, seed
        self.device: torch.device = fabric.device
        self.parameters = [p for p in network.parameters() if p.requires_grad]
        self.precision = fabric.strategy.precision
        self.scaler = getattr(self.precision, "scaler", None)
        self.optimizer = make_optimizer(
            network, objective, settings, scaled=self.scaler is not None, technique=technique
        )
        for group in self.optimizer.param_groups:
            group["initial_lr"] = group["lr"]
        # Any: Fabric's type is a union with the tuple that several optimisers would give.
        self._wrapped: Any = fabric.setup_optimizers(self.optimizer)
        self.sam = None if technique.radius is None else SAM(self.optimizer, technique.radius)

    @property
    def learning_rate(self) -> float:
        """Of the last step."""
        return float(self.optimizer.param_groups[0]["lr"])

    def take(self, prepared: Prepared, step: int) -> Taken:
        """Forward a prepared batch, once or twice, and step; commits nothing of the objective.

        Args:
            prepared: The batch; both passes see it, so they draw and replay the same.
            step: Number of the step, from 0.
        """
        self._begin(step)
        loss = self._pass(prepared, step).detach()
        passes, finite = 1, True
        if self.sam is not None:
            # The gradient may still be scaled for half precision: its direction is all it gives.
            finite = math.isfinite(self.sam.perturb())
            try:
                if finite:
                    passes = 2
                    with frozen_statistics(self.network):
                        self._pass(prepared, step)
            finally:
                self.sam.restore()
        done = finite and self._clip()
        # Read where the norm of the gradient was: a device is waited for once a step.
        value = float(loss)
        if done or self.scaler is not None:
            # The scaler finds an infinity itself, changes no weight, and lowers the scale.
            self._wrapped.step()
        return Taken(value, passes * len(prepared.targets), done)

    def _begin(self, step: int) -> None:
        factor = schedule_factor(self.settings, step, self.technique)
        for group in self.optimizer.param_groups:
            group["lr"] = group["initial_lr"] * factor
        stages = self.technique.stages
        if stages is not None and stages.begins(step, self.settings.steps):
            self.optimizer.new_stage()  # type: ignore[attr-defined]  # it is a PESG

    def _pass(self, prepared: Prepared, step: int) -> Tensor:
        """Forward and leave the gradient in the parameters."""
        if self.sam is not None:
            # Both passes drop out the same units: the sharpness is that of one function.
            reseed(self.seed, ~step, self.device)
        with self.fabric.autocast():
            logits = self.forwarded(*prepared.arguments)
        # Outside autocast: a loss in half precision would round what ranks the samples.
        loss = self.objective.evaluate(logits, prepared)
        self.optimizer.zero_grad(set_to_none=True)
        self.fabric.backward(loss)
        return loss

    def _clip(self) -> bool:
        """Clip the network's gradient; False where it is not finite."""
        self.precision.unscale_gradients(self.optimizer)
        largest = math.inf if self.settings.clip is None else self.settings.clip
        norm = nn.utils.clip_grad_norm_(self.parameters, largest)
        return math.isfinite(float(norm))

    def state_dict(self) -> dict[str, Any]:
        """State of the optimiser and of the scaling of gradients."""
        scaler = None if self.scaler is None else self.scaler.state_dict()
        return {"optimizer": self.optimizer.state_dict(), "scaler": scaler}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on with what :meth:`state_dict` gave, among other entries."""
        self.optimizer.load_state_dict(state["optimizer"])
        if self.scaler is not None:
            self.scaler.load_state_dict(state["scaler"])
