"""What a reader of findings about given scores must know beside them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rarecall.data.score_parts import shared_groups
from rarecall.evaluation.claims import MISSES_NEEDED
from rarecall.metrics.inputs import as_percent

if TYPE_CHECKING:
    from rarecall.data.score_tables import ScoreTable
    from rarecall.evaluation.insights import Wishes
    from rarecall.thresholds import ThresholdChoice


def evaluation_limits(
    table: ScoreTable,
    calibration: ScoreTable | None,
    wishes: Wishes,
    choice: ThresholdChoice | None,
    *,
    apart: bool,
) -> list[str]:
    """Say what the numbers cannot show.

    Args:
        table: Samples that were measured.
        calibration: Samples that the threshold was chosen on, or None.
        wishes: What was asked.
        choice: The threshold, or None.
        apart: Whether these are other samples.
    """
    limits = [
        "The numbers hold for samples that the models have not seen in training or tuning; whether "
        "that is so cannot be told from scores.",
    ]
    if table.weights is None:
        limits.append(
            "Intervals say how far other samples from the same source would move a value."
        )
    else:
        limits.append(
            "The samples are weighted: measures count them so, but carry no interval, and no "
            "difference is tested. Both depend on how the weights came about (a design, a model, "
            "copies of a row), which is not known here."
        )
    positives = table.positives
    if positives * (1.0 - wishes.tpr) < MISSES_NEEDED:
        limits.append(
            f"There {'is 1 positive' if positives == 1 else f'are {positives} positives'}, so the "
            f"false positive rate at TPR {as_percent(wishes.tpr)} hangs on very few of them; its "
            "interval is wide."
        )
    if choice is None:
        limits.append(_no_threshold(weighted=table.weights is not None))
    elif not choice.guaranteed:
        limits.append(choice.statement)
    if choice is not None and not apart:
        limits.append(
            "The threshold was chosen on the samples that were measured. Its promise holds, but "
            "how it does on other samples is not shown."
        )
    if calibration is not None and apart and (shared := shared_groups(calibration, table)):
        limits.append(
            f"{shared} of the groups stand in the calibration and in the test part, so what the "
            "threshold did on test is no independent check of it."
        )
    if table.groups is not None:
        limits.append(
            "Since rows of one group are no independent evidence, intervals, differences and the "
            "threshold count groups. Only the rates within subgroups count rows; their intervals "
            "are too narrow where groups are large."
        )
    if len(table.scores) > 2:
        limits.append(
            f"p-values are adjusted for {len(table.scores) - 1} comparisons (Holm), those of the "
            "false positive rate and of the AUC each for itself."
        )
    return limits


def _no_threshold(*, weighted: bool) -> str:
    if weighted:
        return (
            "No threshold is given: a guarantee counts samples, and weighted ones cannot be "
            "counted. Give unweighted calibration samples for one."
        )
    return (
        "No calibration data was given, so no threshold is delivered and nothing is promised. Give "
        "samples that were used for nothing else (--calibration)."
    )
