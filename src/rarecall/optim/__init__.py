"""Plain torch optimisers that know no loss."""

from rarecall.optim.pesg import PESG
from rarecall.optim.sam import SAM, frozen_statistics

__all__ = ["PESG", "SAM", "frozen_statistics"]
