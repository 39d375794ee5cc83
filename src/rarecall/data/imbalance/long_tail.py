"""Many classes that become rarer, exponentially or by one step."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rarecall.data.imbalance.checks import checked_labels
from rarecall.data.imbalance.drawing import Drawn, Pools, make_manifest
from rarecall.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike

    from rarecall.data.imbalance.manifest import Manifest


def long_tailed(
    labels: ArrayLike,
    test_labels: ArrayLike,
    *,
    ratio: float,
    critical: Sequence[int] = (),
    step: bool = False,
    validation: int = 0,
    seed: int = 0,
) -> Manifest:
    r"""Thin classes exponentially, :math:`n_i = n_{max} r^{i/(C-1)}`, or by one step.

    Args:
        labels: Class of every sample of the training pool.
        test_labels: Class of every sample of the test pool; it is kept whole.
        ratio: Smallest class over the largest, :math:`r`, in (0, 1].
        critical: Classes named critical; by default the rarest.
        step: The upper half of the classes has ``ratio`` of the lower half's size instead.
        validation: Samples of every class held out before thinning.
        seed: Of every draw.

    Reference:
        Cui et al., *Class-balanced loss*, CVPR 2019; the step: Buda et al., 2018.

    >>> one = long_tailed(np.repeat(np.arange(10), 5000), np.arange(10), ratio=0.01)
    >>> np.bincount(one.train // 5000).tolist()
    [5000, 2997, 1796, 1077, 645, 387, 232, 139, 83, 50]
    """
    pools = Pools(checked_labels(labels), checked_labels(test_labels))
    if not 0.0 < ratio <= 1.0:
        raise ConfigurationError(
            f"ratio is the smallest class over the largest, above 0 and at most 1, not {ratio:g}."
        )
    classes = [int(label) for label in np.unique(pools.train)]
    rarest = tuple(critical) or (classes[-1],)
    strange = sorted(set(rarest) - set(classes))
    if strange:
        raise ConfigurationError(f"The critical classes {strange} are not in the pool.")
    rng = np.random.default_rng([seed, 0])
    mine = [rng.permutation(np.flatnonzero(pools.train == label)) for label in classes]
    sizes = class_sizes([len(each) - validation for each in mine], ratio, step=step)
    train = [each[validation:][:size] for each, size in zip(mine, sizes, strict=True)]
    held = [each[:validation] for each in mine]
    return make_manifest(
        Drawn(np.concatenate(train), np.concatenate(held), np.arange(len(pools.test))),
        pools,
        protocol="long_tailed",
        parameters={"ratio": ratio, "step": step, "validation": validation, "seed": seed},
        mode="strict",
        member=0,
        critical=rarest,
    )


def class_sizes(counts: Sequence[int], ratio: float, *, step: bool = False) -> list[int]:
    """Give the size that every class is thinned to.

    >>> class_sizes([500, 500, 500, 500], 0.1, step=True)
    [500, 500, 50, 50]
    """
    largest, last = max(counts), max(1, len(counts) - 1)
    powers = [
        float(number >= len(counts) / 2) if step else number / last for number in range(len(counts))
    ]
    # The exponent first and one multiplication: a product of roots would lose a sample here.
    sizes = [int(largest * ratio**power) for power in powers]
    short = [k for k, (size, count) in enumerate(zip(sizes, counts, strict=True)) if size > count]
    if short:
        raise ConfigurationError(
            f"Class number {short[0]} has {counts[short[0]]} samples, but {sizes[short[0]]} are "
            "needed at its place in the tail. Use a smaller largest class or another ratio."
        )
    if min(sizes) < 1:
        raise ConfigurationError(f"At ratio {ratio:g} the rarest class has no sample left.")
    return sizes
