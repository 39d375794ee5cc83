"""Exact measures on raw scores, with their uncertainty; numpy and SciPy only."""

from rarecall.metrics.alarms import Alarms, expected_alarms
from rarecall.metrics.auc_differences import AUCDifference, auc_difference
from rarecall.metrics.cost_curves import CostCurve, cost_curve, probability_cost
from rarecall.metrics.curves import RocCurve, auc, average_precision, roc_curve
from rarecall.metrics.decision_curves import DecisionCurve, decision_curve, net_benefit
from rarecall.metrics.decisions import (
    BestThreshold,
    balanced_accuracy_at,
    best_balanced_accuracy,
    best_f_score,
    best_g_mean,
    f_score,
    g_mean_at,
)
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
from rarecall.metrics.partial_areas import partial_auc
from rarecall.metrics.probabilities import BrierParts, brier_decomposition, brier_score
from rarecall.metrics.reliability import ReliabilityCurve, calibration_error, reliability_curve
from rarecall.metrics.requirements import fpr_at_misses, precision_at_recall, tpr_at_fpr
from rarecall.metrics.seeds import SeedInterval, fpr_over_seeds
from rarecall.metrics.selection import SelectionMeasure, selection_measure, smoothed_fpr
from rarecall.metrics.streaming import (
    ArrayChunks,
    streaming_fpr_at_tpr,
    streaming_operating_point,
    streaming_rates_at,
)

__all__ = [
    "AUCDifference",
    "Alarms",
    "ArrayChunks",
    "BestThreshold",
    "BrierParts",
    "CostCurve",
    "DecisionCurve",
    "Interval",
    "OperatingPoint",
    "PairedDifference",
    "ReliabilityCurve",
    "RocCurve",
    "SeedInterval",
    "SelectionMeasure",
    "accuracy",
    "assign_classes",
    "auc",
    "auc_difference",
    "auc_interval",
    "average_precision",
    "balanced_accuracy",
    "balanced_accuracy_at",
    "best_balanced_accuracy",
    "best_f_score",
    "best_g_mean",
    "brier_decomposition",
    "brier_score",
    "calibration_error",
    "class_accuracies",
    "cost_curve",
    "decision_curve",
    "error_at_tpr",
    "expected_alarms",
    "f_score",
    "fpr_at_misses",
    "fpr_at_tpr",
    "fpr_at_tpr_interval",
    "fpr_one_vs_rest",
    "fpr_over_seeds",
    "g_mean_at",
    "holm",
    "label_aucs",
    "label_fprs",
    "mean_auc",
    "net_benefit",
    "operating_point",
    "paired_difference",
    "partial_auc",
    "precision_at_recall",
    "probability_cost",
    "rate_interval",
    "rates_at",
    "reliability_curve",
    "roc_curve",
    "selection_measure",
    "smoothed_fpr",
    "streaming_fpr_at_tpr",
    "streaming_operating_point",
    "streaming_rates_at",
    "tpr_at_fpr",
]
