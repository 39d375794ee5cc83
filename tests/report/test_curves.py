import numpy as np
import pytest

from rarecall.metrics import roc_curve
from rarecall.report.curves import (
    TestScores,
    Window,
    histogram,
    read_scores,
    roc_in_window,
    roc_window,
    thin,
)
from rarecall.report.stored import Comparison


def make_scores(n=5000, positives=400, seed=0):
    rng = np.random.default_rng(seed)
    targets = np.zeros(n, dtype=int)
    targets[:positives] = 1
    return TestScores(rng.normal(size=n) + 2 * targets, targets)


def distance(point, x, y):
    """Distance of a point from a polyline."""
    a, b = np.stack([x[:-1], y[:-1]], 1), np.stack([x[1:], y[1:]], 1)
    along = b - a
    length = (along**2).sum(1)
    share = ((point - a) * along).sum(1) / np.where(length > 0, length, 1)
    nearest = a + np.clip(share, 0, 1)[:, None] * along
    return np.hypot(*(point - nearest).T).min()


@pytest.mark.parametrize("tolerance", [0.1, 1.0])
def test_no_dropped_point_is_farther_off_than_allowed(tolerance):
    rng = np.random.default_rng(1)
    x, y = np.cumsum(rng.random(800)), np.cumsum(rng.random(800))
    kept_x, kept_y = thin(x, y, tolerance)
    assert 2 < len(kept_x) < len(x)
    offs = [distance(point, kept_x, kept_y) for point in np.stack([x, y], 1)]
    assert max(offs) <= tolerance + 1e-9
    assert (kept_x[0], kept_x[-1]) == (x[0], x[-1])


def test_a_line_of_one_or_two_points_is_left_alone():
    assert thin(np.array([1.0]), np.array([2.0]), 0.5)[0].tolist() == [1.0]
    assert thin(np.array([1.0, 1.0]), np.array([2.0, 2.0]), 0.5)[0].tolist() == [1.0, 1.0]


def test_the_drawn_curve_is_the_true_one_within_half_a_pixel():
    scores, window, pixels = make_scores(), Window(fpr=0.3, tpr=0.8), (340, 270)
    fpr, tpr = roc_in_window(scores, window, pixels)
    assert len(fpr) < 300
    scale = np.array([pixels[0] / window.fpr, pixels[1] / (1 - window.tpr)])
    true = roc_curve(scores.scores, scores.targets)
    inside = (true.fpr <= window.fpr) & (true.tpr >= window.tpr)
    assert inside.sum() > 100
    for point in np.stack([true.fpr[inside], true.tpr[inside]], 1) * scale:
        assert distance(point, fpr * scale[0], tpr * scale[1]) <= 0.5 + 1e-9


def test_a_curve_outside_the_window_has_no_points():
    scores = TestScores(np.array([0.0, 1.0, 2.0, 3.0]), np.array([1, 0, 0, 0]))
    assert len(roc_in_window(scores, Window(fpr=0.1, tpr=0.8), (340, 270))[0]) == 0


def test_the_window_holds_the_winner_at_every_level(stored_run):
    comparison = Comparison.read(stored_run[1])
    window = roc_window(comparison)
    assert window.tpr == pytest.approx(0.8)
    for level in comparison.levels:
        assert comparison.winner.fpr_at(level).value < window.fpr <= 1


@pytest.mark.parametrize("threshold", [None, 1.234, -50.0, 50.0])
def test_a_histogram_counts_every_sample_once_and_breaks_at_the_threshold(threshold):
    scores = make_scores()
    bars = histogram(scores, threshold)
    assert bars.critical.sum() == pytest.approx(1)
    assert bars.harmless.sum() == pytest.approx(1)
    assert (np.diff(bars.edges) > 0).all()
    if threshold is not None:
        assert threshold in bars.edges
        flagged = bars.harmless[bars.edges[:-1] >= threshold].sum()
        assert flagged == pytest.approx((scores.harmless >= threshold).mean())
        missed = bars.critical[bars.edges[:-1] < threshold].sum()
        assert missed == pytest.approx((scores.critical < threshold).mean())


def test_a_score_equal_to_the_threshold_counts_as_flagged():
    scores = TestScores(np.array([0.0, 1.0, 1.0, 2.0]), np.array([0, 0, 1, 1]))
    bars = histogram(scores, 1.0)
    assert bars.harmless[bars.edges[:-1] >= 1.0].sum() == 0.5
    assert bars.critical[bars.edges[:-1] < 1.0].sum() == 0


def test_far_out_scores_do_not_squeeze_the_rest():
    scores = make_scores()
    scores.scores[-3:] = (1e4, -1e4, 2e4)
    bars = histogram(scores, 1.0)
    assert bars.clipped
    assert bars.edges[-1] - bars.edges[0] < 20
    assert bars.harmless.sum() == pytest.approx(1)


def test_equal_scores_everywhere_still_give_a_histogram():
    bars = histogram(TestScores(np.full(6, 3.0), np.array([0, 0, 0, 1, 1, 1])), 3.0)
    assert bars.critical.sum() == bars.harmless.sum() == 1


def test_scores_of_one_class_or_not_finite_are_not_used(run):
    folder, results, _ = run
    method = Comparison.read(results).winner
    assert read_scores(folder, method) is not None
    for scores, targets in (([0.1, 0.2], [0, 0]), ([0.1, np.nan], [0, 1]), ([0.1], [0, 1])):
        (folder / "odd").mkdir(exist_ok=True)
        (folder / "odd" / "scores").mkdir(exist_ok=True)
        np.savez(folder / "odd" / method.scores, test_scores=scores, test_targets=targets)
        assert read_scores(folder / "odd", method) is None
