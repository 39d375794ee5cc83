"""Small training sets, as rare as their test set."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rarecall.data.imbalance.checks import (
    check_enough,
    check_members,
    check_mode,
    check_positive,
    check_share,
    checked_labels,
    positions_of,
)
from rarecall.data.imbalance.drawing import (
    Drawn,
    Pools,
    draw_test,
    generator,
    hold_out,
    make_manifest,
    rare_count,
)
from rarecall.errors import ConfigurationError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from rarecall.data.imbalance.manifest import Manifest, Mode


def small_sample(
    labels: ArrayLike,
    test_labels: ArrayLike,
    *,
    negative: int,
    positive: int,
    ratio: float,
    negatives: int = 300,
    validation_share: float = 0.2,
    validation: int | None = None,
    members: int = 1,
    mode: Mode = "strict",
    balanced_test: bool = False,
    seed: int = 0,
) -> list[Manifest]:
    """Draw a small training set; the test part is as rare as training.

    Args:
        labels: Class of every sample of the training pool.
        test_labels: Class of every sample of the test pool.
        negative: The common class.
        positive: The rare, critical class.
        ratio: Negatives for every positive.
        negatives: How many of them there are, validation included.
        validation_share: Of both sides, in (0, 1).
        validation: Negatives for validation besides ``negatives``, with positives at the same
            ratio; in place of ``validation_share``.
        members: Manifests wanted.
        mode: In ``"as-published"`` every member draws its own small sample.
        balanced_test: Keep all positives of the test pool.
        seed: Of every draw.

    >>> pool = np.repeat([0, 1], 5000)
    >>> one = small_sample(pool, np.repeat([0, 1], 1000), negative=0, positive=1, ratio=19)[0]
    >>> len(one.train) + len(one.validation), int((one.test >= 1000).sum())
    (315, 52)
    """
    pools = Pools(checked_labels(labels), checked_labels(test_labels))
    check_positive(ratio, "ratio")
    check_mode(mode)
    check_members(members)
    check_share(validation_share, "validation_share")
    sides = [
        positions_of(pools.train, (negative,), "negative"),
        positions_of(pools.train, (positive,), "positive"),
    ]
    wanted = [negatives, rare_count(negatives, ratio, "down")]
    if validation is not None:
        held = [validation, max(1, rare_count(validation, ratio, "down"))]
        wanted = [n + more for n, more in zip(wanted, held, strict=True)]
    check_enough(len(sides[0]), wanted[0], "negatives", "fewer negatives")
    check_enough(len(sides[1]), wanted[1], "positives", "a larger ratio")
    if wanted[1] < 2:
        raise ConfigurationError(
            f"{negatives} negatives at 1:{ratio:g} leave {wanted[1]} positives; two are needed, "
            "one of them for validation."
        )
    test_ratio = None if balanced_test else ratio
    test = draw_test(pools.test, (negative,), (positive,), ratio=test_ratio, seed=seed)
    parameters = {
        "negative": [negative],
        "positive": [positive],
        "ratio": float(ratio),
        "negatives": negatives,
        "validation_share": validation_share,
        "validation": validation,
        "balanced_test": balanced_test,
        "members": members,
        "seed": seed,
    }
    made = []
    for member in range(members):
        rng = generator(seed, mode, member)
        drawn = [rng.permutation(side)[:n] for side, n in zip(sides, wanted, strict=True)]
        if validation is None:
            parted = hold_out(drawn, validation_share)
        else:
            parted = (
                np.concatenate([side[n:] for side, n in zip(drawn, held, strict=True)]),
                np.concatenate([side[:n] for side, n in zip(drawn, held, strict=True)]),
            )
        made.append(
            make_manifest(
                Drawn(*parted, test),
                pools,
                protocol="small_sample",
                parameters=parameters,
                mode=mode,
                member=member,
                critical=(positive,),
            )
        )
    return made
