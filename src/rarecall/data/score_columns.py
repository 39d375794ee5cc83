"""Columns of scores, targets and weights of any model's table, checked before they are believed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from rarecall.data.columns import as_numbers
from rarecall.data.labels import match_label, read_labels, with_counts
from rarecall.data.samples import count_labels
from rarecall.data.wording import counted, quoted
from rarecall.errors import DataError
from rarecall.metrics import auc

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray


def read_score(column: pd.Series[Any], name: str, source: str) -> NDArray[np.float64]:
    """Read a column of raw scores: every cell a finite number.

    Args:
        column: Of the table, shape ``(n,)``.
        name: Of the column, for messages.
        source: Of the table, for messages.

    Raises:
        DataError: A cell is text, empty, NaN or infinite; the first one is named.

    >>> import pandas as pd
    >>> read_score(pd.Series(["0,93", "0.1"]), "risk", "scores.csv")
    Traceback (most recent call last):
        ...
    rarecall.errors.DataError: Scores must be numbers, but the column 'risk' of scores.csv holds
    text in 1 row of 2: '0,93' at row 1. That is a decimal comma: write 0.93, or separate the
    columns of the file with semicolons.
    """
    values = as_numbers(column)
    text = np.isnan(values) & column.notna().to_numpy(dtype=bool)
    words = column[text].map(str).str.strip() if text.any() else None
    # A cell may say nan or inf in letters; that is no text but a broken number.
    real = text.copy()
    if words is not None:
        real[text] = ~words.str.lower().isin(["nan", ""]).to_numpy(dtype=bool)
    if real.any():
        first = int(np.argmax(real))
        word = str(column.iloc[first])
        raise DataError(
            f"Scores must be numbers, but the column {name!r} of {source} holds text in "
            f"{counted(int(real.sum()), 'row')} of {len(column)}: {word!r} at row {first + 1}."
            + _remedy(word)
        )
    broken = ~np.isfinite(values)
    if broken.any():
        raise DataError(
            f"Scores must be finite so that they can be ranked, but in the column {name!r} of "
            f"{source} {counted(int(broken.sum()), 'row')} of {len(column)} "
            f"{'is' if broken.sum() == 1 else 'are'} empty, NaN or infinite, the first at row "
            f"{int(np.argmax(broken)) + 1}. Score these rows or take them out; leaving out those "
            "that a model could not score makes it look better than it is."
        )
    return values


def _remedy(word: str) -> str:
    plain = word.strip().replace(",", ".")
    if _is_number(plain):
        return (
            f" That is a decimal comma: write {plain}, or separate the columns of the file with "
            "semicolons."
        )
    if plain.endswith("%") and _is_number(plain[:-1]):
        return " Write percentages as numbers, without the sign."
    return " Give the column that holds the model's raw output."


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


def read_binary_target(
    column: pd.Series[Any], name: str, critical: str | None, *, both: bool
) -> tuple[NDArray[np.int64], str, dict[str, int]]:
    """Mark the critical label with 1 and all others with 0.

    Labels 0 and 1 (also true, false, yes, no) say by themselves which is critical.

    Args:
        column: Of labels.
        name: Of the column, for messages.
        critical: The label that must not be missed, or None.
        both: Whether samples of both classes are needed.

    Returns:
        Targets, shape ``(n,)``; the critical label as it stands in the data; all label counts.

    Raises:
        DataError: A label is missing, the critical one is not known, or a class has no samples.

    >>> import pandas as pd
    >>> targets, critical, counts = read_binary_target(pd.Series([0, 1]), "y", None, both=True)
    >>> targets.tolist(), critical, counts
    ([0, 1], '1', {'0': 1, '1': 1})
    """
    labels = read_labels(column, name)
    counts = count_labels(labels)
    if critical is None:
        meant = _meaning_critical(counts, name)
        if meant is None:
            raise DataError(
                "Say which label must not be missed: give `critical` (--critical). "
                f"The labels of {name!r} are {with_counts(counts)}."
            )
    else:
        meant = _match(critical, counts, name, needed=both)
    targets = (labels == meant).astype(np.int64)
    positives = int(targets.sum())
    if both and positives in {0, len(targets)}:
        lacking = "critical" if positives == 0 else "other"
        raise DataError(
            f"Scores are judged on samples of both classes, but {name!r} has no {lacking} one: its "
            f"labels are {with_counts(counts)}, and critical is {meant!r}. Add such samples."
        )
    return targets, meant, counts


def _match(critical: str, counts: dict[str, int], name: str, *, needed: bool) -> str:
    try:
        return match_label(critical, counts, target=name)
    except DataError:
        # Newly labelled samples may well hold none that is critical.
        if needed:
            raise
        return critical


def _meaning_critical(counts: dict[str, int], name: str) -> str | None:
    meant: dict[str, str] = {}
    for truth in ("0", "1"):
        try:
            meant[truth] = match_label(truth, counts, target=name)
        except DataError:
            continue
    if set(meant.values()) != set(counts):
        return None
    return meant.get("1", "1")


def read_weights(
    column: pd.Series[Any], name: str, targets: NDArray[np.int64] | None
) -> NDArray[np.float64]:
    """Read weights: finite, none negative, with a positive sum in each class.

    Raises:
        DataError: A weight that cannot be used; the first one is named.

    >>> import pandas as pd
    >>> read_weights(pd.Series([2, 1.5]), "w", np.array([0, 1]))
    array([2. , 1.5])
    """
    values = as_numbers(column)
    wrong = ~np.isfinite(values) | (values < 0)
    if wrong.any():
        first = int(np.argmax(wrong))
        raise DataError(
            f"Weights must be finite numbers, 0 or more, but the weight column {name!r} has "
            f"{column.iloc[first]!r} at row {first + 1} "
            f"({counted(int(wrong.sum()), 'such row')}). Mend or delete these rows."
        )
    classes = {"all samples": np.ones(len(values), dtype=bool)}
    if targets is not None:
        classes = {"the critical samples": targets == 1, "the other samples": targets == 0}
    for words, rows in classes.items():
        if rows.any() and values[rows].sum() <= 0.0:
            raise DataError(
                f"The weights of {words} in {name!r} add up to 0, so none of them counts. "
                "Give at least one of them a weight."
            )
    return values


def suspicions(
    scores: dict[str, NDArray[np.float64]], targets: NDArray[np.int64], target: str
) -> list[str]:
    """Look for scores that cannot be a model's.

    Args:
        scores: By column name.
        targets: Of the same samples, both classes among them.
        target: Name of the target column.

    Returns:
        Notes for the user.

    Raises:
        DataError: A score never changes, or is the label itself.

    >>> suspicions({"s": np.array([3.0, 2.0, 1.0])}, np.array([0, 0, 1]), "y")
    ["'s' ranks the samples the wrong way round (AUC 0): higher must mean more critical. Negate
    it if lower means more critical."]
    """
    notes = []
    for name, values in scores.items():
        lowest, highest = float(values.min()), float(values.max())
        if lowest == highest:
            raise DataError(
                f"All {len(values)} scores in {name!r} are {lowest:g}: they rank nothing, so no "
                "measure can say anything about them. Give the model's raw output."
            )
        area = auc(values, targets)
        two = len(values) > 2 and bool(np.all((values == lowest) | (values == highest)))
        if two and area in {0.0, 1.0}:
            raise DataError(
                f"{name!r} takes two values only and tells {target!r} without an error: it seems "
                "to be the label in the place of a score. Give the model's raw output."
            )
        if area == 1.0:
            notes.append(
                f"{name!r} parts the classes without an error (AUC 1). That is rare outside of "
                "made data: was the model trained on these samples, or does it see the label?"
            )
        elif area < 0.5:
            notes.append(
                f"{name!r} ranks the samples the wrong way round (AUC {area:.3g}): higher must "
                "mean more critical. Negate it if lower means more critical."
            )
        if two:
            notes.append(
                f"{name!r} takes two values only: these seem to be decisions, not scores, so there "
                "is a single threshold to choose. The model's raw output says more."
            )
    names = list(scores)
    for k, name in enumerate(names):
        same = [other for other in names[k + 1 :] if np.array_equal(scores[name], scores[other])]
        if same:
            notes.append(f"The scores in {name!r} and {quoted(same)} are equal in every row.")
    return notes
