"""Choosing λ after training, by a measure on validation."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from rarecall._reading import evaluating
from rarecall.conditioning.conditioned import ConditionedModel
from rarecall.conditioning.sweep import scores_at

if TYPE_CHECKING:
    from typing import Self

    from numpy.typing import NDArray

    from rarecall.conditioning.densities import LinearDensity
    from rarecall.objective import Objective

MOST_POINTS = 100
"""Points, at most, of a grid whose size nobody asked for."""


class Measure(Protocol):
    """A measure of scores, higher is better."""

    def __call__(self, scores: NDArray[np.float64], targets: NDArray[Any], /) -> float:
        """Measure scores against targets."""


@dataclass(frozen=True)
class ConditionChoice:
    """What a measure was at every λ of a grid, and which λ is best.

    Attributes:
        names: Hyper-parameters, in the order of λ.
        axes: Values of each of them on the grid.
        values: The measure at every point of the grid, the last name's value varying fastest;
            None where it was not finite.
        best: The chosen λ, by name.
        best_value: The measure there, on the samples that chose it, so somewhat flattering.
        center: Means of the densities, by name.
        center_value: The measure there, or None.
        measure: Name of the measure.
        samples: How many samples chose.
        head_only: Whether the backbone was forwarded only once for all λ.
    """

    names: tuple[str, ...]
    axes: tuple[tuple[float, ...], ...]
    values: tuple[float | None, ...]
    best: dict[str, float]
    best_value: float
    center: dict[str, float]
    center_value: float | None
    measure: str
    samples: int
    head_only: bool

    def apply(self, network: nn.Module) -> None:
        """Let the network use the chosen λ from now on; it is saved with its weights."""
        conditioned(network).set_condition(self.best)

    def to_json(self) -> dict[str, Any]:
        """Plain values, for a file of results and for the heat map."""
        plain = asdict(self)
        plain["names"], plain["values"] = list(self.names), list(self.values)
        plain["axes"] = [list(axis) for axis in self.axes]
        return plain

    @classmethod
    def from_json(cls, plain: Mapping[str, Any]) -> Self:
        """Read what :meth:`to_json` gave."""
        found = dict(plain)
        found["names"], found["values"] = tuple(plain["names"]), tuple(plain["values"])
        found["axes"] = tuple(tuple(axis) for axis in plain["axes"])
        return cls(**found)


def conditioned(network: nn.Module) -> ConditionedModel:
    """Find what takes λ in a network, which may be wrapped.

    Raises:
        ValueError: Nothing does.
    """
    found = [part for part in network.modules() if isinstance(part, ConditionedModel)]
    if len(found) != 1:
        raise ValueError(
            "There is no λ to choose: the network takes none. Train it with "
            "Conditioning(..., film=True) and adapt it before, model = objective.adapt(model)."
        )
    return found[0]


def condition_grid(
    objective: Objective, grid: int | Mapping[str, Sequence[float]] | None = None
) -> tuple[tuple[float, ...], ...]:
    """Values of each drawn hyper-parameter at which a network is measured.

    Args:
        objective: Has a conditioning.
        grid: Evenly spaced points a dimension; or the values themselves, by name, as in the
            paper's table 2; None takes five points a dimension, fewer where they would make more
            than a hundred in all.

    Returns:
        One tuple of ascending values a name, in the order of λ.

    Raises:
        ValueError: Names are missing or unknown, a list is empty, or the dimensions are so many
            that the values must be given.
    """
    conditioning = objective.conditioning
    if conditioning is None:
        raise ValueError("There is no λ to choose: the objective draws no hyper-parameter.")
    densities = conditioning.densities
    if isinstance(grid, Mapping):
        if set(grid) != set(densities) or not all(len(values) for values in grid.values()):
            raise ValueError(
                f"A grid needs values for each of {', '.join(densities)}; got {dict(grid)}."
            )
        return tuple(tuple(sorted({float(v) for v in grid[name]})) for name in densities)
    if grid is None:
        varying = sum(not density.is_point for density in densities.values())
        grid = next((n for n in (5, 4, 3, 2) if n**varying <= MOST_POINTS), 0)
        if not grid:
            raise ValueError(
                f"A grid over {varying} hyper-parameters is too large. Draw fewer of them, or "
                "give their values, grid={name: [...]}."
            )
    return tuple(tuple(density.grid(grid)) for density in densities.values())


def choose_condition(
    network: nn.Module,
    objective: Objective,
    inputs: Any,
    targets: Any,
    measure: Measure,
    *,
    grid: int | Mapping[str, Sequence[float]] | None = None,
    tie_break: Measure | None = None,
    batch_size: int | None = None,
) -> ConditionChoice:
    """Measure a conditioned network at every λ of a grid; :meth:`ConditionChoice.apply` stores it.

    Where λ enters at the head, every sample passes the backbone once and the head once a λ. Where
    it enters at another layer, or the network does more than reshape what its head gives, it is
    forwarded once a λ. Evaluation mode, full precision; changes nothing.

    Args:
        network: Adapted by the objective, trained; stays on its device.
        objective: Says how logits are read.
        inputs: Validation inputs, a tensor or any pytree of tensors, leading dimension ``n``.
        targets: What the measure is given as its second argument, ``n`` of them.
        measure: Higher is better; called with the scores, float64, shape ``(n,)`` in binary work,
            the scores of all classes or labels, ``(n, C)``, in others.
        grid: As for :func:`condition_grid`.
        tie_break: Decides among λ at which the measure is the same; after it, or without it, the
            one closest to the means of the densities wins.
        batch_size: Rows forwarded at once, >= 1; by default as many as stay small in memory.

    Raises:
        ValueError: The objective draws nothing, the network takes no λ, or the measure is finite
            nowhere.

    >>> from rarecall import Objective
    >>> from rarecall.conditioning import Conditioning, LinearDensity
    >>> from rarecall.losses import FocalLoss
    >>> from rarecall.metrics import auc
    >>> conditioning = Conditioning({"loss.alpha": LinearDensity(0.25, 0.75)})
    >>> objective = Objective(FocalLoss(), conditioning=conditioning)
    >>> model = objective.adapt(nn.Sequential(nn.Linear(1, 1), nn.Flatten(0)))
    >>> choice = choose_condition(model, objective, torch.rand(4, 1), [0, 1, 0, 1], auc, grid=3)
    >>> choice.axes
    ((0.25, 0.5, 0.75),)
    >>> choice.best  # not trained yet, every λ is alike
    {'loss.alpha': 0.5}
    >>> choice.apply(model)
    """
    axes = condition_grid(objective, grid)
    conditioning = objective.conditioning
    assert conditioning is not None
    if not conditioning.film:
        raise ValueError(
            "There is no λ to choose: with film=False the network takes none, and gives one "
            "answer whatever was drawn for its loss."
        )
    model = conditioned(network)
    points = list(itertools.product(*axes))
    center = tuple(conditioning.center.tolist())
    conditions = torch.tensor([*points, center], dtype=torch.float64)
    with evaluating(network, objective):
        scores, head_only = scores_at(model, objective, inputs, conditions, batch_size)
    given = targets.cpu().numpy() if isinstance(targets, Tensor) else np.asarray(targets)
    found = [_measured(measure, row, given) for row in scores]
    values, center_value = found[:-1], found[-1]
    if all(value is None for value in values):
        raise ValueError("The measure is finite at no λ: the network's scores are not finite.")
    highest = max(value for value in values if value is not None)
    tied = [number for number, value in enumerate(values) if value == highest]

    def preference(number: int) -> tuple[float, float]:
        second = None
        if tie_break is not None and len(tied) > 1:
            second = _measured(tie_break, scores[number], given)
        closeness = -_distance(points[number], conditioning.densities)
        return (-math.inf if second is None else second, closeness)

    best = max(tied, key=preference)
    names = conditioning.names
    return ConditionChoice(
        names=names,
        axes=axes,
        values=tuple(values),
        best=dict(zip(names, points[best], strict=True)),
        best_value=highest,
        center=dict(zip(names, center, strict=True)),
        center_value=center_value,
        measure=str(getattr(measure, "name", getattr(measure, "__name__", type(measure).__name__))),
        samples=scores.shape[1],
        head_only=head_only,
    )


def _measured(measure: Measure, scores: NDArray[np.float64], targets: NDArray[Any]) -> float | None:
    if not np.isfinite(scores).all():
        return None
    value = float(measure(scores, targets))
    return value if math.isfinite(value) else None


def _distance(point: Sequence[float], densities: Mapping[str, LinearDensity]) -> float:
    """How far a point is from the means, in widths of the densities."""
    return sum(
        ((value - density.mean) / (density.b - density.a)) ** 2
        for value, density in zip(point, densities.values(), strict=True)
        if not density.is_point
    )
