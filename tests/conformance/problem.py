"""A small fixed problem, and the objectives that the battery holds to the interface's rules.

A new method joins by its line in the registry: every loss is tried alone and with every term.
Variants of arguments join by a line in ``VARIANTS``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from rarecall import Batch, Objective
from rarecall.methods import all_methods, parse

LOSSES = [word.name for word in all_methods() if word.role == "loss"]
TERMS = [word.name for word in all_methods() if word.role == "term"]

VARIANTS: list[tuple[str, dict[str, Any]]] = [
    ("bce+alm+rankreg", {}),
    ("vs+alm+rankreg", {}),
    ("bce+alm+replay", {}),
    ("bce+alm", {"alm.scores": "logit", "alm.margin": 2.0}),
    ("bce+alm", {"alm.normalize": "dataset", "alm.reduction": "mean"}),
    ("bce+alm", {"alm.max_multiplier": 0.01}),
    ("bce+rankreg", {"rankreg.scores": "logit"}),
    ("bce+rankreg", {"rankreg.penalty": "exponential", "rankreg.evict": "oldest"}),
    ("bce+rankreg", {"rankreg.capacity": 0}),
    ("bce+rankreg", {"rankreg.replay_in_base_loss": True, "rankreg.max_age": 3}),
]


@dataclass(frozen=True)
class Case:
    """A method with its arguments."""

    name: str
    arguments: dict[str, Any] = field(default_factory=dict)

    @property
    def label(self) -> str:
        given = ",".join(f"{key.split('.')[1]}={value}" for key, value in self.arguments.items())
        return f"{self.name}[{given}]" if given else self.name

    def objective(self) -> Objective:
        """Build and bind it; buffers are small, so that they fill up."""
        arguments = dict(self.arguments)
        method = parse(self.name)
        for key in method.parameters:
            if key.endswith(".capacity"):
                arguments.setdefault(key, 3)
        return method.build(arguments).bind(TARGETS)

    def model(self, dtype: torch.dtype = torch.float64) -> Model:
        """Build the network that fits, with fixed weights."""
        torch.manual_seed(1)
        return Model(self.objective().outputs).to(dtype)


CASES = [
    *(Case(loss) for loss in LOSSES),
    *(Case(f"{loss}+{term}") for loss in LOSSES for term in TERMS),
    *(Case(name, arguments) for name, arguments in VARIANTS),
]

N = 48
_generator = torch.Generator().manual_seed(0)
TARGETS = torch.zeros(N, dtype=torch.int64)
TARGETS[::4] = 1
INPUTS = {
    "image": torch.randn(N, 2, 3, generator=_generator, dtype=torch.float64),
    "row": (torch.randn(N, 2, generator=_generator, dtype=torch.float64) + TARGETS[:, None],),
}


class Model(nn.Module):
    """Reads a pytree: an image-like tensor and, in a tuple, a table row."""

    def __init__(self, outputs: int) -> None:
        super().__init__()
        self.outputs = outputs
        self.hidden = nn.Linear(8, 5)
        self.head = nn.Linear(5, outputs)

    def forward(self, inputs: dict[str, Any]) -> Tensor:
        rows = torch.cat([inputs["image"].flatten(1), inputs["row"][0]], dim=1)
        logits = self.head(torch.tanh(self.hidden(rows.to(self.hidden.weight.dtype))))
        return logits.squeeze(1) if self.outputs == 1 else logits


def batch(rows: list[int] | Tensor) -> Batch:
    """Give these rows of the problem."""
    rows = torch.as_tensor(rows)
    inputs = {"image": INPUTS["image"][rows], "row": (INPUTS["row"][0][rows],)}
    return Batch(inputs, TARGETS[rows], rows)


def batch_of_step(step: int) -> Batch:
    """Give the rows of a step: eight of them, at random, positives by chance."""
    generator = torch.Generator().manual_seed(100 + step)
    return batch(torch.randperm(N, generator=generator)[:8])


def train(model: nn.Module, objective: Objective, steps: range) -> None:
    """Train by SGD with momentum-free steps, ending an epoch every third step."""
    optimizer = torch.optim.SGD(
        [{"params": model.parameters()}, *objective.param_groups()], lr=0.05
    )
    for step in steps:
        loss = objective(model, batch_of_step(step))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        objective.step()
        if step % 3 == 2:
            objective.end_epoch(0.9 if step % 2 else 0.8)


def flat(state: Any) -> list[Tensor]:
    """Every tensor of a state, in order."""
    leaves = torch.utils._pytree.tree_leaves(state)
    return [torch.as_tensor(leaf) for leaf in leaves if isinstance(leaf, (Tensor, int, float))]


def same(first: Any, second: Any) -> bool:
    """Tell whether two states agree bit for bit."""
    one, two = flat(first), flat(second)
    return len(one) == len(two) and all(torch.equal(a, b) for a, b in zip(one, two, strict=True))
