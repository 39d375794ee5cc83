"""rarecall's measures in torchmetrics' convention: update, compute, reset, over processes.

All take raw scores (logits) in ``update(preds, target, weights=None)``; nothing is taken for a
probability because of its range, except by the measures of probabilities, which refuse what is
none. They work in a ``MetricCollection`` with torchmetrics' own, and share their states there.

``pip install "rarecall[torchmetrics]"`` brings what this module needs.
"""

from __future__ import annotations

from typing import Any, Literal

from rarecall import metrics
from rarecall.integrations.score_metric import ScoreMetric

__all__ = [
    "AUC",
    "AveragePrecision",
    "BalancedAccuracy",
    "BestBalancedAccuracy",
    "BestFScore",
    "BestGMean",
    "BrierScore",
    "CalibrationError",
    "FPRAtMisses",
    "FPRAtTPR",
    "FScore",
    "GMean",
    "PartialAUC",
    "PrecisionAtRecall",
    "TPRAtFPR",
]


class FPRAtTPR(ScoreMetric):
    """FPR at the highest threshold that reaches a TPR; see :func:`rarecall.metrics.fpr_at_tpr`.

    Args:
        tpr: The required true positive rate, in (0, 1].
        options: Of ``torchmetrics.Metric``.

    >>> import torch
    >>> metric = FPRAtTPR(tpr=0.95)
    >>> metric.update(torch.tensor([0.9, 0.8, 0.3]), torch.tensor([1, 1, 1]))
    >>> metric.update(torch.tensor([0.5, 0.2]), torch.tensor([0, 0]))
    >>> metric.compute()
    tensor(0.5000, dtype=torch.float64)
    """

    higher_is_better = False
    measure = staticmethod(metrics.fpr_at_tpr)

    def __init__(self, tpr: float, **options: Any) -> None:
        super().__init__(options, tpr=tpr)


class TPRAtFPR(ScoreMetric):
    """Highest TPR whose FPR is at most the one allowed; see :func:`rarecall.metrics.tpr_at_fpr`.

    Args:
        fpr: The false positive rate allowed, in [0, 1].
        options: Of ``torchmetrics.Metric``.
    """

    measure = staticmethod(metrics.tpr_at_fpr)

    def __init__(self, fpr: float, **options: Any) -> None:
        super().__init__(options, fpr=fpr)


class FPRAtMisses(ScoreMetric):
    """FPR when at most so many are missed; see :func:`rarecall.metrics.fpr_at_misses`. No weights.

    Args:
        misses: Critical samples that may be missed, at least 0.
        options: Of ``torchmetrics.Metric``.
    """

    higher_is_better = False
    takes_weights = False
    measure = staticmethod(metrics.fpr_at_misses)

    def __init__(self, misses: int, **options: Any) -> None:
        super().__init__(options, misses=misses)


class AUC(ScoreMetric):
    """Area under the ROC curve; see :func:`rarecall.metrics.auc`.

    >>> import torch
    >>> AUC()(torch.tensor([0.1, 0.4, 0.35, 0.8]), torch.tensor([0, 0, 1, 1]))
    tensor(0.7500, dtype=torch.float64)
    """

    measure = staticmethod(metrics.auc)

    def __init__(self, **options: Any) -> None:
        super().__init__(options)


class PartialAUC(ScoreMetric):
    """Area under a part of the ROC curve; see :func:`rarecall.metrics.partial_auc`.

    Args:
        max_fpr: Highest false positive rate looked at, in (0, 1].
        min_tpr: True positive rate from which area counts, in [0, 1).
        standardize: Whether chance is to be 0.5 and a perfect ranking 1.
        options: Of ``torchmetrics.Metric``.
    """

    measure = staticmethod(metrics.partial_auc)

    def __init__(
        self,
        max_fpr: float | None = None,
        min_tpr: float | None = None,
        *,
        standardize: bool = False,
        **options: Any,
    ) -> None:
        super().__init__(options, max_fpr=max_fpr, min_tpr=min_tpr, standardize=standardize)


class AveragePrecision(ScoreMetric):
    """Precision averaged over recall; see :func:`rarecall.metrics.average_precision`."""

    measure = staticmethod(metrics.average_precision)

    def __init__(self, **options: Any) -> None:
        super().__init__(options)


class PrecisionAtRecall(ScoreMetric):
    """Highest precision at a recall; see :func:`rarecall.metrics.precision_at_recall`.

    Args:
        recall: The least share of critical samples to flag, in (0, 1].
        options: Of ``torchmetrics.Metric``.
    """

    measure = staticmethod(metrics.precision_at_recall)

    def __init__(self, recall: float, **options: Any) -> None:
        super().__init__(options, recall=recall)


class FScore(ScoreMetric):
    """F score of a threshold; see :func:`rarecall.metrics.f_score`.

    Args:
        threshold: A sample is critical when ``score >= threshold``, on the scores' own scale.
        beta: How many times as much recall counts, above 0.
        options: Of ``torchmetrics.Metric``.
    """

    measure = staticmethod(metrics.f_score)

    def __init__(self, threshold: float, beta: float = 1.0, **options: Any) -> None:
        super().__init__(options, threshold=threshold, beta=beta)


class BestFScore(ScoreMetric):
    """Highest F score over all thresholds; see :func:`rarecall.metrics.best_f_score`.

    Args:
        beta: How many times as much recall counts, above 0.
        options: Of ``torchmetrics.Metric``.
    """

    measure = staticmethod(metrics.best_f_score)

    def __init__(self, beta: float = 1.0, **options: Any) -> None:
        super().__init__(options, beta=beta)


class BalancedAccuracy(ScoreMetric):
    """Balanced accuracy of a threshold; see :func:`rarecall.metrics.balanced_accuracy_at`.

    Args:
        threshold: A sample is critical when ``score >= threshold``, on the scores' own scale.
        options: Of ``torchmetrics.Metric``.
    """

    measure = staticmethod(metrics.balanced_accuracy_at)

    def __init__(self, threshold: float, **options: Any) -> None:
        super().__init__(options, threshold=threshold)


class BestBalancedAccuracy(ScoreMetric):
    """Highest balanced accuracy; see :func:`rarecall.metrics.best_balanced_accuracy`."""

    measure = staticmethod(metrics.best_balanced_accuracy)

    def __init__(self, **options: Any) -> None:
        super().__init__(options)


class GMean(ScoreMetric):
    """G-mean of a threshold; see :func:`rarecall.metrics.g_mean_at`.

    Args:
        threshold: A sample is critical when ``score >= threshold``, on the scores' own scale.
        options: Of ``torchmetrics.Metric``.
    """

    measure = staticmethod(metrics.g_mean_at)

    def __init__(self, threshold: float, **options: Any) -> None:
        super().__init__(options, threshold=threshold)


class BestGMean(ScoreMetric):
    """Highest G-mean over all thresholds; see :func:`rarecall.metrics.best_g_mean`."""

    measure = staticmethod(metrics.best_g_mean)

    def __init__(self, **options: Any) -> None:
        super().__init__(options)


class BrierScore(ScoreMetric):
    """Mean squared error of *probabilities*; see :func:`rarecall.metrics.brier_score`."""

    higher_is_better = False
    measure = staticmethod(metrics.brier_score)

    def __init__(self, **options: Any) -> None:
        super().__init__(options)


class CalibrationError(ScoreMetric):
    """Calibration error of *probabilities*; see :func:`rarecall.metrics.calibration_error`.

    Args:
        bins: How many.
        norm: ``"l1"``, ``"l2"`` or ``"max"``.
        strategy: ``"quantile"`` or ``"uniform"``.
        options: Of ``torchmetrics.Metric``.
    """

    higher_is_better = False
    measure = staticmethod(metrics.calibration_error)

    def __init__(
        self,
        bins: int = 10,
        norm: Literal["l1", "l2", "max"] = "l1",
        strategy: Literal["quantile", "uniform"] = "quantile",
        **options: Any,
    ) -> None:
        super().__init__(options, bins=bins, norm=norm, strategy=strategy)
