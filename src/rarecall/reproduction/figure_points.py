"""What figures are drawn from: courses over epochs, values at every λ, distributions of scores."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from rarecall.reproduction.units import Unit

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from rarecall.reproduction.cells import Cell

_BINS = 40


@dataclass(frozen=True)
class Conditions:
    """Test measures of a row's networks at every λ, averaged over the networks.

    Attributes:
        names: Of what λ holds.
        axes: Values of each.
        values: By measure, one value a combination, the last name changing fastest.
    """

    names: tuple[str, ...]
    axes: tuple[tuple[float, ...], ...]
    values: dict[str, list[float]]

    def axis(self, name: str) -> tuple[float, ...]:
        """Give the values of one name."""
        return self.axes[self.names.index(name)]

    def grid(self, measure: str, order: Sequence[str]) -> NDArray[np.float64]:
        """Give a measure with one dimension a name of ``order``; over others it is averaged.

        >>> points = Conditions(("a", "b"), ((0.0, 1.0), (5.0,)), {"auc": [0.6, 0.8]})
        >>> points.grid("auc", ["b", "a"]).tolist(), points.grid("auc", ["b"]).tolist()
        ([[0.6, 0.8]], [0.7])
        """
        shape = [len(axis) for axis in self.axes]
        whole = np.asarray(self.values[measure], dtype=np.float64).reshape(shape)
        kept = [self.names.index(name) for name in order]
        whole = np.moveaxis(whole, kept, range(len(kept)))
        found: NDArray[np.float64] = whole.reshape(*whole.shape[: len(kept)], -1).mean(axis=-1)
        return found


def mean_conditions(cell: Cell) -> Conditions | None:
    """Average what a cell's networks gave at every λ; None where they take none."""
    told = [record["conditions"].get("test") for record in cell.records]
    found = [one for one in told if one]
    if not found:
        return None
    first = found[0]
    alike = [one for one in found if one["axes"] == first["axes"]]
    values = {
        label: np.mean([one["measures"][label] for one in alike], axis=0).tolist()
        for label in first["measures"]
        if all(None not in one["measures"][label] for one in alike)
    }
    return Conditions(tuple(first["names"]), tuple(map(tuple, first["axes"])), values)


def by_epoch(cell: Cell, run: Path) -> list[float | None]:
    """Give the mean over networks of validation's AUC after every epoch.

    Networks that stopped early count as long as they trained.
    """
    courses: list[list[float]] = []
    for record in cell.records:
        names = ("setting", "row", "split", "member", "kind", "stage", "number")
        unit = Unit(**{name: record[name] for name in names})
        path = unit.folder(run) / "history.jsonl"
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        courses.append([float(json.loads(line)["auc"]) for line in lines])
    longest = max(map(len, courses), default=0)
    return [
        float(np.mean([course[epoch] for course in courses if len(course) > epoch]))
        for epoch in range(longest)
    ]


def densities(cell: Cell) -> tuple[list[float], dict[str, list[float]]] | None:
    """Count the first split's test scores by class, in shares of the class, over equal bins."""
    if not cell.splits or cell.splits[0].scores.ndim != 1:
        return None
    scores, targets = cell.splits[0].scores, cell.splits[0].targets
    edges = np.linspace(scores.min(), scores.max() + 1e-12, _BINS + 1)
    shares = {
        name: (np.histogram(scores[part], edges)[0] / max(int(part.sum()), 1)).tolist()
        for name, part in (("critical", targets == 1), ("other", targets == 0))
    }
    return ((edges[1:] + edges[:-1]) / 2).tolist(), shares


def correlation(xs: Sequence[float], ys: Sequence[float]) -> float | None:
    """Give Pearson's correlation; None for fewer than three points, or without any spread.

    >>> round(correlation([1.0, 2.0, 3.0], [3.0, 2.0, 1.0]), 6)
    -1.0
    """
    if len(xs) < 3 or np.ptp(xs) == 0 or np.ptp(ys) == 0:
        return None
    return float(np.corrcoef(xs, ys)[0, 1])


def number(label: str) -> Any:
    """Give a label as the number that it is, else as it is.

    >>> number("0.1"), number("1:100")
    (0.1, '1:100')
    """
    try:
        return float(label)
    except ValueError:
        return label
