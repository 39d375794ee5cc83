"""What is given beside ``X`` and ``y``: weights, and sets to choose weights or thresholds on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.utils import check_consistent_length
from sklearn.utils.validation import _check_sample_weight

from rarecall.errors import DataError
from rarecall.estimators.labels import as_targets, checked_labels
from rarecall.estimators.layout import later_look
from rarecall.estimators.part import Part
from rarecall.roles import Role

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from rarecall.estimators.layout import Layout


def row_weights(sample_weight: Any, rows: Any) -> tuple[NDArray[np.float64] | None, bool]:
    """Check sample weights.

    Args:
        sample_weight: Shape ``(n,)``, or None.
        rows: As many as there must be weights.

    Returns:
        The weights, or None where all are 1; and whether those above 0 differ, so that rows do
        not count alike.

    Raises:
        ValueError: Another shape, not finite, negative, or all zero.
    """
    if sample_weight is None:
        return None, False
    weights = _check_sample_weight(sample_weight, rows, dtype=np.float64)
    if (weights < 0).any():
        raise DataError(
            f"Sample weights must not be negative; {int((weights < 0).sum())} of {len(weights)} "
            "are. Leave such rows out, or give them weight 0."
        )
    kept = weights[weights > 0]
    if not len(kept):
        raise DataError("All sample weights are zero, so there is no row to learn from.")
    if (weights == 1).all():
        return None, False
    return weights, bool(kept.min() < kept.max())


def given_part(
    estimator: Any,
    given: Any,
    name: str,
    *,
    layout: Layout,
    classes: NDArray[Any],
    critical: tuple[int, ...],
) -> Part | None:
    """Read a set given as ``(X, y)`` or ``(X, y, groups)``, or as a list of one such tuple.

    Raises:
        DataError: Something else came, or a class is missing in it.
    """
    if given is None:
        return None
    if isinstance(given, list) and len(given) == 1:
        (given,) = given
    if not isinstance(given, (tuple, list)) or len(given) not in (2, 3):
        raise DataError(
            f"{name} must be (X, y), or (X, y, groups) where rows come in groups; "
            f"{type(given).__name__} came."
        )
    features = later_look(estimator, given[0], layout)
    labels = checked_labels(estimator, given[1])
    groups = given[2] if len(given) == 3 else None
    check_consistent_length(features, labels, groups)
    targets = as_targets(labels, classes, critical, f"{name}'s y")
    lacking = [k for k in critical if not (labels == classes[k]).any()]
    other = np.isin(labels, classes[list(critical)], invert=True)
    if lacking or not other.any():
        raise DataError(
            f"{name} must hold critical rows and others, but there are none of "
            f"{', '.join(repr(classes[k]) for k in lacking) or 'the others'}. Give it more rows."
        )
    return Part.of(features, targets, groups, None)


def refuse_shared(parts: Mapping[Role, Part], layout: Layout) -> None:
    """Refuse calibration rows that training or validation has seen, by content or group.

    Raises:
        DataError: It names how many, and what to do.
    """
    own = parts[Role.CALIBRATION]
    for role, part in parts.items():
        if role is Role.CALIBRATION:
            continue
        where = "X" if role is Role.TRAIN else "the rows that choose the weights (eval_set, or X)"
        rows = int(np.isin(own.keys, part.keys).sum())
        what = "images" if layout.kind == "images" else "rows"
        if not rows and own.groups is not None and part.groups is not None:
            rows, what = len(np.intersect1d(own.groups, part.groups)), "groups"
        if rows:
            raise DataError(
                f"{rows} {what} of calibration_set are in {where} too. What training has seen "
                "looks better than new rows will, so nothing can be promised on it. Leave them "
                "out of one of the two, or ask for no promise: threshold='empirical'."
            )
