"""A loss that can be conditioned, and a network that knows nothing of the library."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from rarecall import BaseLoss, Objective
from rarecall.conditioning import Conditioning, LinearDensity

WEIGHT = {"loss.weight": LinearDensity(0.25, 0.75, 2.0)}
BOTH = {**WEIGHT, "loss.shift": LinearDensity(0.0, 3.0, 0.0)}


class WeightedLoss(BaseLoss):
    """Cross-entropy with a weight of the critical class and a shift of its logits."""

    tasks = ("binary", "multiclass", "multilabel")
    conditionable = ("weight", "shift")

    def __init__(self, weight: float = 0.5, shift: float = 0.0) -> None:
        super().__init__()
        self.weight, self.shift = weight, shift

    def forward(
        self,
        logits: Tensor,
        targets: Tensor,
        weight: Tensor | None = None,
        shift: Tensor | None = None,
    ) -> Tensor:
        weight = self.weight if weight is None else weight
        shift = self.shift if shift is None else shift
        if self.task.kind == "multiclass":
            return weight * F.cross_entropy(logits, targets, reduction="none")
        if self.task.kind == "multilabel":
            return weight * F.softplus(torch.where(targets == 1, -logits, logits)).mean(dim=1)
        critical = targets == 1
        weights = torch.where(critical, weight, 1 - weight)
        return weights * F.softplus(torch.where(critical, shift - logits, logits - shift))


class ImageNet(nn.Module):
    """A convolutional network as users write them."""

    def __init__(self, outputs: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 6, 3)
        self.norm = nn.BatchNorm2d(6)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.head = nn.Linear(6, outputs)
        self.forwards = 0

    def forward(self, images: Tensor) -> Tensor:
        self.forwards += 1
        features = self.pool(F.relu(self.norm(self.conv(images)))).flatten(1)
        logits = self.head(features)
        return logits.squeeze(1) if logits.shape[1] == 1 else logits


def conditioning(**options: object) -> Conditioning:
    return Conditioning(BOTH, **options)  # type: ignore[arg-type]


def bound(targets: Tensor | None = None, **options: object) -> Objective:
    """An objective over weight and shift, bound to four rows or more."""
    targets = torch.tensor([0, 1, 0, 1]) if targets is None else targets
    return Objective(WeightedLoss(), conditioning=conditioning(**options)).bind(targets, seed=5)


def shaken(model: nn.Module) -> nn.Module:
    """The model with a modulation that is not the identity any more."""
    generator = torch.Generator().manual_seed(9)
    with torch.no_grad():
        for parameter in model.film.parameters():
            parameter.copy_(0.5 * torch.randn(parameter.shape, generator=generator))
    return model
