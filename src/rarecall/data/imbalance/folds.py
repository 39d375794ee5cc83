"""Folds of whole patients."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rarecall.data.imbalance.checks import check_enough, check_members, check_mode, check_share
from rarecall.data.imbalance.cohort import Cohort, checked_pools
from rarecall.data.imbalance.drawing import Drawn
from rarecall.data.imbalance.strata import checked_groups, refuse_shared
from rarecall.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike

    from rarecall.data.imbalance.drawing import Rounding
    from rarecall.data.imbalance.manifest import Manifest, Mode


def patient_folds(
    labels: ArrayLike,
    test_labels: ArrayLike | None = None,
    *,
    groups: ArrayLike,
    test_groups: ArrayLike | None = None,
    critical: int | Sequence[int] = 1,
    folds: int = 5,
    test_share: float = 0.2,
    ratio: float | None = None,
    test_ratio: float | None = None,
    rounding: Rounding = "down",
    members: int | None = None,
    mode: Mode = "strict",
    test_seed: int = 0,
    seed: int = 0,
) -> list[Manifest]:
    """Cut a cohort into folds of whole patients; each manifest validates on another fold.

    No patient has samples in two parts, and every fold has nearly the same share of critical
    samples.

    Args:
        labels: Class of every sample of the cohort, or a table of labels.
        test_labels: The same of the test pool; None holds a test part out of the cohort.
        groups: Patient of every sample of the cohort.
        test_groups: Of the test pool; patients that stand in both pools are refused.
        critical: Class or classes that count as critical.
        folds: Parts to cut, two or more.
        test_share: Of the cohort, by whole patients, where there is no test pool; 0 gives no test.
        ratio: Thins critical samples of training and validation.
        test_ratio: The same for the test part.
        rounding: Of the number of critical samples.
        members: In place of one manifest a fold: those for the members of one ensemble. In
            ``"as-published"`` mode member k validates on fold k modulo ``folds``, in ``"strict"``
            mode all validate on the first.
        mode: See the package.
        test_seed: Draws the test part.
        seed: Of every other draw.

    Reference:
        Yuan et al., *Large-scale Robust Deep AUC Maximization*, ICCV 2021, section 4.2.2.

    >>> patients = np.arange(300) // 3
    >>> made = patient_folds(np.arange(300) % 10 == 0, groups=patients)
    >>> one = made[2]
    >>> len(made), len(one.train), len(one.validation), len(one.test)
    (5, 192, 48, 60)
    >>> set(patients[one.train]) & set(patients[one.validation])
    set()
    """
    pools = checked_pools(labels, test_labels)
    check_share(test_share, "test_share", zero=True)
    check_mode(mode)
    if folds < 2:
        raise ConfigurationError(f"folds must be 2 or more, not {folds}.")
    wanted = folds if members is None else members
    check_members(wanted)
    cohort = Cohort(pools, critical, groups, rounding)
    if test_groups is not None:
        refuse_shared(np.asarray(groups), checked_groups(test_groups, len(pools.test)))
    held = 0.0 if test_labels is not None else test_share
    everything, test = cohort.set_aside(held, test_ratio, test_seed)
    patients = len(np.unique(np.asarray(groups)[everything]))
    check_enough(patients, folds, "patients", "fewer folds")
    parts = cohort.cut(everything, [1.0 / folds] * (folds - 1), np.random.default_rng([seed, 0]))
    parameters = {
        "critical": list(cohort.critical),
        "folds": folds,
        "test_share": held,
        "ratio": ratio,
        "test_ratio": test_ratio,
        "rounding": rounding,
        "members": wanted,
        "test_seed": test_seed,
        "seed": seed,
    }
    made = []
    for member in range(wanted):
        fold = 0 if members is not None and mode == "strict" else member % folds
        rng = np.random.default_rng([seed, 3, fold])
        train = np.concatenate([part for k, part in enumerate(parts) if k != fold])
        thinned = [cohort.thin(part, ratio, rng) for part in (train, parts[fold])]
        made.append(
            cohort.manifest(
                Drawn(thinned[0], thinned[1], test), "patient_folds", parameters, mode, member
            )
        )
    return made
