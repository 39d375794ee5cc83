"""The winner in use: what is promised for its threshold, and findings beside the curves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from rarecall.comparison.views import typed
from rarecall.evaluation.cases import Looks
from rarecall.evaluation.insights import Model, Wishes, insights
from rarecall.roles import CalibrationScores, Role, TestScores, TrainScores, ValidationScores
from rarecall.thresholds import certify

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rarecall.comparison.material import Material
    from rarecall.config import CompareConfig
    from rarecall.data import Samples
    from rarecall.roles import Scores, TaskScores
    from rarecall.thresholds import Certificate, ThresholdChoice


def winner_insights(
    winner: str,
    number: int,
    scores: Mapping[Role, TaskScores],
    choice: ThresholdChoice,
    *,
    material: Material,
    config: CompareConfig,
) -> dict[str, Any]:
    """Look closely at the winner's scores for one critical class or label.

    Args:
        winner: Name of the delivered method.
        number: Of the class or label; 1 in binary work.
        scores: Its ensemble's, by role.
        choice: Its threshold.
        material: Shared by all methods.
        config: Of the run.
    """
    part = material.parts[Role.TEST]
    rows = np.flatnonzero(part.masks(number).rows)
    model = Model(
        name=winner,
        test=typed(scores[Role.TEST].view(number), TestScores),
        calibration=typed(scores[Role.CALIBRATION].view(number), CalibrationScores),
        choice=choice,
        subgroups=None if part.subgroups is None else part.subgroups.iloc[rows],
        looks=looks_of(part).take(rows),
    )
    wishes = Wishes(
        tpr=config.tpr,
        levels=config.levels,
        confidence=config.confidence,
        prevalence=config.prevalence,
        cases=config.cases,
    )
    return insights(model, wishes)


def looks_of(part: Samples) -> Looks:
    """Give what can be shown of samples: the row of a table, or an image and its patient data."""
    if isinstance(part.features, pd.DataFrame):
        return Looks(rows=part.features)
    return Looks(rows=part.metadata, images=part.features)


def winner_certificate(
    scores: CalibrationScores, material: Material, config: CompareConfig, name: str
) -> Certificate:
    """Certify the winner's threshold; the parts that training and tuning saw are named as used.

    Args:
        scores: The winner's on the calibration part.
        material: Of the run.
        config: Of the run.
        name: Of the score, as the delivered model will call it.
    """
    kinds = {Role.TRAIN: TrainScores, Role.VALIDATION: ValidationScores}
    return certify(
        scores,
        tpr=config.tpr,
        confidence=config.confidence,
        used_before=[_seen(material.parts[role], kind) for role, kind in kinds.items()],
        score_name=name,
        time_split=material.samples.times is not None,
    )


def _seen(part: Samples, kind: type[Scores]) -> Scores:
    # Only ids and groups are compared; what the model gave these samples does not matter.
    nothing = np.zeros(len(part))
    return kind(nothing, nothing.astype(np.int64), part.ids, part.groups)
