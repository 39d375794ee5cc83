"""Every word, in the order of the listing."""

from rarecall.methods.catalog.class_losses import LOSSES as CLASS_LOSSES
from rarecall.methods.catalog.options import OPTIONS
from rarecall.methods.catalog.pair_losses import LOSSES as PAIR_LOSSES
from rarecall.methods.catalog.tail_losses import LOSSES as TAIL_LOSSES
from rarecall.methods.catalog.terms import TERMS

COMPONENTS = (*CLASS_LOSSES, *PAIR_LOSSES, *TAIL_LOSSES, *TERMS, *OPTIONS)

__all__ = ["COMPONENTS"]
