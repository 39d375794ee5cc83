"""Terms: scalars added to a base loss, and the buffer of positives that some of them replay."""

from rarecall.terms.alm import ALMConstraint
from rarecall.terms.positive_buffer import PositiveBuffer
from rarecall.terms.rank_regularizer import RankRegularizer
from rarecall.terms.replay import Replay

__all__ = ["ALMConstraint", "PositiveBuffer", "RankRegularizer", "Replay"]
