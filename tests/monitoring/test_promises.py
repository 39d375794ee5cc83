"""The check of a promise: its bet as an integral, its errors at any time, its power, its words."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import beta

from rarecall.errors import ConfigurationError, MetricError
from rarecall.monitoring import check_promise
from rarecall.monitoring.evidence import anytime_interval, log_evidence, prior_of


@pytest.mark.parametrize("bound", [0.02, 0.05, 0.3])
@pytest.mark.parametrize(("failures", "kept"), [(0, 0), (0, 30), (3, 37), (12, 60), (5, 0)])
def test_the_evidence_is_the_integral_of_the_likelihood_ratio(failures, kept, bound):
    prior = beta(*prior_of(bound))

    def bet(q):
        return (q / bound) ** failures * ((1 - q) / (1 - bound)) ** kept * prior.pdf(q)

    whole = sum(
        quad(bet, low, high, limit=200)[0]
        for low, high in [(bound, min(3 * bound, 0.95)), (min(3 * bound, 0.95), 1)]
    )
    expected = whole / prior.sf(bound)
    assert math.exp(log_evidence(failures, kept, bound)) == pytest.approx(expected, rel=1e-4)


def test_each_bet_is_fair_where_the_promise_is_just_kept_and_loses_where_it_is_better():
    failures, kept = np.meshgrid(np.arange(30), np.arange(60))
    for rate in (0.05, 0.01):
        now = np.exp(log_evidence(failures, kept, 0.05))
        after = rate * np.exp(log_evidence(failures + 1, kept, 0.05)) + (1 - rate) * np.exp(
            log_evidence(failures, kept + 1, 0.05)
        )
        assert (after <= now * (1 + 1e-9)).all()
        if rate == 0.05:
            np.testing.assert_allclose(after, now, rtol=1e-9)


@pytest.mark.parametrize("bound", [0.05, 0.1])
def test_a_promise_that_holds_is_seldom_ever_called_broken_whenever_one_looks(bound):
    rng = np.random.default_rng(0)
    failures = (rng.random((1000, 800)) < bound).cumsum(axis=1)
    kept = np.arange(1, 801) - failures
    ever = (log_evidence(failures, kept, bound) >= math.log(20)).any(axis=1)
    # At most 5%; 65 of 1000 is two deviations more.
    assert ever.sum() <= 65


def test_the_interval_holds_the_rate_at_all_times_together():
    rng = np.random.default_rng(1)
    for rate in (0.02, 0.05, 0.2):
        lost = 0
        for _ in range(60):
            failures = (rng.random(300) < rate).cumsum()
            for n in (1, 2, 3, 5, 10, 20, 40, 80, 150, 300):
                low, high = anytime_interval(
                    int(failures[n - 1]), n - int(failures[n - 1]), 0.05, 0.1
                )
                if not low <= rate <= high:
                    lost += 1
                    break
        assert lost <= 13


def test_a_real_fall_is_found_in_reasonable_time():
    rng = np.random.default_rng(2)
    found = []
    for _ in range(200):
        check = check_promise(rng.random(400) >= 0.15, tpr=0.95)
        found.append(check.broken_at or math.inf)
    assert np.median(found) < 70
    assert np.mean(np.isfinite(found)) > 0.98


def test_the_evidence_of_each_prefix_is_what_a_check_at_that_time_says():
    flags = np.random.default_rng(3).random(80) >= 0.2
    whole = check_promise(flags, tpr=0.95)
    most = 1.0
    for n in range(81):
        check = check_promise(flags[:n], tpr=0.95)
        most = max(most, check.evidence)
        assert check.most_evidence == pytest.approx(most)
        if whole.broken_at is not None:
            assert (check.verdict == "broken") == (n >= whole.broken_at)
    assert whole.broken_at is not None


def test_broken_stays_broken_even_if_later_cases_are_all_flagged():
    check = check_promise([0] * 5 + [1] * 500, tpr=0.95)
    assert check.verdict == "broken"
    assert check.value > 0.95
    assert check.evidence < 1
    assert check.most_evidence >= 20


def test_forty_cases_with_three_misses_leave_the_promise_standing():
    spread = check_promise(([1] * 12 + [0]) * 3 + [1], tpr=0.95)
    assert spread.verdict == "stands"
    assert "After 40 confirmed critical cases, of which 37 were flagged" in spread.statement
    assert "the TPR is 92.5%" in spread.statement
    assert "at least 95% still stands" in spread.statement


def test_whenever_the_interval_lies_below_the_promise_it_is_called_broken():
    rng = np.random.default_rng(4)
    below = 0
    for rate in (0.08, 0.15, 0.3):
        for n in range(5, 300, 7):
            failed = rng.random(n) < rate
            check = check_promise(~failed, tpr=0.95)
            if check.high < 0.95:
                below += 1
                assert check.verdict == "broken"
    assert below > 30


def test_few_cases_are_undecided_and_so_is_evidence_that_is_not_enough():
    few = check_promise([1, 1], tpr=0.95)
    assert few.verdict == "undecided"
    assert "too few" in few.statement
    none = check_promise([], tpr=0.95)
    assert (none.verdict, none.value, none.low, none.high) == ("undecided", None, 0.0, 1.0)
    assert "No critical case is confirmed yet" in none.statement
    doubt = check_promise([1] * 30 + [0, 1, 0, 1, 0, 0, 1], tpr=0.95)
    assert doubt.verdict == "undecided"
    assert "in doubt" in doubt.statement


def test_the_fewest_cases_that_can_break_a_promise_do_break_it():
    few = check_promise([0], tpr=0.95)
    fewest = int(few.statement.split("it takes ")[1].split()[0])
    assert check_promise([0] * fewest, tpr=0.95).verdict == "broken"
    assert check_promise([0] * (fewest - 1), tpr=0.95).verdict == "undecided"


def test_scores_are_flagged_at_and_above_the_threshold():
    check = check_promise([0.2, 0.5, 0.9, 0.4999], tpr=0.9, threshold=0.5)
    assert (check.n, check.flagged, check.value) == (4, 2, 0.5)


def test_a_false_positive_rate_fails_by_flagging():
    flags = np.random.default_rng(5).random(300) < 0.3
    check = check_promise(flags, fpr=0.1)
    mirror = check_promise(~flags, tpr=0.9)
    assert check.verdict == mirror.verdict == "broken"
    assert check.evidence == pytest.approx(mirror.evidence)
    assert (check.low, check.high) == pytest.approx((1 - mirror.high, 1 - mirror.low))
    assert "confirmed harmless cases" in check.statement
    fine = check_promise([0] * 60, fpr=0.1)
    assert "at most 10% still stands; an FPR up to" in fine.statement


def test_a_hundred_thousand_cases_and_one_sided_ones_stay_finite():
    for flags in (np.ones(100_000), np.zeros(100_000), np.arange(100_000) % 20 > 0):
        check = check_promise(flags, tpr=0.95)
        assert 0 <= check.low <= check.value <= check.high <= 1
        json.dumps(check.to_dict(), allow_nan=False)
    assert check_promise(np.ones(100_000), tpr=0.95).verdict == "stands"


@pytest.mark.parametrize("tpr", [0.001, 0.5, 0.999])
def test_promises_at_both_ends_of_the_scale_can_be_checked(tpr):
    check = check_promise([1, 0] * 50, tpr=tpr)
    assert 0 <= check.low <= 0.5 <= check.high <= 1


def test_bad_input_is_refused():
    for promises in ({}, {"tpr": 0.9, "fpr": 0.1}):
        with pytest.raises(ConfigurationError, match="tpr or fpr"):
            check_promise([1], **promises)
    with pytest.raises(ConfigurationError, match=r"For 95% give 0\.95"):
        check_promise([1], tpr=95)
    with pytest.raises(ConfigurationError, match="alpha"):
        check_promise([1], tpr=0.9, alpha=1.0)
    with pytest.raises(MetricError, match="give the threshold"):
        check_promise([0.3], tpr=0.9)
    with pytest.raises(MetricError, match="finite"):
        check_promise([np.nan], tpr=0.9)
    with pytest.raises(MetricError, match="shape"):
        check_promise([[1]], tpr=0.9)
    with pytest.raises(MetricError, match="threshold is NaN"):
        check_promise([1], tpr=0.9, threshold=np.nan)
