"""Base losses: ordinary unreduced criteria, usable alone or inside an objective."""

from rarecall.losses.cross_entropy import BCELoss, WeightedBCELoss
from rarecall.losses.focal import AsymmetricFocalLoss, FocalLoss, SymmetricFocalLoss
from rarecall.losses.vector_scaling import VectorScalingLoss

__all__ = [
    "AsymmetricFocalLoss",
    "BCELoss",
    "FocalLoss",
    "SymmetricFocalLoss",
    "VectorScalingLoss",
    "WeightedBCELoss",
]
