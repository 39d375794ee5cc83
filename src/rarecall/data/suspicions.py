"""What in the data may mislead: leaks, repeated samples, contradicting labels."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from pandas.util import hash_pandas_object

from rarecall.data.columns import as_numbers, kind_of
from rarecall.data.dates import date_part
from rarecall.data.wording import counted, quoted
from rarecall.metrics import auc
from rarecall.metrics.views import critical_masks

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rarecall.data.answers import Answers

LEAK_AUC = 0.995
"""A single column that ranks the classes this well deserves a look."""

_MOST_NEGATIVES = 20_000
_ROWS_A_CATEGORY = 20


def common_class(targets: NDArray[np.int64], critical: str) -> list[str]:
    """Remark that the critical class is not the rarer one.

    >>> common_class(np.array([1, 1, 0]), "ok")
    ["'ok', the critical class, is the more common one (66.7% of the samples): is it meant?"]
    """
    share = float(targets.mean())
    if share <= 0.5:
        return []
    return [
        f"{critical!r}, the critical class, is the more common one "
        f"({share:.1%} of the samples): is it meant?"
    ]


def common_classes(answers: Answers) -> list[str]:
    """Remark on every critical class or label that is not the rarer one."""
    notes = []
    for number in answers.task.critical:
        masks = critical_masks(answers.targets, answers.task, number)
        rows = masks.rows
        name = answers.classes[number] if answers.classes else answers.critical
        if rows.any() and answers.task.kind != "multiclass":
            notes += common_class(masks.positive[rows].astype(np.int64), name)
        elif rows.any():
            notes += common_class(masks.positive.astype(np.int64), name)
    return notes


def leaks(table: pd.DataFrame, answers: Answers) -> list[str]:
    """Name the columns that tell the target, or a critical class or label, almost alone."""
    if answers.task.kind == "binary":
        return leaking_columns(table, answers.targets)
    notes = []
    for number in answers.task.critical:
        masks = critical_masks(answers.targets, answers.task, number)
        rows = np.flatnonzero(masks.rows)
        known = masks.positive[rows].astype(np.int64)
        notes += leaking_columns(table.iloc[rows], known, repr(answers.classes[number]))
    return notes


def leaking_columns(
    table: pd.DataFrame, targets: NDArray[np.int64], what: str = "the target"
) -> list[str]:
    """Name the columns that tell the target almost alone (AUC of 0.995 or more).

    Args:
        table: Prepared columns.
        targets: 1 for critical, shape ``(n,)``, both classes present.
        what: What they tell, for the note.

    >>> leaking_columns(pd.DataFrame({"a": [1.5, 2.5, 3.5, 9.5]}), np.array([0, 0, 1, 1]))
    []
    """
    positives = np.flatnonzero(targets == 1)
    negatives = np.flatnonzero(targets == 0)
    # With a handful of samples on one side, some column separates them by chance.
    if min(len(positives), len(negatives)) < 10:
        return []
    if len(negatives) > _MOST_NEGATIVES:
        negatives = negatives[:: len(negatives) // _MOST_NEGATIVES + 1]
    rows = np.concatenate([positives, negatives])
    critical = targets[rows] == 1
    found = []
    for name, column in table.items():
        values = _scores(column.iloc[rows], critical)
        if values is None:
            continue
        area = auc(values, critical)
        if max(area, 1 - area) >= LEAK_AUC:
            found.append(str(name))
    if not found:
        return []
    tells = "tells" if len(found) == 1 else "tell"
    return [
        f"{counted(len(found), 'column')} {tells} {what} almost alone; if unknown when "
        f"the model is used, leave out: {quoted(found)}."
    ]


def repeated_rows(
    features: pd.DataFrame | NDArray[np.uint8], targets: NDArray[Any], *, grouped: bool
) -> list[str]:
    """Count samples that repeat an earlier one, and equal samples with different labels.

    Args:
        features: Prepared table, or images.
        targets: 1 for critical, shape ``(n,)``; or class numbers; or one column a label.
        grouped: Whether groups keep repeated samples together already.

    >>> repeated_rows(pd.DataFrame({"a": [1, 1, 2]}), np.array([0, 1, 0]), grouped=False)[1]
    '2 rows have equals with the other label: no model can tell these apart.'
    """
    if isinstance(features, pd.DataFrame):
        noun = "row"
        hashes = hash_pandas_object(features, index=False).to_numpy()
    else:
        noun = "image"
        hashes = np.asarray(
            [hashlib.blake2b(image.tobytes(), digest_size=16).hexdigest() for image in features]
        )
    codes, distinct = pd.factorize(hashes)
    repeats = len(codes) - len(distinct)
    if not repeats:
        return []
    answers = targets
    if targets.ndim == 2:
        # Missing labels agree with each other, and with nothing else.
        answers = np.unique(np.nan_to_num(targets, nan=-1.0), axis=0, return_inverse=True)[1]
        answers = answers.reshape(-1)
    lowest = np.full(len(distinct), np.iinfo(np.int64).max)
    highest = np.full(len(distinct), -1)
    np.minimum.at(lowest, codes, answers)
    np.maximum.at(highest, codes, answers)
    torn = int(np.bincount(codes)[lowest < highest].sum())
    binary = targets.ndim == 1 and targets.max() <= 1
    share = f"{repeats / len(codes):.1%}" if repeats >= len(codes) / 1000 else "under 0.1%"
    advice = "" if grouped else "; a random split can put equal ones on two sides"
    repeat = "repeats" if repeats == 1 else "repeat"
    notes = [f"{counted(repeats, noun)} ({share}) {repeat} an earlier one{advice}."]
    if torn:
        notes.append(
            f"{counted(torn, noun)} have equals with {'the other' if binary else 'another'} label: "
            "no model can tell these apart."
        )
    return notes


def _scores(column: pd.Series[Any], critical: NDArray[np.bool_]) -> NDArray[np.float64] | None:
    kind = kind_of(column)
    if kind == "category":
        codes, distinct = pd.factorize(column)
        if len(distinct) * _ROWS_A_CATEGORY > len(column):
            return None
        codes = codes + 1
        sizes = np.bincount(codes, minlength=len(distinct) + 1)
        hits = np.bincount(codes, weights=critical, minlength=len(distinct) + 1)
        return np.asarray((hits / np.maximum(sizes, 1))[codes], dtype=np.float64)
    values = date_part(column, "days") if kind == "date" else as_numbers(column)
    # That a value is missing can tell as much as the value.
    ranks = pd.Series(values).rank(na_option="top")
    return np.asarray(ranks, dtype=np.float64)
