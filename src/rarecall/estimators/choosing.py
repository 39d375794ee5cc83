"""Choosing a threshold as far as the role of its scores allows, and a promise where it can be."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from rarecall.metrics.inputs import as_percent
from rarecall.roles import CalibrationScores, TrainScores, ValidationScores
from rarecall.thresholds import (
    certify,
    conformal_threshold,
    empirical_threshold,
    guaranteed_threshold,
)
from rarecall.thresholds.counting import counted
from rarecall.thresholds.guarantee import choice_among
from rarecall.thresholds.wording import NAMES

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from rarecall.roles import Scores
    from rarecall.thresholds import Certificate, ConformalChoice, ThresholdChoice

    Choice = ThresholdChoice | ConformalChoice

RULES = ("guaranteed", "average", "empirical")
"""How a threshold is chosen."""


def choose(
    scores: Scores,
    *,
    rule: str,
    tpr: float,
    confidence: float,
    used: Sequence[NDArray[np.str_]] = (),
    subgroup: str | None = None,
    weighted: bool = False,
    score_name: str | None = None,
) -> tuple[Choice, Certificate | None, str]:
    """Choose a threshold by a rule, as far as the role of the scores allows it.

    Args:
        scores: Of calibration, validation or training rows.
        rule: One of :data:`RULES`.
        tpr: The target true positive rate, in (0, 1).
        confidence: In (0, 1).
        used: Ids that training has seen.
        subgroup: Whom a promise is about, where not about all.
        weighted: Whether the user gave sample weights.
        score_name: What the score is called.

    Returns:
        The choice; its certificate, or None; and then why there is none.
    """
    if isinstance(scores, TrainScores):
        choice: Choice = _on_training(scores, tpr, confidence)
        return choice, None, choice.statement
    if rule == "empirical" or weighted or not isinstance(scores, CalibrationScores):
        choice = empirical_threshold(scores, tpr=tpr, confidence=confidence)
        return choice, None, choice.statement + _why_none(scores, weighted=weighted)
    if rule == "average":
        choice = conformal_threshold(scores, tpr=tpr)
    else:
        choice = guaranteed_threshold(scores, tpr=tpr, confidence=confidence)
    certificate = certify(
        scores,
        tpr=tpr,
        confidence=confidence,
        kind="average" if rule == "average" else "guaranteed",
        used_before=used,
        subgroup=subgroup,
        score_name=score_name,
    )
    held = all(promise.kind != "none" for promise in certificate.promises)
    return choice, certificate if held else None, choice.statement


def choose_crossed(scores: Scores, rule: str, *, tpr: float, confidence: float) -> ThresholdChoice:
    """Choose a threshold on cross-fitted scores: approximate, and without a promise.

    Args:
        scores: Each row's by a model that has not seen it; validation scores.
        rule: One of :data:`RULES`; ``"guaranteed"`` keeps the distance from the critical scores
            that a guarantee would take, the others are empirical.
        tpr: The target true positive rate, in (0, 1).
        confidence: In (0, 1).
    """
    choice = empirical_threshold(scores, tpr=tpr, confidence=confidence)
    if rule == "guaranteed":
        units = counted(scores)
        choice = choice_among(
            units.positives,
            units.scores,
            tpr=tpr,
            confidence=confidence,
            unit=units.unit,
            time_split=False,
        )
    return replace(
        choice,
        guaranteed=False,
        assumption=choice.assumption + " The model that is used scores as those of the folds do.",
        statement=(
            f"This threshold is approximate and carries no guarantee: to flag {as_percent(tpr)} of "
            f"the critical {NAMES[choice.unit]} to come it was chosen on cross-fitted scores, of "
            "other models than the one that is used. Set rows aside for a guarantee: a share, as "
            "cv=0.3, or cv='prefit' with new rows."
        ),
    )


def _on_training(scores: TrainScores, tpr: float, confidence: float) -> ThresholdChoice:
    """Flag enough of the critical training rows, and whatever is likelier critical than not."""
    positives = scores.scores[scores.targets == 1]
    found = choice_among(
        positives, scores.scores, tpr=tpr, confidence=confidence, unit="row", time_split=False
    )
    return replace(
        found,
        value=min(found.value, 0.0),
        guaranteed=False,
        statement=(
            f"This threshold carries no guarantee: with {len(positives)} critical rows and "
            f"{len(scores.scores) - len(positives)} others there were too few to set any aside, "
            "so it was chosen on the rows that the model was trained on. It flags at least "
            f"{as_percent(tpr)} of the critical ones among them."
        ),
    )


def _why_none(scores: Scores, *, weighted: bool) -> str:
    if weighted:
        return " The rows have weights, and what is promised is counted on rows that count alike."
    if isinstance(scores, ValidationScores):
        return (
            " There is no calibration part: none was asked for, or there are too few rows for one."
        )
    return ""
