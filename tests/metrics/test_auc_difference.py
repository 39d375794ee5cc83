"""DeLong's comparison of two areas: the published example, the naive components, hazards."""

from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm
from scipy.stats import t as student

from rarecall.errors import ConfigurationError, MetricError
from rarecall.metrics.auc_differences import auc_difference
from rarecall.metrics.curves import auc

# The example of DeLong, DeLong & Clarke-Pearson (Biometrics 1988): albumin, total protein,
# Krebs-Goplerud score, and whether surgery helped patients with ovarian cancer. The 43 of 49
# patients whose three tests are known, as the SAS/STAT manual prints them (PROC LOGISTIC).
TEXT = """
    3.0 5.8 10 0  3.2 6.3 5 1  3.9 6.8 3 1  2.8 4.8 6 0  3.2 5.8 3 1  0.9 4.0 5 0  2.5 5.7 8 0
    1.6 5.6 5 1  3.8 5.7 5 1  3.7 6.7 6 1  3.2 5.4 4 1  3.8 6.6 6 1  4.1 6.6 5 1  3.6 5.7 5 1
    4.3 7.0 4 1  3.6 6.7 4 0  2.3 4.4 6 1  4.2 7.6 4 0  4.0 6.6 6 0  3.5 5.8 6 1  3.8 6.8 7 1
    3.0 4.7 8 0  4.5 7.4 5 1  3.7 7.4 5 1  3.1 6.6 6 1  4.1 8.2 6 1  4.3 7.0 5 1  4.3 6.5 4 1
    3.2 5.1 5 1  2.6 4.7 6 1  3.3 6.8 6 0  1.7 4.0 7 0  3.7 6.1 5 1  3.3 6.3 7 1  4.2 7.7 6 1
    3.5 6.2 5 1  2.9 5.7 9 0  2.1 4.8 7 1  2.8 6.2 8 0  4.0 7.0 7 1  3.3 5.7 6 1  3.7 6.9 5 1
    3.6 6.6 5 1
"""
OVARIAN = np.array([float(word) for word in TEXT.split()]).reshape(-1, 4)


def naive_components(scores, targets):
    positives, negatives = scores[targets == 1], scores[targets == 0]
    kernel = np.array(
        [[1.0 if p > q else 0.5 if p == q else 0.0 for q in negatives] for p in positives]
    )
    return kernel.mean(axis=1), kernel.mean(axis=0)


def naive(first, second, targets):
    """Difference, variance and Welch's degrees of freedom, pair by pair."""
    parts, counts = [], []
    one, two = naive_components(first, targets), naive_components(second, targets)
    for a, b in zip(one, two, strict=True):
        n = len(a)
        covariance = np.cov(a, b)
        parts.append((covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1]) / n)
        counts.append(n)
    freedom = sum(parts) ** 2 / sum(p**2 / (n - 1) for p, n in zip(parts, counts, strict=True))
    return one[0].mean() - two[0].mean(), sum(parts), freedom


def two_models(seed=0, n_positives=30, n_negatives=80, grid=0.0):
    rng = np.random.default_rng(seed)
    targets = np.repeat([1, 0], [n_positives, n_negatives])
    shared = rng.normal(size=len(targets))
    first, second = (shared + rng.normal(size=len(targets)) + d * targets for d in (2.0, 1.2))
    if grid:
        first, second = np.round(first / grid) * grid, np.round(second / grid) * grid
    return first, second, targets


def test_the_example_of_delongs_paper_comes_out_as_worked_pair_by_pair():
    targets = OVARIAN[:, 3].astype(int)
    albumin, protein, score = OVARIAN[:, 0], OVARIAN[:, 1], 10 - OVARIAN[:, 2]
    assert len(targets) == 43
    assert [round(auc(test, targets), 4) for test in (albumin, protein, score)] == [
        0.7366,
        0.6478,
        0.7258,
    ]
    expected = (  # difference to the score, standard error, p-value of the normal quantile
        (albumin, 0.0108, 0.0953, 0.9102),
        (protein, -0.0780, 0.1046, 0.4561),
    )
    for test, difference, error, p_value in expected:
        found = auc_difference(test, score, targets)
        assert round(found.difference, 4) == difference
        assert round(found.standard_error, 4) == error
        assert found.standard_error == pytest.approx(naive(test, score, targets)[1] ** 0.5)
        normal = 2 * norm.sf(abs(found.difference) / found.standard_error)
        assert round(normal, 4) == p_value
        # Ours is Student's: a little more cautious.
        assert p_value < found.p_value < p_value + 0.02


@pytest.mark.parametrize("grid", [0.0, 0.5])
def test_the_comparison_is_delongs_pair_by_pair(grid):
    first, second, targets = two_models(grid=grid)
    difference, variance, freedom = naive(first, second, targets)
    found = auc_difference(first, second, targets, confidence=0.9)
    reach = student.ppf(0.95, freedom) * variance**0.5
    assert found.difference == pytest.approx(difference, abs=1e-12)
    assert found.standard_error == pytest.approx(variance**0.5, abs=1e-12)
    assert found.low == pytest.approx(difference - reach, abs=1e-12)
    assert found.high == pytest.approx(difference + reach, abs=1e-12)
    expected = 2 * student.sf(abs(difference) / variance**0.5, freedom)
    assert found.p_value == pytest.approx(expected, abs=1e-12)
    assert (found.first, found.second) == (auc(first, targets), auc(second, targets))


def test_scores_that_rank_alike_differ_by_nothing():
    first, _, targets = two_models()
    for other in (first, 5 * first - 3, np.exp(first)):
        found = auc_difference(first, other, targets)
        assert (found.difference, found.low, found.high, found.p_value) == (0, 0, 0, 1)
    grouped = auc_difference(first, first, targets, groups=np.arange(len(targets)) // 3)
    assert grouped.p_value == 1.0
    assert auc_difference(np.zeros(4), np.ones(4), [0, 1, 0, 1]).p_value == 1.0


def test_two_perfect_rankings_that_differ_leave_the_difference_open():
    targets = np.array([0, 0, 0, 1, 1, 1])
    found = auc_difference([1, 2, 3, 4, 5, 6], [3, 2, 1, 6, 5, 4], targets)
    assert (found.difference, found.p_value) == (0.0, 1.0)
    assert found.low == -found.high < -0.5
    assert np.isnan(found.standard_error)


def test_right_against_wrong_on_every_pair_is_as_likely_as_a_row_of_coins():
    targets = np.repeat([0, 1], 8)
    found = auc_difference(np.arange(16), -np.arange(16), targets)
    assert found.difference == 1.0
    assert found.p_value == pytest.approx(2 * 0.5**8)
    assert 0.0 < found.low < found.high == 1.0


def test_one_positive_cannot_show_a_variance():
    found = auc_difference([5, 1, 2, 3, 4], [2, 1, 3, 4, 5], [1, 0, 0, 0, 0])
    assert found.difference == pytest.approx(0.75)
    assert found.low < 0.0
    assert found.high > 0.95
    assert found.p_value > 0.05
    assert np.isnan(found.standard_error)


def test_changing_places_mirrors_the_comparison():
    first, second, targets = two_models()
    here, there = (auc_difference(*pair, targets) for pair in ((first, second), (second, first)))
    assert (here.difference, here.p_value) == (-there.difference, there.p_value)
    assert here.low == pytest.approx(-there.high, abs=1e-15)


def naive_clustered(first, second, targets, groups):
    """Obuchowski's variance of a difference, group by group (1997, section 3)."""
    sums = {}
    components = []
    for scores in (first, second):
        v10, v01 = naive_components(scores, targets)
        full = np.empty(len(targets))
        full[targets == 1], full[targets == 0] = v10, v01
        components.append(full)
    gain = components[0] - components[1]
    theta = gain[targets == 1].mean()
    m, n = int(targets.sum()), int((1 - targets).sum())
    names = np.unique(groups)
    for name in names:
        rows = groups == name
        sums[name] = tuple(
            sum(gain[i] - theta for i in np.flatnonzero(rows & (targets == kind)))
            for kind in (1, 0)
        )
    with_positives = [g for g in names if targets[groups == g].any()]
    with_negatives = [g for g in names if not targets[groups == g].all()]
    i10, i01, total = len(with_positives), len(with_negatives), len(names)
    s10 = i10 / ((i10 - 1) * m) * sum(sums[g][0] ** 2 for g in with_positives)
    s01 = i01 / ((i01 - 1) * n) * sum(sums[g][1] ** 2 for g in with_negatives)
    s11 = total / (total - 1) * sum(sums[g][0] * sums[g][1] for g in names)
    return s10 / m + s01 / n + 2 * s11 / (m * n)


def test_grouped_rows_get_obuchowskis_variance():
    first, second, targets = two_models(seed=3)
    groups = np.random.default_rng(4).integers(0, 25, len(targets))
    found = auc_difference(first, second, targets, groups=groups)
    expected = naive_clustered(first, second, targets, groups)
    assert found.standard_error == pytest.approx(expected**0.5, abs=1e-12)
    names = np.array([f"patient {group:03}" for group in groups])
    assert auc_difference(first, second, targets, groups=names) == found


def test_groups_of_one_row_change_nothing():
    first, second, targets = two_models()
    plain = auc_difference(first, second, targets)
    single = auc_difference(first, second, targets, groups=np.arange(len(targets)))
    assert single.low == pytest.approx(plain.low, abs=1e-12)
    assert single.p_value == pytest.approx(plain.p_value, abs=1e-12)


def test_copies_of_samples_add_no_certainty_when_grouped():
    first, second, targets = two_models()
    copied = [np.tile(part, 9) for part in (first, second, targets)]
    groups = np.tile(np.arange(len(targets)), 9)
    once = auc_difference(first, second, targets)
    blind, aware = auc_difference(*copied), auc_difference(*copied, groups=groups)
    assert aware.standard_error == pytest.approx(once.standard_error, rel=1e-9)
    assert blind.standard_error < 0.4 * once.standard_error


@settings(max_examples=80, deadline=None)
@given(st.data())
def test_no_comparison_leaves_its_range(data):
    n = data.draw(st.integers(2, 25))
    whole = st.lists(st.integers(0, 5), min_size=n, max_size=n)
    first, second = np.array(data.draw(whole)), np.array(data.draw(whole))
    targets = np.array(data.draw(st.lists(st.integers(0, 1), min_size=n, max_size=n)))
    targets[:2] = [1, 0]
    groups = data.draw(st.none() | whole)
    found = auc_difference(first, second, targets, groups=groups)
    assert -1.0 <= found.low <= found.difference <= found.high <= 1.0
    assert 0.0 <= found.p_value <= 1.0
    assert found.difference == pytest.approx(found.first - found.second, abs=1e-12)


def test_huge_scores_are_compared_by_rank():
    first, second, targets = two_models()
    assert auc_difference(first * 1e300, second, targets) == auc_difference(first, second, targets)


def test_what_does_not_fit_together_is_refused():
    first, second, targets = two_models()
    with pytest.raises(MetricError, match="the same samples; 110 and 109"):
        auc_difference(first, second[1:], targets)
    with pytest.raises(MetricError, match="second must be finite"):
        auc_difference(first, np.full(110, np.nan), targets)
    with pytest.raises(MetricError, match=r"groups must have shape \(110,\)"):
        auc_difference(first, second, targets, groups=np.arange(3))
    with pytest.raises(MetricError, match="both classes"):
        auc_difference(first, second, np.ones(110, dtype=int))
    with pytest.raises(ConfigurationError, match="confidence"):
        auc_difference(first, second, targets, confidence=95)


def test_a_million_scores_are_compared_within_seconds():
    first, second, targets = two_models(n_positives=10_000, n_negatives=990_000)
    start = time.perf_counter()
    auc_difference(first, second, targets)
    # .3 s on an idle core.
    assert time.perf_counter() - start < 3.0
