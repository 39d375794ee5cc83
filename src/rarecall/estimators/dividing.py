"""Which rows are trained on, which choose the weights, and which the threshold."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from rarecall.data.allocation import LEAST, allocate_grouped, allocate_stratified
from rarecall.data.strata import allocate_groups
from rarecall.errors import ConfigurationError
from rarecall.metrics.views import critical_masks
from rarecall.roles import Role
from rarecall.thresholds import positives_needed

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rarecall.estimators.part import Part
    from rarecall.task import Task

    Positions = dict[Role, NDArray[np.int64]]

USUAL = 0.2
LARGEST = 0.3


def divide(part: Part, task: Task, shares: dict[Role, float], seed: int) -> Positions:
    """Divide rows by shares, as far as their number allows.

    Rows that hold the same stay together, and so do groups: a copy of a training row would make
    the calibration look better than new rows will. Where a part would get fewer than two rows of
    some critical class or of the others, the calibration part is given up first, then validation.

    Args:
        part: All rows.
        task: The kind of problem.
        shares: Of validation and calibration, in (0, 1); of those that are wanted. The rest is
            for training.
        seed: Of the draw.

    Returns:
        Positions, ascending, of the training part and of those others that could be made.
    """
    wanted = [role for role in (Role.VALIDATION, Role.CALIBRATION) if role in shares]
    for count in range(len(wanted), 0, -1):
        chosen: dict[Role, float] = {Role.TRAIN: 1.0}
        for role in wanted[:count]:
            chosen[role] = shares[role]
            chosen[Role.TRAIN] -= shares[role]
        found = _draw(part, task, chosen, seed)
        if _sound(part.targets, task, found):
            return found
    return {Role.TRAIN: np.arange(len(part))}


def checked_shares(
    part: Part,
    task: Task,
    *,
    validation: float | None,
    calibration: float | None,
    enlarge: tuple[float, float] | None,
) -> dict[Role, float]:
    """Settle the shares of the parts.

    Args:
        part: All rows.
        task: The kind of problem.
        validation: Share, in (0, 1); None where the part is given.
        calibration: Share, in [0, 1), 0 for none; None for .2, or up to .3 where that makes a
            guarantee possible.
        enlarge: TPR and confidence of the guarantee that calibration is enlarged for, or None.

    Raises:
        ConfigurationError: A share outside its range, or nothing left to train on.
    """
    shares: dict[Role, float] = {}
    if validation is not None:
        shares[Role.VALIDATION] = _share(validation, "validation_share", zero=False)
    if calibration is None:
        calibration = USUAL if enlarge is None else _enough(part, task, *enlarge)
    if _share(calibration, "calibration_share", zero=True) > 0:
        shares[Role.CALIBRATION] = float(calibration)
    if sum(shares.values()) >= 1:
        raise ConfigurationError(
            "validation_share and calibration_share must leave rows to train on, but they add up "
            f"to {sum(shares.values()):g}. Make them smaller."
        )
    return shares


def _enough(part: Part, task: Task, tpr: float, confidence: float) -> float:
    needed = positives_needed(tpr, confidence)
    counted = part.units if part.groups is None else np.unique(part.groups, return_inverse=True)[1]
    share = USUAL
    for number in task.critical:
        positive = critical_masks(part.targets, task, number).positive
        have = len(np.unique(counted[positive]))
        if USUAL * have < needed <= LARGEST * have:
            share = max(share, math.ceil(needed / have * 1e6) / 1e6)
    return min(share, LARGEST)


def _draw(part: Part, task: Task, shares: dict[Role, float], seed: int) -> Positions:
    rng = np.random.default_rng([seed, len(part)])
    targets = part.targets
    if part.groups is not None:
        if task.kind == "binary":
            return allocate_grouped(targets, part.groups, shares, rng)
        return allocate_groups(np.eye(task.classes)[targets], part.groups, shares, rng)
    _, first, member = np.unique(part.units, return_index=True, return_inverse=True)
    distinct = targets[first]
    sizes = np.bincount(distinct, minlength=task.classes)
    strata = np.argsort(sizes, kind="stable").tolist()
    drawn = allocate_stratified(distinct, shares, rng, strata)
    found = {}
    for role, chosen in drawn.items():
        there = np.zeros(len(distinct), dtype=bool)
        there[chosen] = True
        found[role] = np.flatnonzero(there[member])
    return found


def _sound(targets: NDArray[np.int64], task: Task, found: Positions) -> bool:
    for role, rows in found.items():
        part = targets[rows]
        if role is Role.TRAIN and len(np.unique(part)) < len(np.unique(targets)):
            return False
        for number in task.critical:
            masks = critical_masks(part, task, number)
            if min(int(masks.positive.sum()), int(masks.negative.sum())) < LEAST:
                return False
    return True


def _share(value: float, name: str, *, zero: bool) -> float:
    number = isinstance(value, (int, float, np.number)) and not isinstance(value, bool)
    if not (number and (0 < value < 1 or (zero and value == 0))):
        bounds = "0, or between 0 and 1" if zero else "between 0 and 1"
        raise ConfigurationError(f"{name} must be {bounds}, but {value!r} came.")
    return float(value)
