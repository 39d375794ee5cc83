"""Samples: features, binary targets and identifiers, however they were stored."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from rarecall.data.columns import described_kind
from rarecall.metrics.views import Masks, any_critical, critical_masks
from rarecall.task import BINARY, Task

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

Kind = Literal["table", "images"]


@dataclass(frozen=True, eq=False)
class Samples:
    """Samples with their targets, made by :func:`rarecall.data.load`.

    Attributes:
        name: Name of the source.
        kind: ``"table"`` or ``"images"``.
        features: A table, ``n`` rows, with columns of numbers, dates or categories only; or images,
            uint8, shape ``(n, H, W, C)``.
        targets: 1 for the critical class, 0 otherwise, int64, shape ``(n,)``; in multi-class work
            class numbers; in multi-label work float64, shape ``(n, L)``, NaN where a label is
            missing and between 0 and 1 where it is uncertain.
        ids: Unique identifiers, str, shape ``(n,)``.
        critical: The critical label, or all of them, as text.
        target_name: Name of the target column, or of all of them.
        class_counts: Number of samples of every label, most frequent first; in multi-label work
            of those known to have it.
        groups: Group (patient, account) of every sample, str, shape ``(n,)``, or None.
        times: Time of every sample, float64 or datetime64, shape ``(n,)``, or None.
        given_roles: The role that the source gives to every sample, str, shape ``(n,)``, or None.
        notes: Sentences for the user: columns left out, repeated rows, suspected leaks.
        labels: The label of every sample as text, shape ``(n,)``, or None when only the targets
            are known.
        task: The kind of problem.
        classes: Names of the classes or labels, by number; empty in binary work.
        metadata: A table beside images (patient data), ``n`` rows, columns as in a table of
            features; None without.
        subgroups: Columns that part the samples for reports, as text, ``n`` rows; None without.

    >>> table = pd.DataFrame({"age": [41, 52, 63]})
    >>> samples = Samples("demo", "table", table, np.array([0, 0, 1]), np.array(["a", "b", "c"]),
    ...                   critical="ill", target_name="state", class_counts={"well": 2, "ill": 1})
    >>> len(samples), samples.take([2]).class_counts
    (3, {'ill': 1})
    """

    name: str
    kind: Kind
    features: pd.DataFrame | NDArray[np.uint8]
    targets: NDArray[Any]
    ids: NDArray[np.str_]
    critical: str
    target_name: str
    class_counts: dict[str, int]
    groups: NDArray[np.str_] | None = None
    times: NDArray[Any] | None = None
    given_roles: NDArray[np.str_] | None = None
    notes: tuple[str, ...] = ()
    labels: NDArray[np.str_] | None = None
    task: Task = BINARY
    classes: tuple[str, ...] = ()
    metadata: pd.DataFrame | None = None
    subgroups: pd.DataFrame | None = None

    def __post_init__(self) -> None:
        n = len(self.targets)
        if self.task.kind != "binary" and len(self.classes) != self.task.classes:
            raise ValueError(
                f"The task has {self.task.classes} classes but {len(self.classes)} are named."
            )
        aligned = {
            "features": self.features,
            "ids": self.ids,
            "groups": self.groups,
            "times": self.times,
            "given_roles": self.given_roles,
            "labels": self.labels,
            "metadata": self.metadata,
            "subgroups": self.subgroups,
        }
        for name, part in aligned.items():
            if part is not None and len(part) != n:
                raise ValueError(f"targets has {n} samples but {name} has {len(part)}.")

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of features, targets and ids; equal for equal content."""
        own = fingerprint(self.features, self.targets, self.ids, self.classes)
        if self.metadata is None:
            return own
        beside = fingerprint(self.metadata, self.targets, self.ids, self.classes)
        return hashlib.sha256(f"{own}{beside}".encode()).hexdigest()

    def __len__(self) -> int:
        return len(self.targets)

    @property
    def positives(self) -> int:
        """Number of critical samples: of the critical class, or of any critical class or label."""
        return int(any_critical(self.targets, self.task).positive.sum())

    @property
    def critical_names(self) -> dict[int, str]:
        """Name of every critical class or label, by its number; 1 in binary work."""
        if self.task.kind == "binary":
            return {1: self.critical}
        return {number: self.classes[number] for number in self.task.critical}

    def masks(self, number: int) -> Masks:
        """Part the samples for one critical class or label; 1 in binary work."""
        return critical_masks(self.targets, self.task, number)

    @property
    def critical_counts(self) -> dict[str, int]:
        """Number of samples of every critical class or label."""
        return {
            name: int(self.masks(number).positive.sum())
            for number, name in self.critical_names.items()
        }

    def take(self, positions: ArrayLike) -> Samples:
        """Select samples by position, in the order given.

        Args:
            positions: Integers in ``[0, n)``, shape ``(m,)``.
        """
        rows = np.asarray(positions, dtype=np.int64)
        features = self.features
        taken = _rows(features, rows) if isinstance(features, pd.DataFrame) else features[rows]
        labels = None if self.labels is None else self.labels[rows]
        targets = self.targets[rows]
        return Samples(
            name=self.name,
            kind=self.kind,
            features=taken,
            targets=targets,
            ids=self.ids[rows],
            critical=self.critical,
            target_name=self.target_name,
            class_counts=self._counts(targets, labels),
            groups=None if self.groups is None else self.groups[rows],
            times=None if self.times is None else self.times[rows],
            given_roles=None if self.given_roles is None else self.given_roles[rows],
            notes=self.notes,
            labels=labels,
            task=self.task,
            classes=self.classes,
            metadata=None if self.metadata is None else _rows(self.metadata, rows),
            subgroups=None if self.subgroups is None else _rows(self.subgroups, rows),
        )

    def summary(self) -> dict[str, Any]:
        """Describe the samples in plain values that JSON can hold.

        Returns:
            ``name``, ``kind``, ``n``, ``positives``, ``critical``, ``target``, ``class_counts``,
            ``fingerprint``, ``notes``, ``groups`` (how many, or None), ``times`` (first and last,
            or None); for tables ``columns`` (kind, number and share of missing values, number of
            distinct values, of each), for images with metadata of those; for images ``image_size``
            and ``channels``; in multi-class
            and multi-label work ``task`` and ``classes``.
        """
        groups = None if self.groups is None else len(np.unique(self.groups))
        times = None
        if self.times is not None and len(self):
            times = [_plain(self.times.min()), _plain(self.times.max())]
        told: dict[str, Any] = {
            "name": self.name,
            "kind": self.kind,
            "n": len(self),
            "positives": self.positives,
            "critical": self.critical,
            "target": self.target_name,
            "class_counts": dict(self.class_counts),
            "fingerprint": self.fingerprint,
            "notes": list(self.notes),
            "groups": groups,
            "times": times,
        }
        if self.task.kind != "binary":
            told |= {"task": self.task.to_json(), "classes": list(self.classes)}
        if isinstance(self.features, pd.DataFrame):
            told["columns"] = {
                str(name): _describe(column) for name, column in self.features.items()
            }
        else:
            told["image_size"] = [int(side) for side in self.features.shape[1:3]]
            told["channels"] = int(self.features.shape[3])
        if self.metadata is not None:
            told["columns"] = {
                str(name): _describe(column) for name, column in self.metadata.items()
            }
        return told

    def _counts(self, targets: NDArray[Any], labels: NDArray[np.str_] | None) -> dict[str, int]:
        if labels is not None:
            return count_labels(labels)
        if self.task.kind == "multilabel":
            return {name: int((targets[:, k] == 1).sum()) for k, name in enumerate(self.classes)}
        if self.task.kind == "multiclass":
            return count_labels(np.asarray(self.classes)[targets])
        positives = int(targets.sum())
        others = [label for label in self.class_counts if label != self.critical]
        rest = others[0] if len(others) == 1 else f"not {self.critical}"
        counts = {rest: len(targets) - positives, self.critical: positives}
        return {label: count for label, count in counts.items() if count}


def _rows(table: pd.DataFrame, rows: NDArray[np.int64]) -> pd.DataFrame:
    return table.iloc[rows].reset_index(drop=True)


def count_labels(labels: NDArray[np.str_]) -> dict[str, int]:
    """Count every label, most frequent first.

    >>> count_labels(np.array(["b", "a", "b"]))
    {'b': 2, 'a': 1}
    """
    names, counts = np.unique(labels, return_counts=True)
    order = np.argsort(-counts, kind="stable")
    return {str(names[k]): int(counts[k]) for k in order}


def fingerprint(
    features: pd.DataFrame | NDArray[np.uint8],
    targets: NDArray[Any],
    ids: NDArray[np.str_],
    classes: Sequence[str] = (),
) -> str:
    """Hash the content: SHA-256 over features, targets and ids, whatever file they came from.

    >>> a = fingerprint(pd.DataFrame({"x": [1, 2]}), np.array([0, 1]), np.array(["a", "b"]))
    >>> b = fingerprint(pd.DataFrame({"x": [1.0, 2.0]}), np.array([0, 1]), np.array(["a", "b"]))
    >>> a == b
    True
    """
    digest = hashlib.sha256()
    if isinstance(features, pd.DataFrame):
        for name, column in features.items():
            digest.update(f"\x1e{name}\x1f".encode())
            digest.update(_bytes_of(column))
    else:
        digest.update(str(features.shape).encode())
        digest.update(np.ascontiguousarray(features).data)
    if targets.dtype.kind == "f":
        values = np.ascontiguousarray(targets, dtype="<f8") + 0.0
        values[np.isnan(values)] = np.nan
        digest.update(values.data)
    else:
        digest.update(np.ascontiguousarray(targets, dtype="<i8").data)
    if classes:
        digest.update("\x1e".join(classes).encode() + b"\x1d")
    digest.update("\x1f".join(ids.tolist()).encode())
    return digest.hexdigest()


def _bytes_of(column: pd.Series[Any]) -> bytes | memoryview:
    if pd.api.types.is_datetime64_any_dtype(column.dtype):
        return column.to_numpy().astype("datetime64[us]").astype("<i8").data
    if pd.api.types.is_numeric_dtype(column.dtype):
        # + 0.0 turns minus zero into zero, and NaN has one pattern only after the assignment.
        values = column.to_numpy(dtype="<f8", na_value=np.nan) + 0.0
        values[np.isnan(values)] = np.nan
        return values.data
    codes, names = pd.factorize(column)
    text = "\x1f".join(str(name) for name in names)
    return text.encode() + b"\x1e" + np.ascontiguousarray(codes, dtype="<i8").tobytes()


def _describe(column: pd.Series[Any]) -> dict[str, Any]:
    missing = int(column.isna().sum())
    return {
        "kind": described_kind(column),
        "missing": missing,
        "missing_share": missing / max(len(column), 1),
        "distinct": int(column.nunique()),
    }


def _plain(value: Any) -> str | float:
    return str(value) if isinstance(value, np.datetime64) else float(value)
