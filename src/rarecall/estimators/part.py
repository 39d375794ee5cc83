"""A part of the data as the classifier keeps it while it is fitted."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from rarecall.data import Samples
from rarecall.estimators.content import content_keys, sample_ids, units

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rarecall.task import Task


@dataclass(frozen=True, eq=False)
class Part:
    """Rows with all that belongs to them.

    Attributes:
        features: A frame, or images ``(n, H, W, C)``.
        targets: 1 for the critical one of two classes and 0 otherwise, else class
            numbers, shape ``(n,)``.
        keys: Hash of each row's content, shape ``(n,)``.
        groups: Group of every row as text, or None.
        weights: What every row's loss counts for, or None where all count alike.
    """

    features: Any
    targets: NDArray[np.int64]
    keys: NDArray[np.uint64]
    groups: NDArray[np.str_] | None = None
    weights: NDArray[np.float64] | None = None

    @classmethod
    def of(
        cls, features: Any, targets: NDArray[np.int64], groups: Any, counts: NDArray[Any] | None
    ) -> Part:
        """Make a part in its own order, which does not depend on that of the rows given.

        Args:
            features: A frame, or images.
            targets: Shape ``(n,)``.
            groups: Group of every row, or None.
            counts: Weight of every row, or None. Rows of weight 0 are left out. See
                :func:`rarecall.estimators.weighting.repeated`.
        """
        from rarecall.estimators.weighting import repeated

        keys = content_keys(features)
        named = None if groups is None else np.asarray(groups).astype(str)
        rows, weights = repeated(counts, len(targets))
        order: list[NDArray[Any]] = [targets[rows], keys[rows]]
        if named is not None:
            order.insert(0, np.unique(named, return_inverse=True)[1][rows])
        if weights is not None:
            order.insert(0, weights)
        sorting = np.lexsort(order)
        rows = rows[sorting]
        return cls(
            _rows(features, rows),
            targets[rows],
            keys[rows],
            None if named is None else named[rows],
            None if weights is None else weights[sorting],
        )

    def __len__(self) -> int:
        return len(self.targets)

    @cached_property
    def units(self) -> NDArray[np.int64]:
        """Number of the distinct row that each row is, shape ``(n,)``."""
        return units(self.keys, self.targets)

    @cached_property
    def ids(self) -> NDArray[np.str_]:
        """Names of the rows by their content."""
        return sample_ids(self.keys, self.targets)

    def counted_by(self, positive: NDArray[np.bool_]) -> NDArray[np.str_] | None:
        """Say what a guarantee counts: groups, or distinct rows; None for rows.

        Args:
            positive: The rows that are counted, shape ``(n,)``; only if some of these repeat does
                it matter that copies are no further evidence.
        """
        if self.groups is not None:
            return self.groups
        counted = self.units[positive]
        return self.units.astype(str) if len(np.unique(counted)) < len(counted) else None

    def take(self, rows: NDArray[np.int64]) -> Part:
        """Select rows by position."""
        return Part(
            _rows(self.features, rows),
            self.targets[rows],
            self.keys[rows],
            None if self.groups is None else self.groups[rows],
            None if self.weights is None else self.weights[rows],
        )

    def samples(self, task: Task, names: tuple[str, ...], critical: str) -> Samples:
        """Give the rows as the library's samples.

        Args:
            task: The kind of problem.
            names: Of all classes, by number.
            critical: The critical label as text.
        """
        table = isinstance(self.features, pd.DataFrame)
        several = task.kind != "binary"
        other = next((name for name in names if name != critical), "")
        order = names if several else (other, critical)
        counts = np.bincount(self.targets, minlength=len(order))
        return Samples(
            name="X",
            kind="table" if table else "images",
            features=self.features,
            targets=self.targets,
            ids=self.ids,
            critical=critical,
            target_name="y",
            class_counts=dict(zip(order, counts.tolist(), strict=True)),
            groups=self.groups,
            task=task,
            classes=names if several else (),
        )


def _rows(features: Any, rows: NDArray[np.int64]) -> Any:
    if isinstance(features, pd.DataFrame):
        return features.iloc[rows].reset_index(drop=True)
    return features[rows]
