"""The estimators hold to scikit-learn's contract, check by check."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import warnings
from typing import Any

import pytest
from sklearn.exceptions import SkipTestWarning
from sklearn.linear_model import LogisticRegression
from sklearn.utils import estimator_checks

from rarecall.estimators import CriticalClassifier, NoGuaranteeWarning, ThresholdAtTPR

BY_THRESHOLD = (
    "predict goes by the threshold that keeps the TPR, not by a probability of one half; "
    "scikit-learn's own threshold classifiers say the same"
)


def run_checks(estimator: object, expected: dict[str, str] | None = None) -> list[dict[str, Any]]:
    """Run all checks; what scikit-learn skips without its array interface runs by itself below."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NoGuaranteeWarning)
        # Tells of the one check that is skipped.
        warnings.simplefilter("ignore", SkipTestWarning)
        results: list[dict[str, Any]] = estimator_checks.check_estimator(
            estimator, expected_failed_checks=expected, on_fail="raise"
        )
    return results


def statuses(results: list[dict[str, Any]]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for result in results:
        found.setdefault(str(result["status"]), set()).add(str(result["check_name"]))
    return found


def statements(caught: pytest.ExceptionInfo[AssertionError]) -> str:
    return " ".join(str(entry.statement) for entry in caught.traceback)


def test_the_classifier_passes_every_check() -> None:
    # Few large steps: the checks fit a hundred times, and some want a high accuracy.
    classifier = CriticalClassifier(steps=20, learning_rate=0.01, probabilities="agreeing")
    found = statuses(run_checks(classifier))
    assert set(found) == {"passed", "skipped"}
    assert found["skipped"] == {"check_array_api_input"}
    assert len(found["passed"]) >= 50


@pytest.mark.filterwarnings("ignore::rarecall.estimators.NoGuaranteeWarning")
def test_with_calibrated_probabilities_only_the_largest_of_them_is_not_the_decision() -> None:
    """The rest of that check is passed above: the two settings differ in predict_proba alone."""
    with pytest.raises(AssertionError, match="Arrays are not equal") as caught:
        estimator_checks.check_classifiers_train("CriticalClassifier", CriticalClassifier(steps=60))
    assert re.search(r"np\.argmax\(y_prob, axis=1\), y_pred", statements(caught))
    for check in (
        estimator_checks.check_decision_proba_consistency,
        estimator_checks.check_methods_subset_invariance,
        estimator_checks.check_methods_sample_order_invariance,
        estimator_checks.check_sample_weight_equivalence_on_dense_data,
        estimator_checks.check_estimators_pickle,
        estimator_checks.check_fit_idempotent,
    ):
        check("CriticalClassifier", CriticalClassifier(steps=20))


@pytest.mark.parametrize("cv", [3, 0.3])
def test_a_threshold_on_a_classifier_passes_every_check_but_the_one_that_it_is_for(
    cv: float,
) -> None:
    wrapped = ThresholdAtTPR(LogisticRegression(), cv=cv, random_state=0)
    found = statuses(run_checks(wrapped, {"check_classifiers_train": BY_THRESHOLD}))
    assert set(found) == {"passed", "skipped", "xfail"}
    assert found["xfail"] == {"check_classifiers_train"}
    assert found["skipped"] == {"check_array_api_input"}


@pytest.mark.filterwarnings("ignore::rarecall.estimators.NoGuaranteeWarning")
def test_what_fails_there_is_that_the_largest_probability_is_not_the_decision() -> None:
    wrapped = ThresholdAtTPR(LogisticRegression(), cv=3)
    with pytest.raises(AssertionError, match="Arrays are not equal") as caught:
        estimator_checks.check_classifiers_train("ThresholdAtTPR", wrapped)
    compared = r"assert_array_equal\((dec_pred|np\.argmax\(y_prob, axis=1\)), y_pred"
    assert re.search(compared, statements(caught))


def test_the_skipped_check_of_the_array_interface_passes_where_scipy_has_it_on() -> None:
    """SciPy reads the switch when it is imported."""
    code = """
import warnings; warnings.simplefilter("ignore")
from sklearn.linear_model import LogisticRegression
from sklearn.utils.estimator_checks import check_array_api_input
from rarecall.estimators import CriticalClassifier, ThresholdAtTPR
for one in (CriticalClassifier(steps=5), ThresholdAtTPR(LogisticRegression(), cv=3)):
    check_array_api_input(
        "", one, array_namespace="numpy", expect_only_array_outputs=False
    )
"""
    switched = os.environ | {"SCIPY_ARRAY_API": "1"}
    subprocess.run([sys.executable, "-c", code], env=switched, check=True, timeout=120)
