"""Stratified splits of a cohort."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rarecall.data.imbalance.checks import check_members, check_mode, check_share
from rarecall.data.imbalance.cohort import Cohort, checked_pools
from rarecall.data.imbalance.drawing import Drawn, generator
from rarecall.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike

    from rarecall.data.imbalance.drawing import Rounding
    from rarecall.data.imbalance.manifest import Manifest, Mode


def stratified_splits(
    labels: ArrayLike,
    test_labels: ArrayLike | None = None,
    *,
    critical: int | Sequence[int] = 1,
    validation_share: float = 0.2,
    test_share: float = 0.2,
    ratio: float | None = None,
    test_ratio: float | None = None,
    rounding: Rounding = "down",
    groups: ArrayLike | None = None,
    splits: int = 10,
    members: int | None = None,
    mode: Mode = "strict",
    test_seed: int = 0,
    seed: int = 0,
) -> list[Manifest]:
    """Split a cohort at random within each class, ten times by default.

    Every split has the same test part.

    Args:
        labels: Class of every sample of the cohort, shape ``(n,)``, or a table of labels, shape
            ``(n, L)``.
        test_labels: Class of every sample of the test pool; None holds a test part out of the
            cohort.
        critical: Class or classes that count as critical; not used with a table of labels.
        validation_share: Of every class of the cohort, rounded down; 0 gives none.
        test_share: The same of the test part, where there is no test pool.
        ratio: Thins critical samples of training and validation to one for so many others.
        test_ratio: The same for the test part.
        rounding: Of the number of critical samples.
        groups: Patient of every sample: whole patients go to one part. Shares are then kept nearly.
        splits: Different splits wanted.
        members: In place of splits: manifests for the members of one ensemble. In
            ``"as-published"`` mode each has a split of its own, in ``"strict"`` all have the first.
        mode: See the package.
        test_seed: Draws the test part, which so stays the same over seeds.
        seed: Of every other draw.

    >>> import numpy as np
    >>> grades = np.repeat(np.arange(5), [1805, 370, 999, 193, 295])
    >>> one = stratified_splits(grades, critical=(1, 2, 3, 4), validation_share=0.0, ratio=100)[0]
    >>> np.bincount(one.targets(grades, one.train)).tolist()
    [1444, 14]
    >>> np.bincount(one.targets(grades, one.test)).tolist()
    [361, 370]
    """
    pools = checked_pools(labels, test_labels)
    check_share(validation_share, "validation_share", zero=True)
    check_share(test_share, "test_share", zero=True)
    check_mode(mode)
    wanted = splits if members is None else members
    check_members(wanted)
    cohort = Cohort(pools, critical, groups, rounding)
    held = 0.0 if test_labels is not None else test_share
    if validation_share + held >= 1.0:
        raise ConfigurationError(
            f"validation_share and test_share add up to {validation_share + held:g}: nothing is "
            "left to train on."
        )
    everything, test = cohort.set_aside(held, test_ratio, test_seed)
    parameters = {
        "critical": list(cohort.critical),
        "validation_share": validation_share,
        "test_share": held,
        "ratio": ratio,
        "test_ratio": test_ratio,
        "rounding": rounding,
        "grouped": groups is not None,
        "splits" if members is None else "members": wanted,
        "test_seed": test_seed,
        "seed": seed,
    }
    made = []
    for member in range(wanted):
        rng = generator(seed, "as-published" if members is None else mode, member)
        validation, train = cohort.cut(everything, [validation_share / (1.0 - held)], rng)
        parts = [cohort.thin(part, ratio, rng) for part in (train, validation)]
        made.append(
            cohort.manifest(Drawn(parts[0], parts[1], test), "splits", parameters, mode, member)
        )
    return made
