"""A model in use: whether its scores have drifted, and whether its promise still stands."""

from rarecall.monitoring.class_shares import SharesOnly
from rarecall.monitoring.drift import Drift, Share, check_drift
from rarecall.monitoring.promises import PromiseCheck, check_promise
from rarecall.monitoring.reviewing import Review, review

__all__ = [
    "Drift",
    "PromiseCheck",
    "Review",
    "Share",
    "SharesOnly",
    "check_drift",
    "check_promise",
    "review",
]
