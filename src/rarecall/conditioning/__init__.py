"""Loss-conditional training: hyper-parameters drawn for every batch, and told to the network."""

from rarecall.conditioning.choosing import ConditionChoice, choose_condition, condition_grid
from rarecall.conditioning.conditioned import ConditionedModel
from rarecall.conditioning.conditioning import Conditioning
from rarecall.conditioning.densities import LinearDensity
from rarecall.conditioning.film import FiLM

__all__ = [
    "ConditionChoice",
    "ConditionedModel",
    "Conditioning",
    "FiLM",
    "LinearDensity",
    "choose_condition",
    "condition_grid",
]
