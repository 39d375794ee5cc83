"""Any model's scores as a table: a column or more of scores, the label, and what goes with them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from rarecall.data.request import read_complete_text, read_roles, refuse_repeated_ids, row_numbers
from rarecall.data.samples import fingerprint
from rarecall.data.score_columns import read_binary_target, read_score, read_weights, suspicions
from rarecall.data.score_sources import check_columns, comparable, open_table
from rarecall.data.subgroups import subgroup_table
from rarecall.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True, eq=False)
class ScoreTable:
    """Scores of one model or more on the same samples; made by :func:`read_score_table`.

    Attributes:
        name: Of the source.
        scores: By column name: raw, higher is more critical, float64, shape ``(n,)`` each.
        targets: 1 for the critical class, 0 otherwise, int64, shape ``(n,)``; None without labels.
        ids: Unique, str, shape ``(n,)``; row numbers from 0 where no column names the rows.
        named: Whether a column named the rows.
        critical: The critical label as text; empty without labels.
        target_name: Name of the label's column; empty without labels.
        class_counts: Samples of every label, most frequent first.
        groups: Group (patient, account) of every sample, str, shape ``(n,)``, or None.
        weights: Float64, shape ``(n,)``, or None.
        roles: What the source says every row may be used for, str, shape ``(n,)``, or None.
        subgroups: The subgroup columns as text, ``n`` rows; None without.
        rows: The columns that play no part, ``n`` rows, for display.
        notes: Sentences for the user.
    """

    name: str
    scores: dict[str, NDArray[np.float64]]
    targets: NDArray[np.int64] | None
    ids: NDArray[np.str_]
    named: bool
    critical: str
    target_name: str
    class_counts: dict[str, int]
    groups: NDArray[np.str_] | None
    weights: NDArray[np.float64] | None
    roles: NDArray[np.str_] | None
    subgroups: pd.DataFrame | None
    rows: pd.DataFrame
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def positives(self) -> int:
        """Number of critical samples; 0 without labels."""
        return 0 if self.targets is None else int(self.targets.sum())

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of scores, targets and ids; equal for equal content."""
        targets = np.zeros(0, np.int64) if self.targets is None else self.targets
        return fingerprint(pd.DataFrame(self.scores), targets, self.ids)

    @property
    def unique_ids(self) -> NDArray[np.str_]:
        """Ids that name the samples across files, shape ``(n,)``.

        Row numbers are the same in every file, so the table's fingerprint stands before them.
        """
        if self.named:
            return self.ids
        before = f"{self.fingerprint[:16]}-"
        return np.asarray([before + name for name in self.ids.tolist()], dtype=np.str_)

    @cached_property
    def content_keys(self) -> NDArray[np.uint64]:
        """A hash of every row whose content stands once only, in order.

        Row numbers are the same in every file; these tell whether two files hold the same samples.
        """
        columns: dict[str, object] = {**self.rows, **self.scores}
        if self.targets is not None:
            columns[self.target_name] = self.targets
        # By name, and numbers as floats: which column plays which part may differ between files.
        plain = {name: comparable(columns[name]) for name in sorted(columns)}
        hashed = pd.util.hash_pandas_object(pd.DataFrame(plain), index=False).to_numpy()
        distinct, counts = np.unique(hashed, return_counts=True)
        once: NDArray[np.uint64] = distinct[counts == 1]
        return once

    def renamed(self, name: str) -> ScoreTable:
        """Give the only score another name."""
        (values,) = self.scores.values()
        return replace(self, scores={name: values})

    def take(self, positions: ArrayLike) -> ScoreTable:
        """Select samples by position, in the order given.

        Args:
            positions: Integers in ``[0, n)``, shape ``(m,)``.
        """
        rows = np.asarray(positions, dtype=np.int64)
        targets = None if self.targets is None else self.targets[rows]
        counts: dict[str, int] = {}
        if targets is not None:
            others = [name for name in self.class_counts if name != self.critical]
            rest = others[0] if len(others) == 1 else f"not {self.critical}"
            positives = int(targets.sum())
            counts = {rest: len(rows) - positives, self.critical: positives}
        return replace(
            self,
            scores={name: values[rows] for name, values in self.scores.items()},
            targets=targets,
            ids=self.ids[rows],
            class_counts=counts,
            groups=None if self.groups is None else self.groups[rows],
            weights=None if self.weights is None else self.weights[rows],
            roles=None if self.roles is None else self.roles[rows],
            subgroups=None
            if self.subgroups is None
            else self.subgroups.iloc[rows].reset_index(drop=True),
            rows=self.rows.iloc[rows].reset_index(drop=True),
        )


def read_score_table(
    source: str | Path | pd.DataFrame,
    *,
    scores: Sequence[str],
    target: str | None = None,
    critical: str | None = None,
    id: str | None = None,  # noqa: A002  (the users' word for it)
    group: str | None = None,
    weight: str | None = None,
    split: str | None = None,
    subgroups: Sequence[str] = (),
    judge: bool = True,
    name: str | None = None,
) -> ScoreTable:
    """Read scores that some model gave, with the labels where they are known.

    Args:
        source: CSV or TSV (also compressed), Parquet, or a table in memory.
        scores: Columns of raw scores, one a model; higher is more critical.
        target: Column of labels; None for samples that are not labelled.
        critical: The label that must not be missed; not needed where labels are 0 and 1, or true
            and false. All others count as harmless.
        id: Column that names every row.
        group: Column of what a row belongs to (patient, account).
        weight: Column of weights.
        split: Column that says what a row may be used for: calibration, test, ...
        subgroups: Columns whose values part the samples, for display.
        judge: Whether the scores are to be judged against the labels: both classes are then needed,
            and scores that cannot be a model's are refused.
        name: Of the source, for messages.

    Raises:
        DataError: A column is missing, or its content cannot be used.
        ConfigurationError: No score is named, or a column is named for two parts.

    >>> frame = pd.DataFrame({"risk": [0.1, 0.8, 0.7], "ill": [0, 0, 1], "sex": list("fmf")})
    >>> table = read_score_table(frame, scores=["risk"], target="ill", subgroups=["sex"])
    >>> table.scores["risk"], table.targets, table.critical, list(table.rows)
    (array([0.1, 0.8, 0.7]), array([0, 0, 1]), '1', ['sex'])
    >>> read_score_table(frame, scores=["rsk"], target="ill")
    Traceback (most recent call last):
        ...
    rarecall.errors.DataError: The score column 'rsk' is not in the table. Did you mean 'risk'?
    Its columns are 'risk', 'ill', 'sex'.
    """
    table, name = open_table(source, name)
    parts = {"target": target, "id": id, "group": group, "weight": weight, "split": split}
    scores = (scores,) if isinstance(scores, str) else tuple(scores)
    check_columns(table, scores, {k: v for k, v in parts.items() if v is not None}, name)
    values = {column: read_score(table[column], column, name) for column in scores}
    targets, meant, notes = None, "", list[str]()
    counts: dict[str, int] = {}
    if target is not None:
        targets, meant, counts = read_binary_target(table[target], target, critical, both=judge)
        if judge:
            notes = suspicions(values, targets, target)
    elif critical is not None:
        raise ConfigurationError(
            f"critical is {critical!r}, a label, but no column of labels is named: give `target` "
            "(--target) too."
        )
    ids = row_numbers(len(table))
    if id is not None:
        ids = read_complete_text(table[id], id, "id", "a name")
        refuse_repeated_ids(ids, id)
    roles = None
    if split is not None:
        roles = read_roles(read_complete_text(table[split], split, "split", "a part"), split)
    taken = {*scores, *(column for column in parts.values() if column is not None)}
    return ScoreTable(
        name=name,
        scores=values,
        targets=targets,
        ids=ids,
        named=id is not None,
        critical=meant,
        target_name=target or "",
        class_counts=counts,
        groups=None
        if group is None
        else read_complete_text(table[group], group, "group", "a group"),
        weights=None if weight is None else read_weights(table[weight], weight, targets),
        roles=roles,
        subgroups=subgroup_table(table, subgroups, name) if subgroups else None,
        rows=table[[column for column in table.columns if column not in taken]],
        notes=tuple(notes),
    )
