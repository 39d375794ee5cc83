"""The measures that protocols name, each as a function of scores and targets.

In ``as-published`` mode a required TPR is met as the published evaluation meets it: a threshold
counts whose TPR *rounds* to the required one at two decimals, 97.5% for 98%. With 100 positives
that forgives half a miss. In ``strict`` mode it is reached exactly, or exceeded.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from rarecall import metrics
from rarecall.errors import ConfigurationError, did_you_mean
from rarecall.metrics import SelectionMeasure
from rarecall.metrics.several import SeveralMeasure
from rarecall.task import Task

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

ROUNDED = 0.005
"""By how much a TPR may fall short and still round to the one required, at two decimals."""

Function = Callable[..., float]


def _threshold_free_accuracy(scores: Any, targets: Any) -> float:
    values, known = np.asarray(scores), np.asarray(targets)
    if values.ndim == 2 and known.ndim == 1:
        return metrics.accuracy(values, known)
    return float(np.mean((values >= 0) == (known == 1)))


def _balanced(scores: Any, targets: Any) -> float:
    values = np.asarray(scores)
    if values.ndim == 2:
        return metrics.balanced_accuracy(values, targets)
    return metrics.balanced_accuracy_at(values, targets, 0.0)


def _of_class(scores: Any, targets: Any, *, index: int | Sequence[int]) -> float:
    """Accuracy of a class, or the mean of several classes' accuracies."""
    return float(np.mean(metrics.class_accuracies(scores, targets)[np.atleast_1d(index)]))


def _label_auc(scores: Any, targets: Any, *, index: int) -> float:
    return float(metrics.label_aucs(scores, targets)[index])


def _error(scores: Any, targets: Any, *, tpr: float, critical: int) -> float:
    return metrics.error_at_tpr(scores, targets, critical, tpr)


def _fpr_of_class(scores: Any, targets: Any, *, tpr: float, critical: int) -> float:
    return metrics.fpr_one_vs_rest(scores, targets, critical, tpr)


def _auc(scores: Any, targets: Any) -> float:
    values, known = np.asarray(scores), np.asarray(targets)
    if values.ndim == 2 and known.ndim == 2:
        return metrics.mean_auc(values, known)
    return metrics.auc(values, known)


def _brier(scores: Any, targets: Any) -> float:
    with np.errstate(over="ignore"):
        return metrics.brier_score(1.0 / (1.0 + np.exp(-np.asarray(scores))), targets)


def _mean_fpr(scores: Any, targets: Any, *, tpr: float) -> float:
    return float(metrics.label_fprs(scores, targets, tpr).mean())


def _best(find: Callable[..., Any]) -> Function:
    return lambda scores, targets: float(find(scores, targets).value)


_KNOWN: dict[str, tuple[Function, str, tuple[str, ...]]] = {
    # name: function, which way is better, arguments
    "fpr_at_tpr": (metrics.fpr_at_tpr, "lower", ("tpr",)),
    "mean_fpr_at_tpr": (_mean_fpr, "lower", ("tpr",)),
    "tpr_at_fpr": (metrics.tpr_at_fpr, "higher", ("fpr",)),
    "fpr_at_misses": (metrics.fpr_at_misses, "lower", ("misses",)),
    "fpr_of_class_at_tpr": (_fpr_of_class, "lower", ("tpr", "critical")),
    "error_at_tpr": (_error, "lower", ("tpr", "critical")),
    "precision_at_recall": (metrics.precision_at_recall, "higher", ("recall",)),
    "auc": (_auc, "higher", ()),
    "label_auc": (_label_auc, "higher", ("index",)),
    "partial_auc": (metrics.partial_auc, "higher", ("min_tpr", "max_fpr", "standardize")),
    "average_precision": (metrics.average_precision, "higher", ()),
    "accuracy": (_threshold_free_accuracy, "higher", ()),
    "balanced_accuracy": (_balanced, "higher", ()),
    "class_accuracy": (_of_class, "higher", ("index",)),
    "best_f_score": (_best(metrics.best_f_score), "higher", ()),
    "best_balanced_accuracy": (_best(metrics.best_balanced_accuracy), "higher", ()),
    "best_g_mean": (_best(metrics.best_g_mean), "higher", ()),
    "brier_score": (_brier, "lower", ()),
}
_OTHER_WORDS = {"class": "index", "label": "index"}


def measure_names() -> tuple[str, ...]:
    """Names that a protocol's ``measure`` may have.

    >>> "fpr_at_tpr" in measure_names()
    True
    """
    return tuple(_KNOWN)


@dataclass(frozen=True)
class Measure:
    """One column of a table.

    Attributes:
        label: As printed.
        name: Which function it is.
        parameters: Its arguments.
        mode: ``"strict"`` or ``"as-published"``.
        single: Whether the printed value is the mean over single networks, not of the ensemble.
        views: Whether it is of scores averaged over augmented copies (``test_views``).

    >>> measure = Measure.of("98", {"measure": "fpr_at_tpr", "tpr": 0.98})
    >>> measure([0.9, 0.4, 0.5, 0.1], [1, 1, 0, 0]), measure.better
    (0.5, 'lower')
    """

    label: str
    name: str
    parameters: dict[str, Any]
    mode: str = "strict"
    single: bool = False
    views: bool = False

    @classmethod
    def of(cls, label: str, told: Mapping[str, Any], *, mode: str = "strict") -> Measure:
        """Read what a protocol says of a column.

        Raises:
            ConfigurationError: The measure or one of its arguments is unknown or missing.
        """
        given = {_OTHER_WORDS.get(key, key): value for key, value in told.items()}
        name = str(given.pop("measure", ""))
        single = given.pop("of", None) == "single"
        views = bool(given.pop("views", False))
        given = {
            key: value
            for key, value in given.items()
            if key not in ("percent", "better", "printed")
        }
        if name not in _KNOWN:
            raise ConfigurationError(
                f"There is no measure {name!r} (column {label!r}).{did_you_mean(name, _KNOWN)} "
                f"There are {', '.join(_KNOWN)}."
            )
        wanted = _KNOWN[name][2]
        unknown = [key for key in given if key not in wanted]
        if unknown or (name != "partial_auc" and set(given) != set(wanted)):
            raise ConfigurationError(
                f"The measure {name!r} (column {label!r}) takes {', '.join(wanted) or 'nothing'}, "
                f"not {', '.join(given) or 'nothing'}."
            )
        return cls(label, name, given, mode, single, views)

    @property
    def better(self) -> str:
        """``"lower"`` or ``"higher"``."""
        return _KNOWN[self.name][1]

    @property
    def sign(self) -> int:
        """1 where higher is better, else -1."""
        return 1 if self.better == "higher" else -1

    @property
    def level(self) -> float | None:
        """The TPR at which it truly measures, or None if it has none."""
        if "tpr" not in self.parameters:
            return None
        tpr = float(self.parameters["tpr"])
        return max(tpr - ROUNDED, ROUNDED) if self.mode == "as-published" and tpr < 1 else tpr

    @property
    def tells_fpr(self) -> bool:
        """Whether it is the plain FPR at a TPR, for which exact intervals exist."""
        return self.name == "fpr_at_tpr"

    @property
    def tells_auc(self) -> bool:
        """Whether it is the area under the ROC curve, for which DeLong's interval exists."""
        return self.name == "auc"

    def __call__(self, scores: Any, targets: Any) -> float:
        """Measure scores ``(n,)`` or ``(n, C)`` against targets; a share in [0, 1]."""
        given = dict(self.parameters)
        if self.level is not None:
            given["tpr"] = self.level
        return float(partial(_KNOWN[self.name][0], **given)(scores, targets))

    def to_json(self) -> dict[str, Any]:
        """Plain values, as a results document holds them."""
        return {
            "label": self.label,
            "measure": self.name,
            **self.parameters,
            "of": "single" if self.single else "ensemble",
            **({"views": True} if self.views else {}),
            "better": self.better,
            "percent": True,
        }


def measures_of(told: Mapping[str, Mapping[str, Any]], mode: str) -> list[Measure]:
    """Read all columns of a protocol."""
    return [Measure.of(str(label), column, mode=mode) for label, column in told.items()]


class _Progress(SeveralMeasure):
    """Chooses by what drives the schedules: accuracy, or the mean AUC of all labels.

    A label that validation holds in one class only cannot tell networks apart, and is left out.
    """

    def __call__(self, scores: ArrayLike, targets: ArrayLike) -> float:
        """Measure; higher is better."""
        return self.progress(scores, targets)

    def _mean(self, measure: Any, scores: ArrayLike, targets: ArrayLike) -> float:
        if self.task.kind == "multilabel":
            known = np.asarray(targets)
            telling = [k for k in self.task.critical if {0, 1} <= set(np.unique(known[:, k]))]
            if telling and len(telling) < len(self.task.critical):
                task = Task("multilabel", len(telling), tuple(range(len(telling))))
                apart = replace(self, task=task)
                return apart._mean(measure, np.asarray(scores)[:, telling], known[:, telling])
        return super()._mean(measure, scores, targets)


def selection(task: Task) -> SelectionMeasure:
    """Give what the papers choose checkpoints by: validation AUC; accuracy with several classes.

    >>> from rarecall.task import BINARY, Task
    >>> selection(BINARY).name, selection(Task("multiclass", 3, (2,))).name
    ('AUC', 'accuracy')
    """
    if task.kind == "binary":
        return SelectionMeasure("AUC", 0.95, smoothed=False)
    name = "accuracy" if task.kind == "multiclass" else "mean AUC"
    return _Progress(name, 0.95, smoothed=False, task=task)
