"""A superclass against one fine class of another."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rarecall.data.collections.cifar_names import fine_classes
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

    from numpy.typing import ArrayLike, NDArray

    from rarecall.data.imbalance.drawing import Rounding
    from rarecall.data.imbalance.manifest import Manifest, Mode


def superclass(
    labels: ArrayLike,
    test_labels: ArrayLike,
    *,
    negative: str | Sequence[int],
    positive: int,
    ratio: float,
    validation: int = 50,
    share: float = 0.9,
    members: int = 1,
    mode: Mode = "strict",
    test_ratio: float | None = None,
    rounding: Rounding = "down",
    seed: int = 0,
) -> list[Manifest]:
    """Set all fine classes of a superclass against one fine class, made rare.

    As :func:`binary_pair`, but every *fine* class gives as many samples to validation, and the same
    share of what is left to training.

    Args:
        labels: Fine class of every sample of the training pool.
        test_labels: Fine class of every sample of the test pool.
        negative: Name of a superclass of CIFAR-100, or its fine classes.
        positive: The rare, critical fine class.
        ratio: Negatives for every positive.
        validation: Samples of every fine class for validation.
        share: Of the samples that are left of each negative class, in (0, 1].
        members: Manifests wanted.
        mode: See the package.
        test_ratio: Thins the positives of the test pool to this ratio; None keeps all.
        rounding: Of the number of positives.
        seed: Of every draw.

    >>> pool, test = np.repeat(np.arange(100), 500), np.repeat(np.arange(100), 100)
    >>> one = superclass(pool, test, negative="aquatic mammals", positive=73, ratio=100)[0]
    >>> np.bincount(one.targets(pool, one.train)).tolist()
    [2025, 20]
    >>> np.bincount(one.targets(test, one.test)).tolist()
    [500, 100]
    """
    pools = Pools(checked_labels(labels), checked_labels(test_labels))
    common = fine_classes(negative) if isinstance(negative, str) else as_classes(negative)
    if positive in common:
        raise ConfigurationError(f"The class {positive} stands on both sides; give it to one.")
    check_positive(ratio, "ratio")
    check_mode(mode)
    check_members(members)
    if not 0.0 < share <= 1.0:
        raise ConfigurationError(f"share must be above 0 and at most 1, not {share:g}.")
    fine = [positions_of(pools.train, (label,), "negative") for label in common]
    rare = positions_of(pools.train, (positive,), "positive")
    for mine in fine:
        check_enough(len(mine), validation + 1, "samples of a fine class", "fewer for validation")
    sizes = [int(share * (len(mine) - validation) + 1e-9) for mine in fine]
    wanted = rare_count(sum(sizes), ratio, rounding)
    if wanted < 1:
        raise ConfigurationError(
            f"At 1:{ratio:g} the {sum(sizes)} negatives leave no positive to train on. Use a "
            "smaller ratio."
        )
    check_enough(len(rare) - validation, wanted, "positives", "a larger ratio")
    test = draw_test(pools.test, common, (positive,), ratio=test_ratio, seed=seed)
    parameters = {
        "negative": list(common),
        "positive": positive,
        "ratio": float(ratio),
        "validation": validation,
        "share": share,
        "test_ratio": test_ratio,
        "rounding": rounding,
        "members": members,
        "seed": seed,
    }

    def member_of(member: int) -> Manifest:
        rng = generator(seed, mode, member)
        sides = _shuffled([*fine, rare], rng)
        train = [side[validation:][:n] for side, n in zip(sides, [*sizes, wanted], strict=True)]
        if mode == "as-published":
            # Drawn apart from the training set, as for a pair.
            sides = _shuffled([*fine, rare], rng)
        held = [side[:validation] for side in sides]
        return make_manifest(
            Drawn(np.concatenate(train), np.concatenate(held), test),
            pools,
            protocol="superclass",
            parameters=parameters,
            mode=mode,
            member=member,
            critical=(positive,),
        )

    return [member_of(member) for member in range(members)]


def _shuffled(sides: list[NDArray[np.int64]], rng: np.random.Generator) -> list[NDArray[np.int64]]:
    return [rng.permutation(side) for side in sides]
