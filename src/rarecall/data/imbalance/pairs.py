"""Two classes, or two groups of them, one of which is made rare."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rarecall.data.imbalance.checks import (
    as_classes,
    check_enough,
    check_members,
    check_mode,
    check_positive,
    checked_labels,
    positions_of,
)
from rarecall.data.imbalance.drawing import (
    Drawn,
    Pools,
    draw_test,
    generator,
    make_manifest,
    rare_count,
)
from rarecall.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike

    from rarecall.data.imbalance.drawing import Rounding
    from rarecall.data.imbalance.manifest import Manifest, Mode


def binary_pair(
    labels: ArrayLike,
    test_labels: ArrayLike,
    *,
    negative: int | Sequence[int],
    positive: int | Sequence[int],
    ratio: float,
    validation: int = 100,
    share: float = 0.9,
    members: int = 1,
    mode: Mode = "strict",
    test_ratio: float | None = None,
    rounding: Rounding = "down",
    seed: int = 0,
) -> list[Manifest]:
    """Two classes, or two groups of them, at a class ratio of one to ``ratio``.

    Of each side ``validation`` samples are set aside; of the negatives left, ``share`` are trained
    on, with one positive for every ``ratio`` of them.

    Args:
        labels: Class of every sample of the training pool, shape ``(n,)``.
        test_labels: Class of every sample of the test pool.
        negative: Class or classes of the common side.
        positive: Class or classes of the rare, critical side.
        ratio: Negatives for every positive, above 0.
        validation: Samples of each side for validation.
        share: Of the negatives that are left, in (0, 1].
        members: Manifests wanted, one an ensemble member.
        mode: See the module.
        test_ratio: Thins the positives of the test pool to this ratio; None keeps all.
        rounding: Of the number of positives: ``"down"``, or to the ``"nearest"``.
        seed: Of every draw.

    Raises:
        ConfigurationError: A number is impossible, or the pool has too few samples.

    >>> pool = np.repeat([0, 1], 5000)
    >>> counts = []
    >>> for ratio in (50, 100, 200):
    ...     one = binary_pair(pool, pool[::5], negative=0, positive=1, ratio=ratio)[0]
    ...     counts.append(int(one.targets(pool, one.train).sum()))
    >>> counts, len(one.train) - counts[-1]
    ([88, 44, 22], 4410)
    """
    pools = Pools(checked_labels(labels), checked_labels(test_labels))
    common, rare = as_classes(negative), as_classes(positive)
    if set(common) & set(rare):
        raise ConfigurationError(
            f"The classes {sorted(set(common) & set(rare))} stand on both sides; give each to one."
        )
    check_positive(ratio, "ratio")
    check_mode(mode)
    check_members(members)
    if validation < 0:
        raise ConfigurationError(f"validation must be 0 or more samples, not {validation}.")
    if not 0.0 < share <= 1.0:
        raise ConfigurationError(f"share must be above 0 and at most 1, not {share:g}.")
    negatives, positives = (
        positions_of(pools.train, common, "negative"),
        positions_of(pools.train, rare, "positive"),
    )
    n_train = int(share * (len(negatives) - validation))
    n_rare = rare_count(n_train, ratio, rounding)
    check_enough(len(positives) - validation, n_rare, "positives", "a larger ratio")
    if n_train < 1 or n_rare < 1:
        raise ConfigurationError(
            f"At 1:{ratio:g} the {len(negatives)} negatives leave {max(n_rare, 0)} positives to "
            "train on. Use a smaller ratio or a smaller validation part."
        )
    test = draw_test(pools.test, common, rare, ratio=test_ratio, seed=seed)
    parameters = {
        "negative": list(common),
        "positive": list(rare),
        "ratio": float(ratio),
        "validation": validation,
        "share": share,
        "test_ratio": test_ratio,
        "rounding": rounding,
        "members": members,
        "seed": seed,
    }
    made = []
    for member in range(members):
        rng = generator(seed, mode, member)
        sides = [rng.permutation(negatives), rng.permutation(positives)]
        train = np.concatenate([sides[0][validation:][:n_train], sides[1][validation:][:n_rare]])
        if mode == "as-published":
            # Drawn apart from the training set, as the published loader does.
            sides = [rng.permutation(negatives), rng.permutation(positives)]
        held = np.concatenate([side[:validation] for side in sides])
        made.append(
            make_manifest(
                Drawn(train, held, test),
                pools,
                protocol="binary_pair",
                parameters=parameters,
                mode=mode,
                member=member,
                critical=rare,
            )
        )
    return made
