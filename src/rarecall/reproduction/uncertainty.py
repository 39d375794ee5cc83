"""How sure a mean over splits is, and how sure a difference between two rows.

All splits that share a test set are resampled together: their errors agree and do not average out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from scipy.special import stdtr, stdtrit

from rarecall import metrics
from rarecall.errors import MetricError
from rarecall.metrics.clusters import models
from rarecall.metrics.placements import mean_spread, placements
from rarecall.metrics.redraws import redrawn_contrast

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from rarecall.reproduction.measures import Measure

DRAWS = 1000
_GENERIC_DRAWS = 300
_BY_VALUE = ("accuracy", "balanced_accuracy", "class_accuracy", "brier_score", "error_at_tpr")
"""Measures that look at the scores' values, not at their ranks alone."""


class Scored(NamedTuple):
    """Scores of one split's ensemble on its test part.

    Attributes:
        scores: Shape ``(n,)`` or ``(n, C)``.
        targets: Shape ``(n,)`` or ``(n, L)``.
        samples: Digest of which samples these are.
    """

    scores: NDArray[np.float64]
    targets: NDArray[Any]
    samples: str


@dataclass(frozen=True)
class Difference:
    """Of a row's mean over splits from its baseline's.

    Attributes:
        value: First less second.
        low: Lower bound over test samples.
        high: Upper bound.
        p_value: Two-sided.
    """

    value: float
    low: float
    high: float
    p_value: float


def sample_interval(
    measure: Measure, splits: Sequence[Scored], confidence: float, *, seed: int = 0
) -> tuple[float, float] | None:
    """Bound the mean over splits over redraws of the test samples.

    The exact intervals of :mod:`rarecall.metrics` where there is one split, their extension to
    several models of the same samples where there are more, else a stratified bootstrap.

    Returns:
        Low and high, or None where the measure is not defined.

    >>> from rarecall.reproduction.measures import Measure
    >>> auc = Measure.of("AUC", {"measure": "auc"})
    >>> rng, targets = np.random.default_rng(0), np.repeat([0, 1], [90, 30])
    >>> splits = [Scored(rng.normal(size=120) + targets, targets, "a") for _ in range(3)]
    >>> low, high = sample_interval(auc, splits, 0.95)
    >>> bool(low < np.mean([auc(*one[:2]) for one in splits]) < high)
    True
    """
    if not splits:
        return None
    try:
        if _binary(splits) and _shared(splits):
            if measure.tells_fpr:
                return _fpr(measure, splits, confidence, seed)
            if measure.tells_auc:
                return _auc(splits, confidence)
        drawn = _bootstrap(measure, [splits], (1,), seed)
    except MetricError:
        return None
    tail = (1 - confidence) / 2
    value = float(np.mean([measure(*one[:2]) for one in splits]))
    return min(value, float(np.quantile(drawn, tail))), max(
        value, float(np.quantile(drawn, 1 - tail))
    )


def paired(
    measure: Measure,
    first: Sequence[Scored],
    second: Sequence[Scored],
    confidence: float,
    *,
    seed: int = 0,
) -> Difference | None:
    """Compare two rows on the same splits and samples.

    FPR: the permutation test and Bayesian bootstrap of :func:`rarecall.metrics.paired_difference`;
    AUC: DeLong. With several splits of the same samples both rows' scores of a sample change sides
    in all splits together, and DeLong's components are averaged over the splits.

    Returns:
        The difference, or None where the splits hold different samples or the measure is undefined.
    """
    if not first or len(first) != len(second):
        return None
    if any(one.samples != two.samples for one, two in zip(first, second, strict=True)):
        return None
    try:
        exact = _binary(first) and _shared(first)
        if exact and measure.tells_auc:
            return _auc_difference(first, second, confidence)
        if exact and measure.tells_fpr and len(first) == 1 and measure.level is not None:
            found = metrics.paired_difference(
                first[0].scores,
                second[0].scores,
                first[0].targets,
                measure.level,
                confidence=confidence,
                seed=seed,
            )
            return Difference(found.difference, found.low, found.high, found.p_value)
        return _resampled(measure, first, second, confidence, seed, exact=exact)
    except MetricError:
        return None


def _fpr(
    measure: Measure, splits: Sequence[Scored], confidence: float, seed: int
) -> tuple[float, float]:
    tpr = measure.level
    assert tpr is not None
    if len(splits) == 1:
        found = metrics.fpr_at_tpr_interval(splits[0].scores, splits[0].targets, tpr, confidence)
        return found.low, found.high
    several = models(_stack(splits), splits[0].targets == 1, None)
    drawn = redrawn_contrast(
        several,
        (1,) * len(splits),
        tpr,
        n_resamples=DRAWS,
        rng=np.random.default_rng(seed),
    )
    tail, count = (1 - confidence) / 2, len(splits)
    value = float(np.mean([measure(*one[:2]) for one in splits]))
    low = float(np.quantile(drawn.lower, tail)) / count
    high = float(np.quantile(drawn.upper, 1 - tail)) / count
    return max(0.0, min(value, low)), min(1.0, max(value, high))


def _auc(splits: Sequence[Scored], confidence: float) -> tuple[float, float]:
    if len(splits) == 1:
        found = metrics.auc_interval(splits[0].scores, splits[0].targets, confidence)
        return found.low, found.high
    positives, negatives = _components(splits)
    value, reach = float(positives.mean()), _reach(positives, negatives, confidence)[0]
    return max(0.0, value - reach), min(1.0, value + reach)


def _auc_difference(
    first: Sequence[Scored], second: Sequence[Scored], confidence: float
) -> Difference:
    if len(first) == 1:
        found = metrics.auc_difference(
            first[0].scores, second[0].scores, first[0].targets, confidence=confidence
        )
        return Difference(found.difference, found.low, found.high, found.p_value)
    ours, theirs = _components(first), _components(second)
    gains = ours[0] - theirs[0], ours[1] - theirs[1]
    value = float(gains[0].mean())
    reach, error, freedom = _reach(*gains, confidence)
    if error == 0.0:
        return Difference(value, value, value, 1.0 if value == 0.0 else 0.0)
    p_value = min(1.0, 2.0 * float(stdtr(freedom, -abs(value) / error)))
    return Difference(value, max(-1.0, value - reach), min(1.0, value + reach), p_value)


def _components(splits: Sequence[Scored]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Average DeLong's components of every sample over the splits."""
    shares = [
        placements(one.scores[one.targets == 1], one.scores[one.targets != 1]).shares()
        for one in splits
    ]
    return np.mean([s[0] for s in shares], axis=0), np.mean([s[1] for s in shares], axis=0)


def _reach(
    positives: NDArray[np.float64], negatives: NDArray[np.float64], confidence: float
) -> tuple[float, float, float]:
    spread = mean_spread(positives, negatives, None)
    error = spread.variance**0.5
    if error == 0.0:
        return 0.0, 0.0, 1.0
    return -float(stdtrit(spread.freedom, (1 - confidence) / 2)) * error, error, spread.freedom


def _resampled(
    measure: Measure,
    first: Sequence[Scored],
    second: Sequence[Scored],
    confidence: float,
    seed: int,
    *,
    exact: bool,
) -> Difference:
    value = float(np.mean([measure(*one[:2]) for one in first])) - float(
        np.mean([measure(*one[:2]) for one in second])
    )
    if exact and measure.tells_fpr and measure.level is not None:
        count = len(first)
        several = models(
            np.concatenate([_stack(first), _stack(second)]), first[0].targets == 1, None
        )
        found = redrawn_contrast(
            several,
            (1,) * count + (-1,) * count,
            measure.level,
            n_resamples=DRAWS,
            rng=np.random.default_rng(seed),
        )
        lower, upper = found.lower / count, found.upper / count
    else:
        lower = upper = _bootstrap(measure, [first, second], (1, -1), seed)
    tail = (1 - confidence) / 2
    return Difference(
        value,
        min(value, float(np.quantile(lower, tail))),
        max(value, float(np.quantile(upper, 1 - tail))),
        _permuted(measure, first, second, value, seed),
    )


def _bootstrap(
    measure: Measure, rows: Sequence[Sequence[Scored]], signs: Sequence[int], seed: int
) -> NDArray[np.float64]:
    """Draw samples of each class with replacement, the same for all rows; sum the rows' means."""
    rng, drawn = np.random.default_rng([seed, 1]), []
    for _ in range(_GENERIC_DRAWS):
        chosen: dict[str, NDArray[np.int64]] = {}
        total = 0.0
        for row, sign in zip(rows, signs, strict=True):
            values = []
            for one in row:
                if one.samples not in chosen:
                    chosen[one.samples] = _redrawn(one.targets, rng)
                picked = chosen[one.samples]
                values.append(measure(one.scores[picked], one.targets[picked]))
            total += sign * float(np.mean(values))
        drawn.append(total)
    return np.asarray(drawn)


def _redrawn(targets: NDArray[Any], rng: np.random.Generator) -> NDArray[np.int64]:
    if targets.ndim == 2:
        return rng.integers(0, len(targets), len(targets))
    parts = [np.flatnonzero(targets == label) for label in np.unique(targets)]
    return np.concatenate([rng.choice(part, len(part)) for part in parts])


def _permuted(
    measure: Measure, first: Sequence[Scored], second: Sequence[Scored], value: float, seed: int
) -> float:
    """Swap the two rows' scores of every sample by the toss of a coin, in all splits together."""
    # On ranks, so that two rows whose scores lie on different scales can be swapped; those of
    # several classes are compared with each other and stay.
    several = first[0].scores.ndim == 2 and first[0].targets.ndim == 1
    level = _identity if measure.name in _BY_VALUE or several else _ranks
    ours = [one._replace(scores=level(one.scores)) for one in first]
    theirs = [one._replace(scores=level(one.scores)) for one in second]
    rng, extreme = np.random.default_rng([seed, 2]), 0
    for _ in range(_GENERIC_DRAWS):
        coins: dict[str, NDArray[np.bool_]] = {}
        total = 0.0
        for one, two in zip(ours, theirs, strict=True):
            if one.samples not in coins:
                coins[one.samples] = rng.integers(0, 2, len(one.scores), dtype=np.bool_)
            coin = coins[one.samples]
            coin = coin if one.scores.ndim == 1 else coin[:, None]
            total += measure(np.where(coin, two.scores, one.scores), one.targets)
            total -= measure(np.where(coin, one.scores, two.scores), one.targets)
        extreme += abs(total / len(ours)) >= abs(value) - 1e-12
    return (1 + extreme) / (1 + _GENERIC_DRAWS)


def _ranks(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rank the scores; in multi-label work those of every label by themselves."""
    if scores.ndim == 2:
        return np.stack([_ranks(column) for column in scores.T], axis=1)
    return np.unique(scores, return_inverse=True)[1].astype(np.float64)


def _identity(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    return scores


def _binary(splits: Sequence[Scored]) -> bool:
    return all(one.scores.ndim == 1 for one in splits)


def _shared(splits: Sequence[Scored]) -> bool:
    return len({one.samples for one in splits}) == 1


def _stack(splits: Sequence[Scored]) -> NDArray[np.float64]:
    return np.stack([one.scores for one in splits])
