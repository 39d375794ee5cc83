"""Whether a promise still stands, checked on confirmed cases as they come in."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from rarecall.errors import ConfigurationError, MetricError
from rarecall.metrics.inputs import as_percent, checked_scores, checked_share
from rarecall.monitoring.evidence import anytime_interval, log_evidence
from rarecall.monitoring.verdicts import Verdict, statement_of

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

_LARGEST = 1e300
"""Evidence above it is given as this, so that JSON can hold it."""


@dataclass(frozen=True)
class PromiseCheck:
    """What confirmed cases say of a promise; valid however often, and whenever, one looks.

    Attributes:
        rate: What was promised: ``"tpr"`` (at least) or ``"fpr"`` (at most).
        bound: The promise, in (0, 1).
        n: Confirmed cases: critical ones for a TPR, others for an FPR.
        flagged: How many of them were flagged.
        value: Share flagged, in [0, 1]; None without a case.
        low: Lower bound of the rate, by a sequence of intervals that holds at all times together.
        high: Upper bound.
        confidence: Of that sequence, ``1 - alpha``.
        evidence: Against the promise after the last case: the capital of a bet that began with 1.
            Above 1 speaks against it.
        most_evidence: The largest that it ever was. ``1 / most_evidence`` is a p-value.
        broken_at: Number of the case, from 1, at which it reached ``1 / alpha``; None if it never
            did.
        alpha: Chance of ever calling a promise broken that holds.
        verdict: ``"stands"``, ``"broken"`` or ``"undecided"``: too few cases to break it whatever
            they show, or evidence against it that is not enough.
        statement: All of it in words.
    """

    rate: Literal["tpr", "fpr"]
    bound: float
    n: int
    flagged: int
    value: float | None
    low: float
    high: float
    confidence: float
    evidence: float
    most_evidence: float
    broken_at: int | None
    alpha: float
    verdict: Verdict
    statement: str

    def to_dict(self) -> dict[str, Any]:
        """Give the fields as plain values that JSON can hold."""
        return asdict(self)


def check_promise(
    cases: ArrayLike,
    *,
    tpr: float | None = None,
    fpr: float | None = None,
    threshold: float | None = None,
    alpha: float = 0.05,
) -> PromiseCheck:
    r"""Check a promised TPR on confirmed critical cases, or an FPR on confirmed harmless ones.

    A bet against the promise is carried on from case to case; if the promise holds, its capital
    ever reaches :math:`1/\alpha` with a probability of at most :math:`\alpha`. So one may look
    after every case and stop when one likes.

    The cases must be confirmed whether or not they were flagged. Where only flagged cases are
    looked into, no miss is ever confirmed, and every TPR looks like 1.

    Args:
        cases: Of confirmed cases in the order of their confirmation, shape ``(n,)``: whether each
            was flagged (0 and 1), or, with ``threshold``, their raw scores. None at all is fine.
        tpr: The promised true positive rate, in (0, 1); the cases are then critical ones.
        fpr: The promised false positive rate, in (0, 1); the cases are then harmless ones.
        threshold: Flagged is ``score >= threshold``.
        alpha: In (0, 1).

    Raises:
        MetricError: Scores that are not finite, flags that are neither 0 nor 1, a NaN threshold.
        ConfigurationError: Not exactly one promise, or a value outside its range.

    Reference:
        Ramdas, Grünwald, Vovk & Shafer, *Game-theoretic statistics and safe anytime-valid
        inference*, Statistical Science 2023.

    >>> check = check_promise([1] * 20 + [0] + [1] * 17 + [0, 0], tpr=0.95)
    >>> check.verdict, check.n, check.flagged, round(check.evidence, 2)
    ('stands', 40, 37, 0.62)
    >>> check_promise([0, 1, 0, 0, 1, 0, 1], tpr=0.95).broken_at
    4
    """
    rate, bound = _promise(tpr, fpr)
    alpha = checked_share(alpha, "alpha", one=False)
    flagged = _flags(cases, threshold)
    failed = ~flagged if rate == "tpr" else flagged
    allowed = 1.0 - bound if rate == "tpr" else bound
    failures = np.cumsum(failed)
    numbers = np.arange(1, len(failed) + 1)
    path = np.append(0.0, log_evidence(failures, numbers - failures, allowed))
    limit = -math.log(alpha)
    reached = np.flatnonzero(path >= limit)
    broken_at = int(reached[0]) if len(reached) else None
    n, bad = len(failed), int(failed.sum())
    low, high = anytime_interval(bad, n - bad, allowed, alpha)
    if rate == "tpr":
        low, high = 1.0 - high, 1.0 - low
    verdict: Verdict = "stands"
    if broken_at is not None:
        verdict = "broken"
    elif n < _fewest(allowed, limit) or path[-1] > 0:
        verdict = "undecided"
    hits = int(flagged.sum())
    return PromiseCheck(
        rate=rate,
        bound=bound,
        n=n,
        flagged=hits,
        value=hits / n if n else None,
        low=low,
        high=high,
        confidence=1.0 - alpha,
        evidence=_capital(path[-1]),
        most_evidence=_capital(path.max()),
        broken_at=broken_at,
        alpha=alpha,
        verdict=verdict,
        statement=statement_of(
            verdict,
            rate=rate,
            bound=as_percent(bound),
            counts=(hits, n, _fewest(allowed, limit)),
            interval=(low, high, 1.0 - alpha),
            broken_at=broken_at,
        ),
    )


def _promise(tpr: float | None, fpr: float | None) -> tuple[Literal["tpr", "fpr"], float]:
    if (tpr is None) == (fpr is None):
        raise ConfigurationError("Give the one promise that is to be checked: tpr or fpr.")
    if tpr is not None:
        return "tpr", checked_share(tpr, "tpr", one=False)
    assert fpr is not None
    return "fpr", checked_share(fpr, "fpr", one=False)


def _flags(cases: ArrayLike, threshold: float | None) -> NDArray[np.bool_]:
    values = checked_scores(cases, "cases")
    if threshold is not None:
        if math.isnan(threshold):
            raise MetricError("The threshold is NaN; give a number on the scale of the scores.")
        return np.asarray(values >= threshold)
    strange = (values != 0.0) & (values != 1.0)
    if strange.any():
        raise MetricError(
            f"Without a threshold the cases say whether each was flagged, 0 or 1; "
            f"{values[strange][0]:g} came at position {int(np.argmax(strange))}. If these are "
            "scores, give the threshold."
        )
    return np.asarray(values == 1.0)


def _fewest(allowed: float, limit: float) -> int:
    """Count the cases that it takes to break the promise when every one of them fails."""
    n = 1
    while log_evidence(n, 0, allowed) < limit:
        n += 1
    return n


def _capital(log_capital: float) -> float:
    return float(min(math.exp(min(log_capital, 700.0)), _LARGEST))
