"""The drift check against SciPy, its false calls, what it finds, and what it says that means."""

from __future__ import annotations

import json

import numpy as np
import pytest
from scipy.stats import fisher_exact, ks_2samp

from rarecall.errors import ConfigurationError, DataError, MetricError
from rarecall.metrics import rate_interval
from rarecall.monitoring import check_drift
from rarecall.roles import CalibrationScores
from rarecall.thresholds import certify


def draw(rng, n, prevalence=0.05, shift=0.0, harmless=0.0):
    targets = (rng.random(n) < prevalence).astype(int)
    return rng.normal(2 * targets + shift * targets + harmless * (1 - targets)), targets


def certificate(scores, targets):
    ids = np.arange(len(scores)).astype(str)
    return certify(CalibrationScores(scores, targets, ids), tpr=0.9)


@pytest.mark.parametrize(
    ("n", "m", "step"), [(300, 40, 0), (500, 400, 0.5), (2, 3, 0), (7, 2000, 2)]
)
def test_the_distance_and_its_p_value_are_those_of_scipy(n, m, step):
    rng = np.random.default_rng(n)
    old, new = rng.normal(size=n), rng.normal(0.3, size=m)
    if step:
        old, new = np.round(old / step), np.round(new / step)
    expected = ks_2samp(old, new, method="asymp" if n * m > 20_000 else "exact")
    found = check_drift(new, old)
    assert found.distance == pytest.approx(expected.statistic, abs=1e-12)
    assert found.distance_p == pytest.approx(expected.pvalue, abs=1e-12)


def test_of_a_certificate_that_keeps_quantiles_the_distance_is_proven():
    rng = np.random.default_rng(0)
    scores, targets = draw(rng, 30_000)
    kept = certificate(scores, targets).reference
    assert len(kept["scores"]) == 2001
    for shift in (0.0, 0.1, 1.0):
        new = rng.normal(shift, size=5000)
        exact = ks_2samp(scores, new).statistic
        found = check_drift(new, kept).distance
        assert exact - 1 / 1000 <= found <= exact + 1e-12


def test_the_shares_flagged_are_counted_at_and_above_the_threshold():
    old, new = np.array([0.0, 1, 1, 2, 3]), np.array([1.0, 1, 0.5, 4])
    found = check_drift(new, old, threshold=1.0, confidence=0.9)
    assert (found.flagged_before.value, found.flagged_now.value) == (0.8, 0.75)
    interval = rate_interval(3, 4, 0.9)
    assert (found.flagged_now.low, found.flagged_now.high) == (interval.low, interval.high)
    assert found.flagged_p == pytest.approx(fisher_exact([[4, 1], [3, 1]]).pvalue)
    assert found.p_value == pytest.approx(min(1, 2 * min(found.flagged_p, found.distance_p)))
    assert (found.below, found.above) == (0.0, 0.25)


def test_the_stability_index_is_its_sum_over_tenths():
    rng = np.random.default_rng(1)
    old, new = rng.normal(size=5000), rng.normal(0.5, size=3000)
    edges = np.quantile(old, np.arange(1, 10) / 10, method="inverted_cdf")
    p, q = (
        (np.bincount(np.searchsorted(edges, part, "left"), minlength=10) + 0.5) / (len(part) + 5)
        for part in (old, new)
    )
    found = check_drift(new, old)
    assert found.stability == pytest.approx(np.sum((q - p) * np.log(q / p)), rel=1e-9)
    assert found.stability_by_chance == pytest.approx(9 * (1 / 5000 + 1 / 3000))


def test_without_drift_the_index_is_about_what_chance_makes_it():
    rng = np.random.default_rng(2)
    found = [check_drift(rng.normal(size=400), rng.normal(size=900)) for _ in range(60)]
    assert np.mean([one.stability for one in found]) == pytest.approx(
        found[0].stability_by_chance, rel=0.3
    )


@pytest.mark.parametrize(("n", "m"), [(800, 20), (3000, 500)])
def test_a_drift_is_called_no_oftener_than_the_level_says_where_there_is_none(n, m):
    rng = np.random.default_rng(n)
    calls = 0
    for _ in range(250):
        held = certificate(*draw(rng, n))
        new = draw(rng, m)[0]
        calls += check_drift(new, held.reference, threshold=held.threshold, level=0.1).drifted
    # 25 are allowed; 38 is beyond three deviations.
    assert calls <= 38


def test_a_change_in_the_tail_that_the_whole_curve_hides_is_found_at_the_threshold():
    rng = np.random.default_rng(3)
    old = rng.uniform(size=3000)
    new = rng.uniform(size=1500)
    new[:45] = 1.0 - new[:45] / 200
    found = check_drift(new, old, threshold=0.99)
    assert found.drifted
    assert found.distance_p > 0.01
    assert not check_drift(new, old).drifted


def test_more_critical_cases_are_told_from_cases_that_score_otherwise():
    rng = np.random.default_rng(4)
    held = certificate(*draw(rng, 4000))
    more = check_drift(draw(rng, 3000, prevalence=0.2)[0], held.reference)
    assert more.drifted
    assert more.shares_only.explains
    assert more.shares_only.now == pytest.approx(0.2, abs=0.04)
    assert "another share of critical cases alone would explain" in more.meaning
    other = check_drift(draw(rng, 3000, harmless=0.5)[0], held.reference)
    assert other.drifted
    assert not other.shares_only.explains
    assert "cannot explain" in other.meaning
    assert "certify again" in other.advice


def test_another_share_of_critical_cases_is_seldom_called_another_kind_of_cases():
    rng = np.random.default_rng(5)
    wrong = found = 0
    for _ in range(60):
        held = certificate(*draw(rng, 1500))
        drift = check_drift(draw(rng, 1500, prevalence=0.25)[0], held.reference, level=0.05)
        found += drift.drifted
        wrong += drift.drifted and not drift.shares_only.explains
    assert found >= 55
    assert wrong <= 8


def test_no_critical_case_left_is_a_share_of_none():
    rng = np.random.default_rng(6)
    held = certificate(*draw(rng, 4000, prevalence=0.2))
    drift = check_drift(draw(rng, 3000, prevalence=0.0)[0], held.reference)
    assert drift.drifted
    assert drift.shares_only.explains
    assert drift.shares_only.now < 0.02
    assert "hardly any now, about 20% then" in drift.meaning


def test_plain_scores_as_reference_cannot_tell_why():
    drift = check_drift(np.arange(300.0) + 200, np.arange(300.0))
    assert drift.drifted
    assert drift.shares_only is None
    assert "how critical cases scored" in drift.meaning


def test_without_drift_nothing_is_claimed_to_be_proven():
    drift = check_drift(np.arange(300.0), np.arange(300.0))
    assert not drift.drifted
    assert drift.p_value == 1.0
    assert "does not prove" in drift.meaning


def test_new_scores_beyond_all_old_ones_are_counted():
    drift = check_drift([-5.0, 0.5, 2.0, 9.0], np.linspace(0, 1, 50))
    assert (drift.below, drift.above) == (0.25, 0.5)


def test_constant_and_single_scores_are_fine():
    same = check_drift(np.ones(50), np.ones(80), threshold=1.0)
    assert (same.distance, same.p_value, same.stability) == (0.0, 1.0, 0.0)
    assert not check_drift([0.3], [0.4]).drifted
    assert check_drift(np.zeros(50), np.ones(80)).drifted


def test_huge_scores_are_only_ranked():
    assert check_drift([1e300, -1e300], [1e308, -1e308]).distance == 0.5


def test_the_finding_is_plain_values_for_json():
    rng = np.random.default_rng(7)
    held = certificate(*draw(rng, 1000))
    drift = check_drift(rng.normal(3, size=500), held.reference, threshold=held.threshold)
    stored = json.loads(json.dumps(drift.to_dict(), allow_nan=False))
    assert stored["shares_only"]["explains"] is False
    assert stored["flagged_now"]["value"] == drift.flagged_now.value


def test_bad_input_is_refused():
    with pytest.raises(DataError, match="no new scores"):
        check_drift([], [1.0])
    with pytest.raises(DataError, match="holds no scores"):
        check_drift([1.0], [])
    with pytest.raises(DataError, match="positive_scores is missing"):
        check_drift([1.0], {"n": 1, "positives": 1, "scores": [1.0]})
    with pytest.raises(MetricError, match="new scores must be finite"):
        check_drift([np.nan], [1.0])
    with pytest.raises(MetricError, match="reference scores must have shape"):
        check_drift([1.0], [[1.0]])
    with pytest.raises(MetricError, match="threshold is NaN"):
        check_drift([1.0], [1.0], threshold=np.nan)
    with pytest.raises(ConfigurationError, match="level"):
        check_drift([1.0], [1.0], level=0)
