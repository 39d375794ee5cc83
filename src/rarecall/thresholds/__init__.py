"""Choosing an operating point: a threshold, and what may be promised for it."""

from rarecall.thresholds.both import BothChoice, threshold_between
from rarecall.thresholds.certificates import Certificate, Promise
from rarecall.thresholds.certifying import certify
from rarecall.thresholds.conformal import ConformalChoice, conformal_threshold
from rarecall.thresholds.costs import CostChoice, cost_threshold
from rarecall.thresholds.empirical import empirical_threshold
from rarecall.thresholds.false_alarms import FPRChoice, guaranteed_fpr_threshold, negatives_needed
from rarecall.thresholds.guarantee import ThresholdChoice, guaranteed_threshold, positives_needed
from rarecall.thresholds.subgroups import GroupChoices, TooFew, group_thresholds

__all__ = [
    "BothChoice",
    "Certificate",
    "ConformalChoice",
    "CostChoice",
    "FPRChoice",
    "GroupChoices",
    "Promise",
    "ThresholdChoice",
    "TooFew",
    "certify",
    "conformal_threshold",
    "cost_threshold",
    "empirical_threshold",
    "group_thresholds",
    "guaranteed_fpr_threshold",
    "guaranteed_threshold",
    "negatives_needed",
    "positives_needed",
    "threshold_between",
]
