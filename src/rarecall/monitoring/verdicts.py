"""A check of a promise in words."""

from __future__ import annotations

from typing import Literal

from rarecall.metrics.inputs import as_percent

Verdict = Literal["stands", "broken", "undecided"]


def statement_of(
    verdict: Verdict,
    *,
    rate: Literal["tpr", "fpr"],
    bound: str,
    counts: tuple[int, int, int],
    interval: tuple[float, float, float],
    broken_at: int | None,
) -> str:
    """Say what confirmed cases show, and what follows.

    Args:
        verdict: On the promise.
        rate: What was promised.
        bound: The promise, written as a percentage.
        counts: Cases flagged, cases, and the fewest that could break the promise.
        interval: Lower and upper bound of the rate, and their confidence.
        broken_at: Number of the case that broke it.

    >>> print(statement_of("stands", rate="tpr", bound="95%", counts=(37, 40, 3),
    ...                    interval=(0.73, 0.992, 0.95), broken_at=None))
    After 40 confirmed critical cases, of which 37 were flagged, the TPR is 92.5% (between 73.0% and
    99.2%, at 95% confidence at all times together). The promise of at least 95% still stands; a TPR
    down to 73.0% is not ruled out yet.
    """
    flagged, n, fewest = counts
    low, high, confidence = interval
    kind = "critical" if rate == "tpr" else "harmless"
    promise = f"The promise of at {'least' if rate == 'tpr' else 'most'} {bound}"
    wanted = f"confirmed {kind} {'case' if fewest == 1 else 'cases'}"
    if not n:
        return f"No {kind} case is confirmed yet. {promise} cannot be checked before {fewest} are."
    cases = f"{n:,} confirmed {kind} {'case' if n == 1 else 'cases'}"
    found = (
        f"After {cases}, of which {flagged:,} {'was' if flagged == 1 else 'were'} flagged, the "
        f"{rate.upper()} is {_percent(flagged / n)} (between {_percent(low)} and {_percent(high)}, "
        f"at {as_percent(confidence)} confidence at all times together)."
    )
    if verdict == "broken":
        return (
            f"{found} {promise} is broken, since case {broken_at:,}: chance alone would hardly "
            "ever show this while it held. Do not rely on it. Look for what has changed, and "
            "certify again on a new calibration part."
        )
    if verdict == "undecided" and n < fewest:
        return f"{found} That is too few to say anything: it takes {fewest} {wanted} at least."
    if verdict == "undecided":
        return (
            f"{found} {promise} is in doubt: the cases speak against it, but chance may have done "
            "that. Go on confirming cases, and look for what may have changed."
        )
    limit = f"a TPR down to {_percent(low)}" if rate == "tpr" else f"an FPR up to {_percent(high)}"
    return f"{found} {promise} still stands; {limit} is not ruled out yet."


def _percent(rate: float) -> str:
    return f"{100 * rate:.1f}%"
