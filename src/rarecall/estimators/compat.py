"""Calls that scikit-learn has renamed, under one name."""

from __future__ import annotations

from typing import Any

try:
    from sklearn.utils.validation import validate_data as _validate_data

    _FINITE = "ensure_all_finite"
except ImportError:  # scikit-learn 1.5
    _validate_data = None
    _FINITE = "force_all_finite"


def checked_array(estimator: Any, X: Any, *, reset: bool) -> Any:  # noqa: N803  (scikit-learn's)
    """Check a matrix of numbers, missing ones allowed, and what the estimator knows of it.

    Returns:
        Float64, shape ``(n, d)``.
    """
    options = {"dtype": "float64", _FINITE: "allow-nan", "reset": reset}
    if _validate_data is None:
        return estimator._validate_data(X, **options)
    return _validate_data(estimator, X, **options)


def check_names(estimator: Any, X: Any, *, reset: bool) -> None:  # noqa: N803  (scikit-learn's)
    """Check number and names of the columns alone, not what they hold."""
    if _validate_data is None:
        estimator._check_feature_names(X, reset=reset)
        estimator._check_n_features(X, reset=reset)
        return
    _validate_data(estimator, X, reset=reset, skip_check_array=True)


def input_tags_of(estimator: Any) -> Any:
    """Give what an estimator says of the inputs it takes; scikit-learn 1.6 and later."""
    from sklearn.utils import get_tags

    return get_tags(estimator).input_tags
