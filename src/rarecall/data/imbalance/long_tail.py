"""Many classes that become rarer, exponentially or by one step."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from rarecall.data.imbalance.checks import check_mode, checked_labels
from rarecall.data.imbalance.drawing import Drawn, Pools, make_manifest
from rarecall.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike

    from rarecall.data.imbalance.manifest import Manifest, Mode


def long_tailed(
    labels: ArrayLike,
    test_labels: ArrayLike,
    *,
    ratio: float,
    critical: Sequence[int] = (),
    step: bool = False,
    rare: Sequence[int] | None = None,
    validation: int = 0,
    test_like_train: bool = False,
    mode: Mode = "strict",
    member: int = 0,
    seed: int = 0,
) -> Manifest:
    r"""Thin classes exponentially, :math:`n_i = n_{max} r^{i/(C-1)}`, or by one step.

    Args:
        labels: Class of every sample of the training pool.
        test_labels: Class of every sample of the test pool; it is kept whole, or thinned.
        ratio: Smallest class over the largest, :math:`r`, in (0, 1].
        critical: Classes named critical; by default the rarest.
        step: The upper half of the classes has ``ratio`` of the lower half's size instead.
        rare: Classes that the step thins, in place of the upper half.
        validation: Samples of every class held out before thinning.
        test_like_train: Thin the classes of the test pool as those of the training pool.
        mode: See the package; in ``"as-published"`` mode every member draws its own.
        member: Number of the ensemble member that it is for.
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
    thinned = _thinned(classes, rare, step=step)
    rarest = tuple(critical) or (classes[-1],)
    strange = sorted(set(rarest) - set(classes))
    if strange:
        raise ConfigurationError(f"The critical classes {strange} are not in the pool.")
    check_mode(mode)
    rng = np.random.default_rng([seed, 0, member] if mode == "as-published" else [seed, 0])
    mine = [rng.permutation(np.flatnonzero(pools.train == label)) for label in classes]
    sizes = class_sizes(
        [len(each) - validation for each in mine], ratio, step=step, thinned=thinned
    )
    test = np.arange(len(pools.test))
    if test_like_train:
        counts = [int((pools.test == label).sum()) for label in classes]
        wanted = class_sizes(counts, ratio, step=step, thinned=thinned)
        draw = np.random.default_rng([seed, 1])
        test = np.concatenate(
            [
                draw.permutation(np.flatnonzero(pools.test == label))[:size]
                for label, size in zip(classes, wanted, strict=True)
            ]
        )
    parameters = {
        "ratio": ratio,
        "step": step,
        "rare": None if rare is None else [int(label) for label in rare],
        "validation": validation,
        "test_like_train": test_like_train,
        "seed": seed,
    }
    train = [each[validation:][:size] for each, size in zip(mine, sizes, strict=True)]
    held = [each[:validation] for each in mine]
    return make_manifest(
        Drawn(np.concatenate(train), np.concatenate(held), test),
        pools,
        protocol="step" if step else "long_tailed",
        parameters=parameters,
        mode=mode,
        member=member,
        critical=rarest,
    )


def step_imbalance(
    labels: ArrayLike, test_labels: ArrayLike, *, ratio: float, **options: Any
) -> Manifest:
    """Thin some classes to ``ratio`` of the others' size; :func:`long_tailed` by one step.

    Args:
        labels: Class of every sample of the training pool.
        test_labels: Class of every sample of the test pool.
        ratio: Size of a rare class over that of a common one, in (0, 1].
        options: Of :func:`long_tailed`; ``rare`` names the classes, by default the upper half.

    >>> pool = np.repeat(np.arange(4), 100)
    >>> one = step_imbalance(pool, pool, ratio=0.1, rare=[2], test_like_train=True)
    >>> np.bincount(pool[one.train]).tolist(), np.bincount(pool[one.test]).tolist(), one.critical
    ([100, 100, 10, 100], [100, 100, 10, 100], (2,))
    """
    rare = options.get("rare")
    if rare is not None and not options.get("critical"):
        options["critical"] = tuple(rare)
    return long_tailed(labels, test_labels, ratio=ratio, step=True, **options)


def _thinned(classes: list[int], rare: Sequence[int] | None, *, step: bool) -> list[bool] | None:
    if rare is None:
        return None
    strange = sorted(set(rare) - set(classes))
    if strange or not step or not set(classes) - set(rare):
        raise ConfigurationError(
            "`rare` names the classes that a step thins, some of the pool's "
            f"{len(classes)} classes but not all; {sorted(rare)} came"
            + (" without step=True." if not step else ".")
        )
    return [label in rare for label in classes]


def class_sizes(
    counts: Sequence[int],
    ratio: float,
    *,
    step: bool = False,
    thinned: Sequence[bool] | None = None,
) -> list[int]:
    """Give the size that every class is thinned to; ``thinned`` says which ones a step is for.

    >>> class_sizes([500, 500, 500, 500], 0.1, step=True)
    [500, 500, 50, 50]
    """
    largest, last = max(counts), max(1, len(counts) - 1)
    upper = [number >= len(counts) / 2 for number in range(len(counts))]
    powers = [
        float((thinned or upper)[number]) if step else number / last
        for number in range(len(counts))
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
