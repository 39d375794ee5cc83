"""Intervals of rates, of the AUC and of the FPR at a required TPR: values, ends, hazards."""

from __future__ import annotations

import time
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom, binomtest
from scipy.stats import t as student

from rarecall.errors import ConfigurationError, MetricError
from rarecall.metrics import auc, auc_interval, fpr_at_tpr, fpr_at_tpr_interval, rate_interval


@pytest.mark.parametrize("confidence", [0.8, 0.95, 0.999])
@pytest.mark.parametrize(("successes", "n"), [(0, 10), (10, 10), (3, 10), (1, 1), (400, 9000)])
def test_a_rates_interval_is_clopper_pearsons(successes, n, confidence):
    expected = binomtest(successes, n).proportion_ci(confidence, method="exact")
    interval = rate_interval(successes, n, confidence)
    assert interval.low == pytest.approx(expected.low, abs=1e-12)
    assert interval.high == pytest.approx(expected.high, abs=1e-12)


def test_no_samples_leave_a_rate_open():
    interval = rate_interval(0, 0)
    assert (interval.low, interval.high) == (0.0, 1.0)


@pytest.mark.parametrize(("successes", "n"), [(-1, 10), (11, 10), (1, 0)])
def test_impossible_counts_are_refused(successes, n):
    with pytest.raises(ConfigurationError, match="between 0 and the number of samples"):
        rate_interval(successes, n)


@pytest.mark.parametrize("confidence", [0.0, 1.0, 95])
def test_an_impossible_confidence_is_refused_everywhere(confidence):
    for call in (
        lambda: rate_interval(1, 2, confidence),
        lambda: auc_interval([0, 1], [0, 1], confidence),
        lambda: fpr_at_tpr_interval([0, 1], [0, 1], 0.9, confidence),
    ):
        with pytest.raises(ConfigurationError, match="confidence"):
            call()


def naive_delong(positives, negatives):
    """DeLong's variance from its components pair by pair, and Welch's degrees of freedom."""
    kernel = np.array(
        [[1.0 if p > q else 0.5 if p == q else 0.0 for q in negatives] for p in positives]
    )
    shares = [kernel.mean(axis=1), kernel.mean(axis=0)]
    parts = [share.var(ddof=1) / len(share) for share in shares]
    freedom = sum(parts) ** 2 / sum(
        part**2 / (len(share) - 1) for part, share in zip(parts, shares, strict=True)
    )
    return sum(parts), freedom


@pytest.mark.parametrize("step", [0.0, 0.5])
def test_the_auc_interval_has_delongs_variance_on_the_logit_scale(step):
    scores, targets = normal_scores(4, 150, 200, 1.0)
    if step:
        scores = np.round(scores / step) * step
    variance, freedom = naive_delong(scores[:150], scores[150:])
    assert freedom > 100
    check_logit_interval(scores, targets, variance, freedom)


def test_few_samples_average_their_variance_with_hanley_and_mcneils():
    scores, targets = normal_scores(4, 12, 60, 1.5)
    variance, freedom = naive_delong(scores[:12], scores[12:])
    area = auc(scores, targets)
    first, second = area / (2 - area), 2 * area**2 / (1 + area)
    smooth = area * (1 - area) + 11 * (first - area**2) + 59 * (second - area**2)
    weight = (1 - freedom / 100) * 15 / (15 + freedom)
    assert 0.2 < weight < 0.6
    steadied = (1 - weight) * variance + weight * smooth / (12 * 60)
    check_logit_interval(scores, targets, steadied, freedom)


def normal_scores(seed, n_positives, n_negatives, distance):
    targets = np.repeat([1, 0], [n_positives, n_negatives])
    return np.random.default_rng(seed).normal(distance * targets), targets


def check_logit_interval(scores, targets, variance, freedom):
    area = auc(scores, targets)
    reach = student.ppf(0.975, freedom) * variance**0.5 / (area * (1 - area))
    centre = np.log(area / (1 - area))
    interval = auc_interval(scores, targets)
    for end, sign in ((interval.low, -1), (interval.high, 1)):
        expected = 1 / (1 + np.exp(-(centre + sign * reach)))
        assert end == pytest.approx(expected, abs=1e-12)


def test_groups_of_one_row_leave_the_auc_interval_as_it_is():
    scores, targets = normal_scores(5, 40, 90, 1.5)
    plain = auc_interval(scores, targets)
    single = auc_interval(scores, targets, groups=np.arange(130))
    assert single.low == pytest.approx(plain.low, abs=1e-12)
    assert single.high == pytest.approx(plain.high, abs=1e-12)


def test_copies_of_samples_add_no_certainty_to_the_auc_when_grouped():
    scores, targets = normal_scores(6, 40, 90, 1.5)
    copied, known = np.tile(scores, 7), np.tile(targets, 7)
    once = auc_interval(scores, targets)
    blind = auc_interval(copied, known)
    aware = auc_interval(copied, known, groups=np.tile(np.arange(130), 7))
    assert blind.high - blind.low < 0.5 * (once.high - once.low)
    assert aware.low == pytest.approx(once.low, rel=1e-6)
    assert aware.high == pytest.approx(once.high, rel=1e-6)


def test_a_perfect_ranking_of_few_groups_is_not_certain():
    scores, targets = np.arange(40), np.repeat([0, 1], 20)
    interval = auc_interval(scores, targets, groups=np.arange(40) // 5)
    assert interval.low**4 == pytest.approx(0.025)
    assert auc_interval(scores, targets, groups=np.zeros(40)).low == pytest.approx(0.025)


def test_groups_of_another_shape_are_refused_by_the_auc_interval():
    with pytest.raises(MetricError, match=r"groups must have shape \(4,\)"):
        auc_interval([1, 2, 3, 4], [0, 1, 0, 1], groups=[1, 2])


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_no_interval_leaves_the_unit_range_or_its_own_value(data):
    n = data.draw(st.integers(2, 40))
    scores = np.array(data.draw(st.lists(st.integers(0, 6), min_size=n, max_size=n)))
    targets = np.array(data.draw(st.lists(st.integers(0, 1), min_size=n, max_size=n)))
    targets[:2] = [1, 0]
    confidence = data.draw(st.sampled_from([0.1, 0.5, 0.95, 0.999]))
    tpr = data.draw(st.sampled_from([0.1, 0.5, 0.9, 1.0]))
    for interval, value in (
        (auc_interval(scores, targets, confidence), auc(scores, targets)),
        (
            fpr_at_tpr_interval(scores, targets, tpr, confidence),
            fpr_at_tpr(scores, targets, tpr),
        ),
    ):
        assert 0.0 <= interval.low <= value + 1e-12
        assert value - 1e-12 <= interval.high <= 1.0


def test_a_perfect_ranking_of_few_samples_is_not_certain():
    interval = auc_interval([1, 2, 3, 4, 5, 6], [0, 0, 0, 1, 1, 1])
    assert interval.high == 1.0
    # Three disjoint pairs are all in order with probability A³.
    assert interval.low**3 == pytest.approx(0.025)
    mirrored = auc_interval([6, 5, 4, 3, 2, 1], [0, 0, 0, 1, 1, 1])
    assert (mirrored.low, mirrored.high) == (0.0, pytest.approx(1 - interval.low))


@pytest.mark.parametrize(
    ("scores", "targets"),
    [(np.zeros(8), [0, 1] * 4), ([1, 2, 3, 4], [0, 1, 0, 0])],
    ids=["all tied", "one positive"],
)
def test_a_sample_without_variance_still_gets_a_wide_interval(scores, targets):
    interval = auc_interval(scores, targets)
    assert interval.high - interval.low > 0.5


def test_the_mixture_is_the_quantile_of_what_its_two_steps_draw():
    """The sums against the drawing they stand for: a rank, then a count's bound, by simulation."""
    rng = np.random.default_rng(6)
    targets = np.repeat([1, 0], [80, 300])
    scores = rng.normal(1.5 * targets)
    falling = np.sort(scores[:80])[::-1]
    alarms = np.array([0, *(int(np.sum(scores[80:] >= p)) for p in falling), 300])
    rank = rng.binomial(80, 0.9, 200_000)
    lower, upper = alarms[rank], alarms[rank + 1]
    lows = np.where(lower > 0, rng.beta(np.maximum(lower, 1), 301 - lower), 0.0)
    highs = np.where(upper < 300, rng.beta(upper + 1, np.maximum(300 - upper, 1)), 1.0)
    interval = fpr_at_tpr_interval(scores, targets, 0.9)
    assert "mixture" in interval.method
    assert interval.low == pytest.approx(np.quantile(lows, 0.025), abs=3e-3)
    assert interval.high == pytest.approx(np.quantile(highs, 0.975), abs=3e-3)


def test_the_product_takes_ranks_and_counts_at_half_the_error_each():
    rng = np.random.default_rng(7)
    targets = np.repeat([1, 0], [20, 100])
    scores = rng.normal(2 * targets)
    falling = np.sort(scores[:20])[::-1]
    # The k-th largest positive lies at or above the threshold unless fewer than k do.
    safe = [k for k in range(1, 21) if binom.cdf(k - 1, 20, 0.8) <= 0.0125]
    sure = [k for k in range(1, 21) if binom.cdf(k - 1, 20, 0.8) >= 1 - 0.0125]
    low_count = int(np.sum(scores[20:] >= falling[max(safe) - 1]))
    high_count = int(np.sum(scores[20:] >= falling[min(sure) - 1]))
    interval = fpr_at_tpr_interval(scores, targets, 0.8)
    assert "product" in interval.method
    half = 1 - 2 * 0.0125
    assert interval.low == pytest.approx(rate_interval(low_count, 100, half).low, abs=1e-12)
    assert interval.high == pytest.approx(rate_interval(high_count, 100, half).high, abs=1e-12)


def test_too_few_positives_bound_nothing_from_above():
    targets = np.repeat([1, 0], [13, 500])
    scores = np.concatenate([np.full(13, 5.0) + np.arange(13), np.zeros(500)])
    assert fpr_at_tpr(scores, targets, 0.95) == 0.0
    assert fpr_at_tpr_interval(scores, targets, 0.95).high == 1.0


def test_few_distinct_scores_take_the_product():
    rng = np.random.default_rng(8)
    targets = np.repeat([1, 0], [200, 400])
    scores = rng.normal(2 * targets)
    assert "mixture" in fpr_at_tpr_interval(scores, targets, 0.9).method
    assert "product" in fpr_at_tpr_interval(np.round(scores), targets, 0.9).method


def test_more_confidence_gives_a_wider_interval():
    rng = np.random.default_rng(9)
    targets = np.repeat([1, 0], [150, 400])
    scores = rng.normal(2 * targets)
    ends = [fpr_at_tpr_interval(scores, targets, 0.9, c) for c in (0.5, 0.8, 0.95, 0.999)]
    assert all(a.low > b.low and a.high < b.high for a, b in pairwise(ends))


def test_the_interval_does_not_depend_on_scale_or_order():
    rng = np.random.default_rng(10)
    targets = np.repeat([1, 0], [150, 400])
    scores = rng.normal(2 * targets)
    order = rng.permutation(550)
    assert fpr_at_tpr_interval(np.exp(scores)[order], targets[order], 0.9) == (
        fpr_at_tpr_interval(scores, targets, 0.9)
    )


def literal_bootstrap(scores, targets, tpr, resamples, rng):
    """Redraw every sample of both classes, and take the measure as it is defined."""
    positives, negatives = scores[targets == 1], scores[targets == 0]
    rates = []
    for _ in range(resamples):
        drawn = np.sort(rng.choice(positives, len(positives)))[::-1]
        threshold = drawn[max(1, int(np.ceil(tpr * len(positives) - 1e-9))) - 1]
        rates.append(np.mean(rng.choice(negatives, len(negatives)) >= threshold))
    return np.array(rates)


@pytest.mark.parametrize("grid", [0.0, 0.5], ids=["distinct", "tied"])
@pytest.mark.parametrize(("n_positives", "tpr"), [(13, 0.95), (60, 0.9), (300, 0.8), (5, 1.0)])
def test_the_shortcut_draws_what_redrawing_every_sample_draws(n_positives, tpr, grid):
    scores, targets = normal_scores(12, n_positives, 250, 1.5)
    if grid:
        scores = np.round(scores / grid) * grid
    rng = np.random.default_rng(13)
    literal = literal_bootstrap(scores, targets, tpr, 3000, rng)
    for confidence in (0.5, 0.8, 0.95):
        found = fpr_at_tpr_interval(
            scores, targets, tpr, confidence, method="bootstrap", n_resamples=200_000
        )
        # Compared by rank: between two ends so placed, near enough as many literal draws lie.
        inside = np.mean((literal >= found.low - 1e-12) & (literal <= found.high + 1e-12))
        beyond = np.mean((literal > found.low + 1e-12) & (literal < found.high - 1e-12))
        assert beyond - 0.03 <= confidence <= inside + 0.03


def test_the_methods_can_be_asked_for_by_name():
    scores, targets = normal_scores(14, 100, 300, 2.0)
    names = {
        method: fpr_at_tpr_interval(scores, targets, 0.9, method=method).method
        for method in ("auto", "mixture", "product", "bootstrap")
    }
    assert names["auto"] == names["mixture"]
    assert len(set(names.values())) == 3
    with pytest.raises(ConfigurationError, match="method must be"):
        fpr_at_tpr_interval(scores, targets, 0.9, method="normal")
    with pytest.raises(ConfigurationError, match="n_resamples"):
        fpr_at_tpr_interval(scores, targets, 0.9, method="bootstrap", n_resamples=0)


def test_the_bootstrap_is_the_same_for_the_same_seed():
    scores, targets = normal_scores(15, 100, 300, 2.0)
    one, same, other = (
        fpr_at_tpr_interval(scores, targets, 0.9, method="bootstrap", seed=seed)
        for seed in (1, 1, 2)
    )
    assert one == same
    assert one.low == pytest.approx(other.low, abs=0.02)


def test_scores_that_cannot_be_measured_are_refused():
    for call in (auc_interval, lambda s, t: fpr_at_tpr_interval(s, t, 0.9)):
        with pytest.raises(MetricError, match="NaN"):
            call([np.nan, 1.0], [0, 1])


@pytest.mark.parametrize("method", ["auto", "bootstrap"])
def test_an_interval_takes_milliseconds_even_on_a_million_scores(method):
    scores, targets = normal_scores(11, 20_000, 980_000, 2.0)
    start = time.perf_counter()
    fpr_at_tpr_interval(scores, targets, 0.95, method=method)
    auc_interval(scores, targets)
    # 30 ms on an idle core, most of it checks.
    assert time.perf_counter() - start < 1.0
