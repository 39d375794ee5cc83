"""Exact measures on raw scores, with their uncertainty; numpy only."""

from rarecall.metrics.curves import RocCurve, auc, average_precision, roc_curve
from rarecall.metrics.delong import auc_interval
from rarecall.metrics.fpr_interval import fpr_at_tpr_interval
from rarecall.metrics.intervals import Interval, rate_interval
from rarecall.metrics.multiclass import (
    accuracy,
    assign_classes,
    balanced_accuracy,
    class_accuracies,
    error_at_tpr,
    fpr_one_vs_rest,
)
from rarecall.metrics.multilabel import label_aucs, label_fprs, mean_auc
from rarecall.metrics.operating import OperatingPoint, fpr_at_tpr, operating_point, rates_at
from rarecall.metrics.paired import PairedDifference, holm, paired_difference
from rarecall.metrics.selection import SelectionMeasure, selection_measure, smoothed_fpr

__all__ = [
    "Interval",
    "OperatingPoint",
    "PairedDifference",
    "RocCurve",
    "SelectionMeasure",
    "accuracy",
    "assign_classes",
    "auc",
    "auc_interval",
    "average_precision",
    "balanced_accuracy",
    "class_accuracies",
    "error_at_tpr",
    "fpr_at_tpr",
    "fpr_at_tpr_interval",
    "fpr_one_vs_rest",
    "holm",
    "label_aucs",
    "label_fprs",
    "mean_auc",
    "operating_point",
    "paired_difference",
    "rate_interval",
    "rates_at",
    "roc_curve",
    "selection_measure",
    "smoothed_fpr",
]
