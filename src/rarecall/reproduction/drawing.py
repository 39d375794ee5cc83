"""From what a protocol says of a setting to the manifests of one split."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rarecall.data.imbalance import make
from rarecall.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from rarecall.data.imbalance import Manifest

KEEP_PATIENTS = ("splits", "patient_folds")
"""Protocols that keep patients whole; the others draw single samples, as the papers do."""


def draw(
    told: Mapping[str, Any],
    labels: NDArray[Any],
    test_labels: NDArray[Any] | None,
    *,
    groups: NDArray[Any] | None,
    test_groups: NDArray[Any] | None,
    members: int,
    mode: str,
    split: int,
    scores: NDArray[Any] | None = None,
) -> list[Manifest]:
    """Draw the manifests of one split, one a member.

    Args:
        told: The setting; its ``imbalance`` names the protocol and its parameters.
        labels: Of the training pool.
        test_labels: Of the test pool, or None.
        groups: Patients of the training pool, or None.
        test_groups: Patients of the test pool, or None.
        members: Networks in an ensemble.
        mode: ``"strict"`` or ``"as-published"``.
        split: Number of the split, from 0; added to the setting's ``seed`` it seeds all draws.
        scores: Of the training pool by a trained network, where easy samples are added.

    Raises:
        ConfigurationError: The protocol or a parameter is unknown, or the data has too few samples.

    >>> import numpy as np
    >>> pool = np.repeat([0, 1], 500)
    >>> told = {"imbalance": {"protocol": "binary_pair", "negative": 0, "positive": 1, "ratio": 9}}
    >>> common = {"groups": None, "test_groups": None, "members": 2, "split": 0}
    >>> made = [draw(told, pool, pool, mode=mode, **common) for mode in ("strict", "as-published")]
    >>> [one.digest == two.digest for one, two in made]
    [True, False]
    """
    parameters = dict(told.get("imbalance") or {})
    name = parameters.pop("protocol", None)
    if name is None:
        raise ConfigurationError("A setting needs imbalance.protocol, the name of how it is drawn.")
    seed = int(parameters.pop("seed", 0)) + split
    more: dict[str, Any] = {"groups": groups} if name in KEEP_PATIENTS else {}
    if name == "patient_folds":
        more["test_groups"] = test_groups
    if scores is not None:
        more["scores"] = scores
    return make(
        name, labels, test_labels, members=members, mode=mode, seed=seed, **parameters, **more
    )
