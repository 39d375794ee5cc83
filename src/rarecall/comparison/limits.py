"""What a reader of a comparison must know beside its numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rarecall.comparison.views import task_limits
from rarecall.comparison.watching import told_of_watching
from rarecall.evaluation.claims import MISSES_NEEDED
from rarecall.metrics.inputs import as_percent
from rarecall.roles import Role

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rarecall.comparison.material import Material
    from rarecall.config import CompareConfig
    from rarecall.thresholds import ThresholdChoice


def comparison_limits(
    material: Material, config: CompareConfig, thresholds: Mapping[int, ThresholdChoice]
) -> list[str]:
    """Say what the numbers of a comparison cannot show.

    Args:
        material: Of the run.
        config: Of the run.
        thresholds: The winner's, by the number of the class or label.
    """
    limits = [
        "Intervals say how far other test samples from the same source would move a value; how far "
        "other seeds would move it is the spread beside it.",
        "One split was used. Another would give somewhat other numbers.",
    ]
    if material.measure.message:
        limits.append(material.measure.message)
    watching = told_of_watching(material)
    if watching and not config.redraw:
        limits.append(watching)
    for number, name in material.samples.critical_names.items():
        of = "" if material.task.kind == "binary" else f" of {name!r}"
        if not thresholds[number].guaranteed:
            limits.append(f"{of and name + ': '}{thresholds[number].statement}")
        positives = int(material.parts[Role.TEST].masks(number).positive.sum())
        if positives * (1.0 - config.tpr) < MISSES_NEEDED:
            limits.append(
                f"The test part has {positives} positives{of}, so the false positive rate at TPR "
                f"{as_percent(config.tpr)} hangs on very few of them; its interval is wide."
            )
    limits += task_limits(material.task)
    if material.samples.times is not None:
        limits.append(
            "The split is by time: if the source changes, calibration samples no longer stand for "
            "the newest ones, and neither does the guarantee."
        )
    if material.samples.groups is not None:
        limits.append(
            "Since rows of one group are no independent evidence, intervals, differences and the "
            "threshold count groups. Only the rates within subgroups count rows; their intervals "
            "are too narrow where groups are large."
        )
    if config.train_positives is not None:
        each = "" if material.task.kind == "binary" else "of each critical class "
        limits.append(
            f"Only {config.train_positives} positives {each}were kept for training, to make it "
            "rare; validation, calibration and test keep theirs."
        )
    return limits
