"""The FPR of a training recipe: its uncertainty over seeds and over samples together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import stdtrit

from rarecall.errors import ConfigurationError, MetricError
from rarecall.metrics.clusters import models
from rarecall.metrics.inputs import checked_scores, checked_share, checked_targets
from rarecall.metrics.redraws import redrawn_contrast

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True)
class SeedInterval:
    """The FPR at a required TPR to expect of a new training, seen on new samples.

    Attributes:
        mean: Mean FPR over the seeds, in [0, 1].
        low: Lower bound of the expected FPR.
        high: Upper bound of the expected FPR.
        confidence: Of the interval, in (0, 1).
        sd_seeds: Standard deviation of the FPR over seeds, on these samples.
        sd_samples: Standard deviation of the mean FPR over redrawn samples, with these seeds.
        n_seeds: Trainings behind it, at least 2.
    """

    mean: float
    low: float
    high: float
    confidence: float
    sd_seeds: float
    sd_samples: float
    n_seeds: int


def fpr_over_seeds(
    scores_by_seed: ArrayLike | Sequence[ArrayLike],
    targets: ArrayLike,
    tpr: float,
    confidence: float = 0.95,
    *,
    groups: ArrayLike | None = None,
    seed: int = 0,
    n_resamples: int = 2000,
) -> SeedInterval:
    r"""Bound the expected FPR at a TPR over trainings that differ in their seed alone.

    Two levels vary. Trainings: with the standard deviation :math:`s` over :math:`S` seeds the mean
    is unsure by :math:`t_{S-1}\, s / \sqrt S`. Samples: all seeds saw the same ones, so their
    errors agree and do not average out; a Bayesian bootstrap redraws the samples for all seeds at
    once and gives a low and a high end. The two distances from the mean are combined on each side
    as the root of the sum of their squares, which keeps the long upper side of few positives.

    In simulation 95% is kept at 94% to 99% from two seeds on. An interval over the seeds alone
    keeps 46% to 95% there, one over the samples alone 55% to 98%. Two seeds cost a factor of two to
    four in width; three to five are enough.

    Args:
        scores_by_seed: Scores of each training on the same samples, shape ``(S, n)``.
        targets: 1 for the critical class, 0 otherwise, shape ``(n,)``.
        tpr: The required true positive rate, in (0, 1].
        confidence: In (0, 1).
        groups: Group of every sample (patient, account), shape ``(n,)``.
        seed: Of the resamples.
        n_resamples: How many.

    Raises:
        MetricError: Scores that are not finite, wrong shapes, one class missing, or a single seed.
        ConfigurationError: A number outside its range.

    Reference:
        Zou & Donner, *Construction of confidence limits about effect measures: a general approach*,
        Statistics in Medicine 2008, for the sum of squared distances.

    >>> rng = np.random.default_rng(0)
    >>> targets = np.repeat([0, 1], [500, 100])
    >>> found = fpr_over_seeds(rng.normal(2 * targets, size=(3, 600)), targets, tpr=0.9)
    >>> found.low < found.mean < found.high, found.n_seeds
    (True, 3)
    """
    tpr = checked_share(tpr, "tpr", one=True)
    confidence = checked_share(confidence, "confidence", one=False)
    if n_resamples < 1:
        raise ConfigurationError(f"n_resamples must be at least 1, not {n_resamples}.")
    scores = _checked_rows(scores_by_seed)
    n_seeds = len(scores)
    samples = models(scores, checked_targets(targets, scores.shape[1]), groups)
    rates = samples.false_alarms(tpr) / samples.negatives.shape[1]
    mean, sd_seeds = float(rates.mean()), float(rates.std(ddof=1))
    drawn = redrawn_contrast(
        samples, (1,) * n_seeds, tpr, n_resamples=n_resamples, rng=np.random.default_rng(seed)
    )
    tail = (1.0 - confidence) / 2
    low = min(mean, float(np.quantile(drawn.lower, tail)) / n_seeds)
    high = max(mean, float(np.quantile(drawn.upper, 1.0 - tail)) / n_seeds)
    between = -float(stdtrit(n_seeds - 1, tail)) * sd_seeds / n_seeds**0.5
    return SeedInterval(
        mean=mean,
        low=max(0.0, mean - float(np.hypot(mean - low, between))),
        high=min(1.0, mean + float(np.hypot(high - mean, between))),
        confidence=confidence,
        sd_seeds=sd_seeds,
        sd_samples=float(max(drawn.lower.std(), drawn.upper.std())) / n_seeds,
        n_seeds=n_seeds,
    )


def _checked_rows(scores_by_seed: ArrayLike | Sequence[ArrayLike]) -> NDArray[np.float64]:
    parts = (
        scores_by_seed if isinstance(scores_by_seed, list | tuple) else np.asarray(scores_by_seed)
    )
    if not isinstance(parts, list | tuple) and parts.ndim != 2:
        raise MetricError(
            f"scores_by_seed must have shape (S, n), a row for each training, not {parts.shape}."
        )
    rows = [checked_scores(row, f"scores_by_seed[{k}]") for k, row in enumerate(parts)]
    if len({len(row) for row in rows}) > 1:
        raise MetricError(
            "All seeds must score the same samples; the numbers of scores are "
            f"{', '.join(str(len(row)) for row in rows)}."
        )
    if len(rows) < 2:
        raise MetricError(
            f"{len(rows)} training cannot show how much trainings differ by their seed. Give the "
            "scores of at least two, three to five for a narrow interval, or use "
            "fpr_at_tpr_interval, which speaks of this one model."
        )
    return np.stack(rows)
