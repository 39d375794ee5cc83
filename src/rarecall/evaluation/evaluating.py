"""Scores of any model from memory, evaluated in one call."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rarecall.evaluation.asking import Asked
from rarecall.evaluation.given_scores import calibration_parts, score_table
from rarecall.evaluation.table_findings import evaluate_table

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import pandas as pd

    from rarecall.evaluation.table_findings import Evaluation


def evaluate(
    scores: Any,
    targets: Any,
    *,
    tpr: float = 0.95,
    confidence: float = 0.95,
    critical: object = None,
    groups: Any = None,
    weights: Any = None,
    ids: Any = None,
    calibration: Sequence[Any] | None = None,
    subgroups: Any = None,
    rows: pd.DataFrame | None = None,
    prevalence: float | None = None,
    baseline: str | None = None,
    probabilities: bool = False,
    cases: int = 8,
    seed: int = 0,
    name: str = "scores",
    out: str | Path | None = None,
) -> Evaluation:
    """Measure the scores of any model, or compare those of several on the same samples.

    The first model is the one in use: a threshold, probabilities and the cases to look at are its.
    NumPy arrays, pandas, torch tensors and lists are taken.

    Args:
        scores: Raw, higher is more critical, shape ``(n,)``; several models' by name in a mapping
            or a data frame.
        targets: Labels, shape ``(n,)``: 1 for the critical class and 0, or any with ``critical``.
        tpr: Required true positive rate, in (0, 1).
        confidence: Of the guarantee and all intervals, in (0, 1).
        critical: The label that must not be missed, where labels are not 0 and 1.
        groups: Group of every sample (patient, account), shape ``(n,)``.
        weights: Weight of every sample, shape ``(n,)``; intervals are then left out.
        ids: Names of the samples, unique, shape ``(n,)``.
        calibration: ``(scores, targets)`` or ``(scores, targets, groups)`` of other samples, used
            for nothing else: the first model's threshold is chosen there.
        subgroups: Columns that part the samples (site, sex): a mapping or a data frame.
        rows: What may be shown of misses and false alarms, a row a sample.
        prevalence: Share of critical cases where the model is used; by default that of ``targets``.
        baseline: Model that the others are compared with; the first by default.
        probabilities: Whether the scores are probabilities already.
        cases: Misses and false alarms stored, of each; 0 stores none.
        seed: Of the resamples.
        name: Of the samples, for the report.
        out: Folder to write the results and the report into; it must not hold anything yet.

    Raises:
        DataError: Scores or labels cannot be used, or calibration samples are also measured on.
        MetricError: A measure is not defined on these scores.
        ConfigurationError: An option outside its range.
        RunError: The folder is taken.

    >>> import numpy as np
    >>> rng, targets = np.random.default_rng(0), np.repeat([1, 0], [100, 400])
    >>> found = evaluate(rng.normal(3 * targets), targets, calibration=(rng.normal(3 * targets),
    ...                  targets))
    >>> found.results["methods"][0]["test"]["auc"]["value"] > 0.9
    True
    >>> found.certificate.threshold == found.threshold
    True
    """
    asked = Asked(
        tpr=tpr,
        confidence=confidence,
        prevalence=prevalence,
        baseline=baseline,
        cases=cases,
        probabilities=probabilities,
        seed=seed,
    )
    table = score_table(
        scores,
        targets,
        critical=critical,
        groups=groups,
        weights=weights,
        ids=ids,
        subgroups=subgroups,
        rows=rows,
        name=name,
    )
    calibrating = None
    if calibration is not None:
        there, labels, grouped = calibration_parts(calibration)
        calibrating = score_table(
            there, labels, critical=critical, groups=grouped, name=f"{name}, calibration"
        )
        first = next(iter(table.scores))
        if len(calibrating.scores) == 1:
            # One model's calibration scores are those of the model in use, whatever their name.
            calibrating = calibrating.renamed(first)
    return evaluate_table(table, asked, calibration=calibrating, out=out)
