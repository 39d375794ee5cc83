"""Small fixed problems, and the objectives that the battery holds to the interface's rules.

A new method joins by its line in the registry: every loss is tried alone, in every kind of problem
that it is made for, and with every term. Variants of arguments join by a line in ``VARIANTS``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from rarecall import Batch, Objective, Task
from rarecall.methods import all_methods, parse

LOSSES = [word for word in all_methods() if word.role == "loss"]
TERMS = [word for word in all_methods() if word.role == "term"]

VARIANTS: list[tuple[Any, ...]] = [
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
    ("bce+alm", {"alm.constraints": "negative"}),
    ("bce+alm", {"alm.constraints": "pair"}),
    ("bce+alm", {"alm.negatives": "memory", "alm.memory_size": 7, "alm.staleness": 2}),
    ("ce+alm", {"alm.negatives": "memory"}, "multiclass"),
    ("ce+alm", {"alm.form": "second"}, "multiclass"),
    ("vs+lct", {}),
    ("focal+lct", {}),
    ("bce+alm+lct", {}),
    ("vs+lct-nofilm", {}),
]


N = 48
_generator = torch.Generator().manual_seed(0)
TARGETS = torch.zeros(N, dtype=torch.int64)
TARGETS[::4] = 1
_CLASSES = torch.arange(N) % 4 + 2 * (torch.arange(N) % 5 == 0) * (torch.arange(N) % 4 == 0)
_LABELS = torch.stack([TARGETS, (torch.arange(N) % 3 == 0).long()], dim=1).double()
_LABELS[5, 0], _LABELS[6], _LABELS[7, 1] = torch.nan, torch.nan, 0.3

ALL_TARGETS = {"binary": TARGETS, "multiclass": _CLASSES, "multilabel": _LABELS}
TASKS = {
    "binary": Task(),
    "multiclass": Task("multiclass", 4, (1, 3)),
    "multilabel": Task.multilabel(2),
}
INPUTS = {
    "image": torch.randn(N, 2, 3, generator=_generator, dtype=torch.float64),
    "row": (torch.randn(N, 2, generator=_generator, dtype=torch.float64) + TARGETS[:, None],),
}
STEPS = 60
"""Steps that schedules are told of."""


@dataclass(frozen=True)
class Case:
    """A method with its arguments, on one kind of problem."""

    name: str
    arguments: dict[str, Any] = field(default_factory=dict)
    kind: str = "binary"

    @property
    def label(self) -> str:
        given = ",".join(f"{key.split('.')[1]}={value}" for key, value in self.arguments.items())
        name = self.name if self.kind == "binary" else f"{self.name}-{self.kind}"
        return f"{name}[{given}]" if given else name

    @property
    def targets(self) -> Tensor:
        """Targets of its problem."""
        return ALL_TARGETS[self.kind]

    @property
    def critical(self) -> Tensor:
        """True for rows of a critical class."""
        if self.kind == "multilabel":
            return (self.targets == 1).any(dim=1)
        return torch.isin(self.targets, torch.tensor(TASKS[self.kind].critical))

    def objective(self) -> Objective:
        """Build and bind it; buffers are small, so that they fill up."""
        arguments = dict(self.arguments)
        method = parse(self.name)
        for key in method.parameters:
            if key.endswith(".capacity"):
                arguments.setdefault(key, 3)
        return method.build(arguments).bind(self.targets, TASKS[self.kind], steps=STEPS, seed=7)

    def model(self, dtype: torch.dtype = torch.float64) -> nn.Module:
        """Build the network that fits, with fixed weights."""
        torch.manual_seed(1)
        objective = self.objective()
        flat = objective.outputs == 1 and self.kind != "multilabel"
        return objective.adapt(Model(objective.outputs, flat=flat), head="head").to(dtype)

    def shape(self, rows: int) -> tuple[int, ...]:
        """Shape of the logits of so many rows."""
        outputs = self.objective().outputs
        flat = outputs == 1 and self.kind != "multilabel"
        return (rows,) if flat else (rows, outputs)

    def batch(self, rows: list[int] | Tensor) -> Batch:
        """Give these rows of the problem."""
        rows = torch.as_tensor(rows)
        inputs = {"image": INPUTS["image"][rows], "row": (INPUTS["row"][0][rows],)}
        return Batch(inputs, self.targets[rows], rows)

    def batch_of_step(self, step: int) -> Batch:
        """Give the rows of a step: eight of them, at random, positives by chance."""
        generator = torch.Generator().manual_seed(100 + step)
        return self.batch(torch.randperm(N, generator=generator)[:8])

    def train(self, model: nn.Module, objective: Objective, steps: range) -> None:
        """Train by SGD with momentum-free steps, ending an epoch every third step."""
        optimizer = torch.optim.SGD(
            [{"params": model.parameters()}, *objective.param_groups()], lr=0.05
        )
        for step in steps:
            loss = objective(model, self.batch_of_step(step))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            objective.step()
            if step % 3 == 2:
                objective.end_epoch(0.9 if step % 2 else 0.8)


def _made_for(name: str) -> list[str]:
    return [kind for kind in parse(name).tasks if kind != "binary"]


CASES = [
    *(Case(loss.name) for loss in LOSSES if "binary" in loss.tasks),
    *(Case(loss.name, {}, kind) for loss in LOSSES for kind in _made_for(loss.name)),
    *(Case(*variant) for variant in VARIANTS),
    *(
        Case(f"{loss.name}+{term.name}", {}, kind)
        for term in TERMS
        for loss in LOSSES
        if loss.name in ("bce", "ce")
        for kind in _made_for(f"{loss.name}+{term.name}")
    ),
]
"""What every test of the battery is run on."""

COMBINED = [
    Case(f"{loss.name}+{term.name}") for loss in LOSSES for term in TERMS if "binary" in loss.tasks
]
"""Every loss with every term, for all but the tests that take long."""

WHOLE = [
    Case("bce"),
    Case("ce", {}, "multiclass"),
    Case("bce", {}, "multilabel"),
    Case("auc-margin"),
    Case("recall-lagrangian"),
    *(Case(f"bce+{term.name}") for term in TERMS),
    Case("ce+replay", {}, "multiclass"),
    Case("vs+lct"),
    Case("vs+lct-nofilm"),
]
"""What a compiled step may stumble over beside the loss itself: one of each kind of problem, what
has its own parameters, every term, and λ with a changed network and without."""


class Model(nn.Module):
    """Reads a pytree: an image-like tensor and, in a tuple, a table row."""

    def __init__(self, outputs: int, *, flat: bool) -> None:
        super().__init__()
        self.flat = flat
        self.hidden = nn.Linear(8, 5)
        self.head = nn.Linear(5, outputs)

    def forward(self, inputs: dict[str, Any]) -> Tensor:
        rows = torch.cat([inputs["image"].flatten(1), inputs["row"][0]], dim=1)
        logits = self.head(torch.tanh(self.hidden(rows.to(self.hidden.weight.dtype))))
        return logits.squeeze(1) if self.flat else logits


def flat(state: Any) -> list[Tensor]:
    """Every tensor of a state, in order."""
    leaves = torch.utils._pytree.tree_leaves(state)
    return [torch.as_tensor(leaf) for leaf in leaves if isinstance(leaf, (Tensor, int, float))]


def same(first: Any, second: Any) -> bool:
    """Tell whether two states agree bit for bit."""
    one, two = flat(first), flat(second)
    return len(one) == len(two) and all(torch.equal(a, b) for a, b in zip(one, two, strict=True))
