"""Base losses: ordinary unreduced criteria, usable alone or inside an objective."""

from rarecall.losses.auc_margin import AUCMarginLoss, AUCSquareLoss
from rarecall.losses.class_balanced import ClassBalancedBCELoss, ClassBalancedCELoss
from rarecall.losses.cross_entropy import BCELoss, CrossEntropyLoss, WeightedBCELoss
from rarecall.losses.focal import AsymmetricFocalLoss, FocalLoss, SymmetricFocalLoss
from rarecall.losses.implicit_fpr import ImplicitFPRLoss
from rarecall.losses.ldam import DeferredLDAMLoss, LDAMLoss
from rarecall.losses.margin import AsymmetricMarginLoss, SymmetricMarginLoss
from rarecall.losses.pairwise import MiniBatchAUCLoss, PairwiseHingeLoss
from rarecall.losses.partial_auc import OneWayPartialAUCLoss, TwoWayPartialAUCLoss
from rarecall.losses.recall_lagrangian import RecallLagrangianLoss
from rarecall.losses.squared_error import MFELoss, MSELoss, MSFELoss
from rarecall.losses.top_push import PatMatLoss, TopPushLoss
from rarecall.losses.vector_scaling import LogitAdjustmentLoss, VectorScalingLoss

__all__ = [
    "AUCMarginLoss",
    "AUCSquareLoss",
    "AsymmetricFocalLoss",
    "AsymmetricMarginLoss",
    "BCELoss",
    "ClassBalancedBCELoss",
    "ClassBalancedCELoss",
    "CrossEntropyLoss",
    "DeferredLDAMLoss",
    "FocalLoss",
    "ImplicitFPRLoss",
    "LDAMLoss",
    "LogitAdjustmentLoss",
    "MFELoss",
    "MSELoss",
    "MSFELoss",
    "MiniBatchAUCLoss",
    "OneWayPartialAUCLoss",
    "PairwiseHingeLoss",
    "PatMatLoss",
    "RecallLagrangianLoss",
    "SymmetricFocalLoss",
    "SymmetricMarginLoss",
    "TopPushLoss",
    "TwoWayPartialAUCLoss",
    "VectorScalingLoss",
    "WeightedBCELoss",
]
