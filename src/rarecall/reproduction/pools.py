"""A data set of the catalogue as two pools of inputs, whatever kind it is."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from rarecall.data.collections import find_source, is_made_up, read_collection

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd
    from numpy.typing import NDArray

_USUAL_SIDE = 256


@dataclass(frozen=True, eq=False)
class Pools:
    """A data set as two pools of inputs.

    Attributes:
        name: Of the catalogue.
        train: Inputs of the training pool, arrays with ``n`` rows, by name; images uint8 as
            ``image``, shape ``(n, H, W, C)``.
        labels: Of the training pool.
        test: Inputs of the test pool, or None where there is none.
        test_labels: Of the test pool, or None.
        groups: Patients of the training pool, or None.
        test_groups: Patients of the test pool, or None.
        classes: Names of the classes or labels.
        fingerprint: SHA-256 that names the data.
        made_up: Whether numbers on it mean nothing.
        counts: What it holds, for the record.
        facts: What is known of the patients of the training pool, a table, or None.
        test_facts: Of the test pool, or None.
    """

    name: str
    train: dict[str, Any]
    labels: NDArray[Any]
    test: dict[str, Any] | None
    test_labels: NDArray[Any] | None
    groups: NDArray[Any] | None
    test_groups: NDArray[Any] | None
    classes: tuple[str, ...]
    fingerprint: str
    made_up: bool
    counts: dict[str, int] = field(default_factory=dict)
    facts: pd.DataFrame | None = None
    test_facts: pd.DataFrame | None = None


def read_pools(name: str, root: Path, *, size: Any = None) -> Pools:
    """Read a data set of the catalogue.

    Args:
        name: Of the catalogue.
        root: Folder of all data sets.
        size: Side that image files are resized to; height and width, or depth too for volumes.

    Raises:
        DataError: It is not there, not whole, or not the published one.
    """
    found = read_collection(name, root)
    made_up = is_made_up(root / name)
    kind = find_source(name).kind
    if kind == "images":
        return Pools(
            name,
            {"image": found.train.images},
            found.train.labels,
            {"image": found.test.images},
            found.test.labels,
            None,
            None,
            tuple(found.classes),
            found.fingerprint(),
            made_up,
            dict(found.counts()),
        )
    side = tuple(size) if isinstance(size, list) else size
    if kind == "volumes":
        pool = found.to_pool() if side is None else found.to_pool(side)
        inputs = dict(pool.volumes)
    else:
        pool = found.to_pool(side or _USUAL_SIDE)
        inputs = {"image": pool.images}
    labels, groups = np.asarray(found.labels), found.groups
    train, test = _official(found.parts, len(labels))
    facts = getattr(found, "metadata", None)
    return Pools(
        name,
        inputs if test is None else {part: _Rows(inputs[part], train) for part in inputs},
        labels[train],
        None if test is None else {part: _Rows(inputs[part], test) for part in inputs},
        None if test is None else labels[test],
        None if groups is None else np.asarray(groups)[train],
        None if groups is None or test is None else np.asarray(groups)[test],
        tuple(found.classes),
        _fingerprint(found, pool),
        made_up,
        {"samples": len(labels)},
        None if facts is None else facts.iloc[train],
        None if facts is None or test is None else facts.iloc[test],
    )


def _fingerprint(*holders: Any) -> str:
    """Ask the first that knows; some compute it, some hold it."""
    for holder in holders:
        found = getattr(holder, "fingerprint", None)
        if found is not None:
            return str(found() if callable(found) else found)
    raise TypeError("no fingerprint")


class _Rows:
    """Some rows of an array that may be larger than memory, read when they are asked for."""

    def __init__(self, array: Any, rows: NDArray[np.int64]) -> None:
        self.array, self.rows = array, rows

    def __getitem__(self, positions: NDArray[np.int64]) -> Any:
        return self.array[self.rows[positions]]


def _official(parts: Any, n: int) -> tuple[Any, Any]:
    """Positions of the official training and test parts; all, and None, where there are none."""
    if parts is None or not {"train", "test"} <= set(np.unique(parts).tolist()):
        return np.arange(n), None
    parts = np.asarray(parts)
    return np.flatnonzero(parts != "test"), np.flatnonzero(parts == "test")
