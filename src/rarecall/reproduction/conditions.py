"""Networks that take λ: the value chosen on validation, and what every value gives on test."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rarecall.conditioning import choose_condition
from rarecall.reproduction.measures import selection
from rarecall.reproduction.plan import method_parameters

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import nn

    from rarecall.data import ArrayDataset
    from rarecall.methods import Method
    from rarecall.objective import Objective
    from rarecall.reproduction.measures import Measure
    from rarecall.reproduction.training import Job


def choose(
    method: Method, job: Job, network: nn.Module, objective: Objective, measures: Sequence[Measure]
) -> dict[str, Any]:
    """Let a conditioned network use the λ that is best on validation; measure all on test.

    What is best on test is told, for the papers' figures, and never used.
    """
    if objective.conditioning is None or not objective.conditioning.film:
        return {}
    grid = method.option("lct", method_parameters(method.name, job.unit.parameters))["grid"]
    places = _places(method)
    if isinstance(grid, Mapping):
        grid = {places.get(name, name): values for name, values in grid.items()}
    chosen_by = selection(job.ground.task)
    found = {}
    if job.unit.kind == "final":
        told = at_every_condition(network, objective, job.ground.test, measures, grid)
        words = {place: word for word, place in places.items()}
        found["test"] = {**told, "names": [words.get(name, name) for name in told["names"]]}
    validation = job.ground.validation
    choice = choose_condition(
        network,
        objective,
        validation.inputs,
        validation.targets,
        chosen_by,
        grid=grid,
        tie_break=chosen_by.progress,
    )
    choice.apply(network)
    return {**found, "validation": choice.to_json()}


def at_every_condition(
    network: nn.Module,
    objective: Objective,
    data: ArrayDataset,
    measures: Sequence[Measure],
    grid: Any,
) -> dict[str, Any]:
    """Measure a conditioned network at every λ of a grid.

    Returns:
        ``names`` and ``axes`` of the grid, and ``measures``: by label one value a combination, the
        last name changing fastest.
    """
    seen: list[dict[str, float]] = []

    def collect(scores: Any, targets: Any) -> float:
        seen.append({measure.label: measure(scores, targets) for measure in measures})
        return 0.0

    choice = choose_condition(network, objective, data.inputs, data.targets, collect, grid=grid)
    points = math.prod(len(axis) for axis in choice.axes)
    return {
        "names": list(choice.names),
        "axes": [list(axis) for axis in choice.axes],
        "measures": {
            measure.label: [values[measure.label] for values in seen[:points]]
            for measure in measures
        },
    }


def _places(method: Method) -> dict[str, str]:
    """Translate a method's words, as ``vs.gamma``, to the names that λ has, as ``loss.gamma``."""
    parts = {part.name: part.part for part in method.terms} | {method.loss.name: "loss"}
    found = {}
    for word in method.conditionable:
        name, _, argument = word.partition(".")
        found[word] = f"{parts[name]}.{argument}"
    return found
