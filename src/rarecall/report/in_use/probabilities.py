"""Probabilities and what they are worth for a decision, in plain words; ASCII again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rarecall.report.in_use.amounts import ratio
from rarecall.report.numbers import count, percent, plural

if TYPE_CHECKING:
    from rarecall.report.in_use.stored import Bin, Decision, Probability

_MAPS = {
    "platt": "Platt's map",
    "temperature": "a temperature",
    "isotonic": "an isotonic map",
    "beta": "a beta map",
}


def origin(found: Probability) -> str:
    """Say where the probabilities come from."""
    if found.fitted_on is None:
        return "The scores are probabilities already, as was said; nothing was fitted."
    how = _MAPS.get(found.method, found.method or "a fitted map")
    how = how[:1].upper() + how[1:]
    cases = "" if not found.n else f"{count(found.n)} "
    return (
        f"{how} turns scores into probabilities. It was fitted on {cases}{found.fitted_on} cases "
        "and judged on the test part. The threshold works on raw scores and is not touched by it."
    )


def honesty(found: Probability) -> str:
    """Say whether the probabilities mean what they say; empty without bins."""
    if not found.bins:
        return ""
    off = [one for one in found.bins if outside(one)]
    groups = plural(len(found.bins), "group", "groups")
    said = f"Test cases were put into {groups} by rising probability. "
    if not off:
        said += "In each, the share that was critical agrees with the probability, within chance."
    else:
        said += (
            f"In {len(off)} of them the share that was critical is farther from the probability "
            "than chance explains."
        )
    if found.error is not None:
        said += f" On average the two lie {100 * found.error:.1f} percentage points apart."
    return said


def outside(one: Bin) -> bool:
    """Whether a group's mean probability lies outside the interval of its share."""
    low, high = one.rate.low, one.rate.high
    return low is not None and high is not None and not low <= one.mean <= high


def sharpness(found: Probability) -> str:
    """Say how much better the probabilities are than one for all; empty if unknown."""
    if found.brier is None or not found.uncertainty:
        return ""
    gain = 1 - found.brier / found.uncertainty
    better = f"{ratio(gain)} better" if gain > 0 else f"{ratio(-gain)} worse"
    return (
        f"Brier score {found.brier:.4f} (the mean squared error, 0 is perfect): {better} than "
        f"giving every case the share of critical ones, {found.uncertainty:.4f}."
    )


def brier_parts(found: Probability) -> list[tuple[str, str, str]]:
    """List the parts that the Brier score is the sum of: name, signed value, meaning."""
    known = (found.brier, found.uncertainty, found.resolution, found.reliability)
    brier, uncertainty, resolution, reliability = known
    if brier is None or uncertainty is None or resolution is None or reliability is None:
        return []
    rest = brier - (uncertainty - resolution + reliability)
    rows = [
        ("Uncertainty", uncertainty, "what one probability for all would cost"),
        ("Resolution", -resolution, "gained by telling cases apart"),
        ("Reliability", reliability, "lost by probabilities that are off"),
        ("Within groups", rest, "differences between the cases of one group"),
    ]
    listed = [(name, f"{value:+.4f}", meaning) for name, value, meaning in rows]
    return [*listed, ("Brier score", f"{brier:.4f}", "the sum")]


def useful(found: Decision) -> str:
    """Say for which threshold probabilities acting on the model is best."""
    better = [
        model > max(everyone, 0.0) + 1e-12
        for model, everyone in zip(found.model, found.everyone, strict=True)
    ]
    last = percent(found.thresholds[-1])
    if not any(better):
        return (
            f"At no threshold probability up to {last} does acting on the model beat both acting "
            "on everyone and acting on no one."
        )
    if all(better):
        return (
            f"At every threshold probability up to {last}, acting on the model beats acting on "
            "everyone and acting on no one."
        )
    first = better.index(True)
    end = len(better) - 1 - better[::-1].index(True)
    gaps = not all(better[first : end + 1])
    return (
        "Acting on the model beats acting on everyone and on no one at threshold probabilities "
        f"from {percent(found.thresholds[first])} to {percent(found.thresholds[end])}"
        f"{', with gaps' if gaps else ''}."
    )


def worth(found: Decision) -> str:
    """Say the net benefit at the prevalence as a count of cases; empty if it is not drawn."""
    if found.prevalence is None or not (
        found.thresholds[0] <= found.prevalence <= found.thresholds[-1]
    ):
        return ""
    place = min(
        range(len(found.thresholds)),
        key=lambda k: abs(found.thresholds[k] - (found.prevalence or 0.0)),
    )
    net = 1000 * found.model[place]
    at = percent(found.thresholds[place])
    if net <= 0:
        return f"At {at}, near the share of critical cases, the model is worth nothing."
    return (
        f"At {at}, near the share of critical cases, it is worth as much as finding {net:.1f} "
        "critical cases among 1000 without a single false alarm."
    )
