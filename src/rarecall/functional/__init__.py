"""Pure maths: tensors in, tensors out, knowing nothing of the rest of the library."""

from rarecall.functional.cross_entropy import binary_cross_entropy
from rarecall.functional.focal import asymmetric_focal, focal, symmetric_focal
from rarecall.functional.pairwise import hinge_violations
from rarecall.functional.ranks import descending_ranks, rank_penalty
from rarecall.functional.vector_scaling import vector_scaling

__all__ = [
    "asymmetric_focal",
    "binary_cross_entropy",
    "descending_ranks",
    "focal",
    "hinge_violations",
    "rank_penalty",
    "symmetric_focal",
    "vector_scaling",
]
