"""Imbalance protocols of the literature: from labels to the positions that play each part.

Every function takes the labels of a pool and of the official test pool and gives
:class:`Manifest` objects, one an ensemble member: positions, drawn from a seed, with a digest that
names them. Two modes exist, because published numbers depend on it:

- ``"strict"``: one rare training set for all members; validation is disjoint from it.
- ``"as-published"``: every member draws its positives anew from the whole pool, so that an ensemble
  of ten sees several times as many as the ratio says; validation may overlap with training.
"""

from rarecall.data.imbalance.halved import halves
from rarecall.data.imbalance.long_tail import class_sizes, long_tailed
from rarecall.data.imbalance.manifest import Manifest, Mode
from rarecall.data.imbalance.noise import flip_labels
from rarecall.data.imbalance.pairs import binary_pair
from rarecall.data.imbalance.small import small_sample

__all__ = [
    "Manifest",
    "Mode",
    "binary_pair",
    "class_sizes",
    "flip_labels",
    "halves",
    "long_tailed",
    "small_sample",
]
