"""Imbalance protocols of the literature: from labels to the positions that play each part.

Every function takes the labels of a pool and of the official test pool and gives
:class:`Manifest` objects, one an ensemble member: positions, drawn from a seed, with a digest that
names them. Two modes exist, because published numbers depend on it:

- ``"strict"``: one rare training set for all members; validation is disjoint from it.
- ``"as-published"``: every member draws its positives anew from the whole pool, so that an ensemble
  of ten sees several times as many as the ratio says; validation may overlap with training.

:func:`make` finds a protocol by its name.
"""

from rarecall.data.imbalance.folds import patient_folds
from rarecall.data.imbalance.halved import halves
from rarecall.data.imbalance.long_tail import class_sizes, long_tailed, step_imbalance
from rarecall.data.imbalance.making import (
    check_imbalance,
    imbalance_names,
    imbalance_parameters,
    make,
)
from rarecall.data.imbalance.manifest import Manifest, Mode
from rarecall.data.imbalance.noise import (
    flip_labels,
    removed_positives,
    with_easy_samples,
    with_flipped_labels,
    with_noisy_samples,
)
from rarecall.data.imbalance.pairs import binary_pair
from rarecall.data.imbalance.small import small_sample
from rarecall.data.imbalance.splits import stratified_splits
from rarecall.data.imbalance.superclasses import superclass

__all__ = [
    "Manifest",
    "Mode",
    "binary_pair",
    "check_imbalance",
    "class_sizes",
    "flip_labels",
    "halves",
    "imbalance_names",
    "imbalance_parameters",
    "long_tailed",
    "make",
    "patient_folds",
    "removed_positives",
    "small_sample",
    "step_imbalance",
    "stratified_splits",
    "superclass",
    "with_easy_samples",
    "with_flipped_labels",
    "with_noisy_samples",
]
