"""Scores from memory as a table: NumPy arrays, pandas, torch tensors, lists."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from rarecall.data.score_tables import ScoreTable, read_score_table
from rarecall.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Sequence

ONE = "score"
_PARTS = ("target", "group", "weight", "id")


def score_table(
    scores: Any,
    targets: Any,
    *,
    critical: object = None,
    groups: Any = None,
    weights: Any = None,
    ids: Any = None,
    subgroups: Any = None,
    rows: pd.DataFrame | None = None,
    name: str = "scores",
) -> ScoreTable:
    """Put scores and what goes with them into one checked table.

    Args:
        scores: One model's, shape ``(n,)``, or several by name: a mapping or a data frame.
        targets: Labels, shape ``(n,)``.
        critical: The label that must not be missed; not needed for 0 and 1, true and false.
        groups: Group of every sample (patient, account), shape ``(n,)``, or None.
        weights: Shape ``(n,)``, or None.
        ids: Unique, shape ``(n,)``, or None.
        subgroups: Columns that part the samples: a mapping or a data frame, or None.
        rows: What may be shown of every sample, or None.
        name: Of the samples, for messages and the report.

    Raises:
        DataError: Lengths differ, or the content cannot be used.

    >>> table = score_table({"mine": [0.2, 0.7]}, [0, 1])
    >>> table.scores, table.positives
    ({'mine': array([0.2, 0.7])}, 1)
    """
    columns = {str(key): as_array(value) for key, value in _several(scores).items()}
    given = {"target": targets, "group": groups, "weight": weights, "id": ids}
    beside = {part: as_array(value) for part, value in given.items() if value is not None}
    parted = {} if subgroups is None else {str(k): as_array(v) for k, v in dict(subgroups).items()}
    shown = {} if rows is None else {str(k): as_array(v) for k, v in rows.items()}
    n = len(next(iter(columns.values()))) if columns else 0
    for what, column in [*columns.items(), *beside.items(), *parted.items(), *shown.items()]:
        if column.ndim != 1 or len(column) != n:
            raise DataError(
                f"Scores and what goes with them need one value a sample, {n} here, but "
                f"{what!r} has shape {column.shape}. Give the critical class's score alone."
            )
    # Names of parts get out of the way of the users' own names.
    taken = {*columns, *parted, *shown}
    names = {part: _free(part, taken) for part in _PARTS}
    frame = pd.DataFrame(
        {**shown, **parted, **columns, **{names[part]: column for part, column in beside.items()}}
    )
    return read_score_table(
        frame,
        scores=list(columns),
        target=names["target"],
        critical=None if critical is None else str(critical),
        id=None if ids is None else names["id"],
        group=None if groups is None else names["group"],
        weight=None if weights is None else names["weight"],
        subgroups=list(parted),
        name=name,
    )


def as_array(values: Any) -> np.ndarray[Any, np.dtype[Any]]:
    """Give a NumPy array of what came: also of a tensor, wherever it lies.

    >>> import torch
    >>> as_array(torch.tensor([1.5], requires_grad=True))
    array([1.5], dtype=float32)
    """
    if hasattr(values, "detach") and hasattr(values, "cpu"):
        values = values.detach().cpu()
        # NumPy has no bfloat16; a float32 holds every one of its values.
        if str(values.dtype) == "torch.bfloat16":
            values = values.float()
        return np.asarray(values.numpy())
    if isinstance(values, pd.Series):
        return values.to_numpy()
    return np.asarray(values)


def _several(scores: Any) -> dict[str, Any]:
    if isinstance(scores, pd.DataFrame):
        return {str(key): scores[key] for key in scores.columns}
    if isinstance(scores, Mapping):
        return dict(scores)
    name = scores.name if isinstance(scores, pd.Series) else None
    return {ONE if name is None else str(name): scores}


def _free(word: str, taken: set[str]) -> str:
    while word in taken:
        word += "_"
    return word


def calibration_parts(calibration: Sequence[Any]) -> tuple[Any, Any, Any]:
    """Part what was given as calibration data: scores, targets and, if they are there, groups.

    Raises:
        DataError: It is no such pair or triple.

    >>> calibration_parts(([0.1, 0.9], [0, 1]))
    ([0.1, 0.9], [0, 1], None)
    """
    if not isinstance(calibration, tuple | list) or len(calibration) not in (2, 3):
        raise DataError(
            "calibration must be (scores, targets) or (scores, targets, groups) of samples that "
            f"were used for nothing else; {type(calibration).__name__} came."
        )
    scores, targets, *rest = calibration
    return scores, targets, rest[0] if rest else None
