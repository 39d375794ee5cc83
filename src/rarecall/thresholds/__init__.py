"""Choosing an operating point: a threshold, and what may be promised for it."""

from rarecall.thresholds.guarantee import ThresholdChoice, guaranteed_threshold, positives_needed

__all__ = ["ThresholdChoice", "guaranteed_threshold", "positives_needed"]
