"""What the label columns say: one critical label, several classes, or a label a column."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from rarecall.data.columns import as_numbers, as_text
from rarecall.data.labels import binary_targets, match_label, read_labels, with_counts
from rarecall.data.samples import count_labels
from rarecall.data.wording import counted, quoted
from rarecall.errors import DataError
from rarecall.task import BINARY, Task

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from rarecall.data.request import Request


@dataclass(frozen=True, eq=False)
class Answers:
    """Targets in the form of their task, and the names that go with them.

    Attributes:
        targets: As :class:`rarecall.data.Samples` holds them.
        task: The kind of problem.
        classes: Names of the classes or labels by number; empty in binary work.
        critical: The critical label, or all of them, as text.
        target_name: The label's column, or all of them, as text.
        class_counts: Samples of every label, most frequent first; in multi-label work the samples
            with each.
        labels: The label of every sample as text, or None in multi-label work.
        notes: For the user.
    """

    targets: NDArray[Any]
    task: Task
    classes: tuple[str, ...]
    critical: str
    target_name: str
    class_counts: dict[str, int]
    labels: NDArray[np.str_] | None
    notes: tuple[str, ...] = ()


def read_answers(table: pd.DataFrame, request: Request) -> Answers:
    """Read the label columns that the request names.

    Args:
        table: Holds them.
        request: Names one column or more, the critical labels and the kind of problem.

    Raises:
        DataError: A label is missing, unknown, or of another form than the task needs.
    """
    if request.task == "multilabel":
        return _multilabel(table, request.target_columns)
    (target,) = request.target_columns
    labels = read_labels(table[target], target)
    if request.task == "multiclass":
        return _multiclass(labels, request.criticals, target)
    targets, critical, counts = binary_targets(labels, request.critical, target=target)
    return Answers(targets, BINARY, (), critical, target, counts, labels)


def _multiclass(labels: NDArray[np.str_], criticals: tuple[str, ...], target: str) -> Answers:
    counts = count_labels(labels)
    if not criticals:
        raise DataError(
            "Say which labels must not be missed: give `critical` (--critical), one or more. "
            f"The labels of {target!r} are {with_counts(counts)}."
        )
    names, problems = [], []
    for wanted in criticals:
        try:
            names.append(match_label(wanted, counts, target=target))
        except DataError as error:
            problems.append(str(error))
    if problems:
        raise DataError("\n".join(problems))
    if len(set(names)) < len(names):
        raise DataError(
            f"The critical labels {quoted(criticals)} of {target!r} repeat one another."
        )
    if len(counts) < 2 or len(names) == len(counts):
        raise DataError(
            f"Some label must be left that is not critical, but {target!r} has "
            f"{with_counts(counts)}, and critical are {quoted(names)}. Name fewer critical labels."
        )
    classes = tuple(sorted(counts, key=_order))
    codes = {name: number for number, name in enumerate(classes)}
    distinct, inverse = np.unique(labels, return_inverse=True)
    targets = np.asarray([codes[str(name)] for name in distinct], dtype=np.int64)[inverse]
    numbers = tuple(sorted(codes[name] for name in names))
    task = Task("multiclass", len(classes), numbers)
    critical = ", ".join(classes[number] for number in numbers)
    return Answers(targets, task, classes, critical, target, counts, labels)


def _order(name: str) -> tuple[bool, float, str]:
    """Order numbers as numbers, before words."""
    try:
        return False, float(name), name
    except ValueError:
        return True, 0.0, name


def _multilabel(table: pd.DataFrame, columns: tuple[str, ...]) -> Answers:
    found, problems = [], []
    for name in columns:
        column = table[name]
        values = as_numbers(column)
        strange = column.notna().to_numpy() & ~((values >= 0) & (values <= 1))
        words = [str(word) for word in np.unique(as_text(column)[strange].astype(np.str_))]
        if words:
            problems.append(f"{name!r} holds {quoted(words, most=3)}")
        found.append(values)
    if problems:
        raise DataError(
            "Every label column of a multi-label table holds 1 (the sample has the label), 0 (it "
            "has not), a number between where that is uncertain, or is empty where it is not "
            f"known; but {'; '.join(problems)}. One column with a word a sample is a multi-class "
            "task: name it alone."
        )
    targets = np.stack(found, axis=1)
    unknown = int(np.isnan(targets).all(axis=1).sum())
    notes = []
    missing, uncertain = int(np.isnan(targets).sum()), int(((targets > 0) & (targets < 1)).sum())
    if missing:
        notes.append(
            f"{missing / targets.size:.1%} of all labels are missing; they are left out of "
            "training and of every measure."
        )
    if uncertain:
        notes.append(
            f"{counted(uncertain, 'label')} {'is' if uncertain == 1 else 'are'} uncertain, between "
            "0 and 1; such labels are trained on, and left out of every measure."
        )
    if unknown:
        notes.append(f"{counted(unknown, 'sample')} without any known label teach nothing.")
    counts = {name: int((targets[:, k] == 1).sum()) for k, name in enumerate(columns)}
    every = ", ".join(columns)
    task = Task.multilabel(len(columns))
    return Answers(targets, task, columns, every, every, counts, None, tuple(notes))
