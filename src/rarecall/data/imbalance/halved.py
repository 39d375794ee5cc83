"""Half of the classes against the other half."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rarecall.data.imbalance.checks import (
    check_enough,
    check_members,
    check_mode,
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
)
from rarecall.errors import ConfigurationError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from rarecall.data.imbalance.manifest import Manifest, Mode


def halves(
    labels: ArrayLike,
    test_labels: ArrayLike,
    *,
    share: float,
    validation_share: float = 0.1,
    test_share: float | None = None,
    members: int = 1,
    mode: Mode = "strict",
    seed: int = 0,
) -> list[Manifest]:
    """Set the lower half of the class numbers against the upper, cut to a share of all.

    All negatives are kept; the test pool stays balanced unless a share is given for it, too.

    Args:
        labels: Class of every sample of the training pool.
        test_labels: Class of every sample of the test pool.
        share: Of positives among the samples kept, in (0, 1).
        validation_share: Held out of both sides, in (0, 1).
        test_share: Of positives in the test part; None keeps all of them.
        members: Manifests wanted; each draws its own positives and its own validation part in
            ``"as-published"`` mode (the papers' "random training sets").
        mode: See the module.
        seed: Of every draw.

    >>> one = halves(np.repeat(np.arange(10), 5000), np.arange(10), share=0.01)[0]
    >>> kept = np.concatenate([one.train, one.validation])
    >>> int((kept >= 25000).sum()), len(kept)
    (252, 25252)
    """
    pools = Pools(checked_labels(labels), checked_labels(test_labels))
    check_share(share, "share")
    check_share(validation_share, "validation_share")
    check_mode(mode)
    check_members(members)
    classes = [int(label) for label in np.unique(pools.train)]
    lower, upper = classes[: len(classes) // 2], classes[len(classes) // 2 :]
    sides = [
        positions_of(pools.train, tuple(lower), "negative"),
        positions_of(pools.train, tuple(upper), "positive"),
    ]
    wanted = int(share * len(sides[0]) / (1.0 - share))
    check_enough(len(sides[1]), wanted, "positives", "a smaller share")
    if wanted < 2:
        raise ConfigurationError(
            f"{len(sides[0])} negatives at a share of {share:g} leave {wanted} positives; two are "
            "needed, one of them for validation. Use a larger share."
        )
    ratio = None
    if test_share is not None:
        check_share(test_share, "test_share")
        ratio = (1.0 - test_share) / test_share
    test = draw_test(pools.test, tuple(lower), tuple(upper), ratio=ratio, seed=seed)
    parameters = {
        "share": share,
        "validation_share": validation_share,
        "test_share": test_share,
        "members": members,
        "seed": seed,
    }
    made = []
    for member in range(members):
        rng = generator(seed, mode, member)
        drawn = [rng.permutation(sides[0]), rng.permutation(sides[1])[:wanted]]
        made.append(
            make_manifest(
                Drawn(*hold_out(drawn, validation_share), test),
                pools,
                protocol="halves",
                parameters=parameters,
                mode=mode,
                member=member,
                critical=tuple(upper),
            )
        )
    return made
