"""What a comparison of scores means for the promise, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rarecall.monitoring.class_shares import SharesOnly

_CONFIRM = (
    "Confirm some cases drawn at random, whether flagged or not, and check the promise on the "
    "critical ones."
)


def meaning_of(
    drifted: bool, shares: SharesOnly | None, *, n: int, n_reference: int, positives: bool
) -> tuple[str, str]:
    """Say what a comparison means for the promise, and what to do.

    Args:
        drifted: Whether a drift was found.
        shares: Whether another share of critical cases explains it, where that is known.
        n: New scores.
        n_reference: Calibration scores.
        positives: Whether the reference knows the scores of critical samples.

    Returns:
        The meaning, and the advice.

    >>> meaning, advice = meaning_of(False, None, n=500, n_reference=1000, positives=True)
    >>> print(meaning)
    The 500 new scores cannot be told from the 1,000 calibration scores. That does not prove the
    promise: critical cases are few, and a change among them alone would hardly show.
    """
    if not drifted:
        return (
            f"The {n:,} new scores cannot be told from the {n_reference:,} calibration scores. "
            "That does not prove the promise: critical cases are few, and a change among them "
            "alone would hardly show.",
            f"Go on. {_CONFIRM}",
        )
    begin = f"The {n:,} new scores differ from the {n_reference:,} calibration scores"
    if shares is None:
        why = (
            "it is not known here how critical cases scored"
            if not positives
            else "the calibration scores are all critical"
        )
        return (
            f"{begin}. Whether that is only another share of critical cases, which would leave a "
            f"promise about the TPR untouched, cannot be said, since {why}.",
            f"Do not rely on the promise until it is checked. {_CONFIRM}",
        )
    if shares.explains:
        return (
            f"{begin}, in a way that another share of critical cases alone would explain: "
            f"{_about(shares.now)} now, {_about(shares.before)} then. If that is all, cases "
            "score as others of their class did, and a promise about the TPR or FPR stands; the "
            "number of alarms, their precision and probabilities change. Scores without labels "
            "cannot show that it is all.",
            f"{_CONFIRM} Correct probabilities for the new share (shift_prior).",
        )
    return (
        f"{begin}, in a way that another share of critical cases cannot explain: cases of a class "
        "score otherwise than they did. The promise assumes that they do not. It may still hold, "
        "if only harmless cases have changed.",
        "Do not rely on the promise until it is checked. Look for what has changed before the "
        f"model: source, device, software, missing columns, units. {_CONFIRM} If the change is "
        "there to stay, draw a new calibration part and certify again.",
    )


def _about(share: float) -> str:
    return f"about {100 * share:.2g}%" if share >= 0.0005 else "hardly any"
