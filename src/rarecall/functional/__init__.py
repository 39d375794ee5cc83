"""Pure maths: tensors in, tensors out, knowing nothing of the rest of the library."""

from rarecall.functional.auc import (
    auc_saddle,
    batch_normalized,
    pairwise_square,
    pairwise_squared_hinge,
)
from rarecall.functional.class_balance import class_balanced_weights
from rarecall.functional.class_margins import ldam, ldam_margins
from rarecall.functional.cross_entropy import (
    binary_cross_entropy,
    softmax_cross_entropy,
    true_log_odds,
)
from rarecall.functional.focal import asymmetric_focal, focal, symmetric_focal
from rarecall.functional.gradient_reversal import reverse_gradient
from rarecall.functional.implicit_threshold import implicit_threshold
from rarecall.functional.labels import given_labels, label_mean
from rarecall.functional.margin import asymmetric_margin, symmetric_margin
from rarecall.functional.pairwise import (
    class_violation_sums,
    class_violations,
    count_violated,
    hinge_violations,
    pair_violations,
)
from rarecall.functional.partial_area import partial_auc
from rarecall.functional.ranks import descending_ranks, rank_penalty
from rarecall.functional.sorted_pairs import hinge_sums
from rarecall.functional.squared_error import false_errors, squared_error
from rarecall.functional.tail import implicit_fpr, matched_fpr, top_push
from rarecall.functional.vector_scaling import class_vector_scaling, vector_scaling

__all__ = [
    "asymmetric_focal",
    "asymmetric_margin",
    "auc_saddle",
    "batch_normalized",
    "binary_cross_entropy",
    "class_balanced_weights",
    "class_vector_scaling",
    "class_violation_sums",
    "class_violations",
    "count_violated",
    "descending_ranks",
    "false_errors",
    "focal",
    "given_labels",
    "hinge_sums",
    "hinge_violations",
    "implicit_fpr",
    "implicit_threshold",
    "label_mean",
    "ldam",
    "ldam_margins",
    "matched_fpr",
    "pair_violations",
    "pairwise_square",
    "pairwise_squared_hinge",
    "partial_auc",
    "rank_penalty",
    "reverse_gradient",
    "softmax_cross_entropy",
    "squared_error",
    "symmetric_focal",
    "symmetric_margin",
    "top_push",
    "true_log_odds",
    "vector_scaling",
]
