"""Dividing samples of several classes or labels among roles, none of them forgotten."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rarecall.data.allocation import LEAST, allocate_by_time, allocate_stratified
from rarecall.data.wording import quoted
from rarecall.errors import DataError
from rarecall.roles import Role

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from rarecall.data.samples import Samples

    Positions = dict[Role, NDArray[np.int64]]


def divide_several(
    samples: Samples, rows: NDArray[np.int64], shares: Mapping[Role, float], rng_seed: list[int]
) -> tuple[Positions, str]:
    """Divide rows of a multi-class or multi-label task as the binary ones are.

    Args:
        samples: All samples.
        rows: Positions of those to divide.
        shares: Of each role.
        rng_seed: Of the random choices.

    Returns:
        Positions of each role, ascending, and how they were found.
    """
    rng = np.random.default_rng(rng_seed)
    if samples.times is not None:
        groups = None if samples.groups is None else samples.groups[rows]
        found = allocate_by_time(samples.times[rows], groups, shares)
        how = f"By time: {next(iter(shares))} is the oldest, {list(shares)[-1]} the newest part"
        how += "." if groups is None else ", each group whole, where its latest sample stands."
    elif samples.groups is not None:
        found = allocate_groups(_shown(samples, rows), samples.groups[rows], shares, rng)
        how = "At random by whole groups, near-stratified by the classes."
        if samples.task.kind == "multilabel":
            how = "At random by whole groups, near-stratified by the labels."
    elif samples.task.kind == "multiclass":
        classes = samples.targets[rows]
        sizes = np.bincount(classes, minlength=samples.task.classes)
        found = allocate_stratified(classes, shares, rng, np.argsort(sizes, kind="stable").tolist())
        how = "At random, stratified by the class."
    else:
        strata, order = rarest_label(samples.targets[rows])
        found = allocate_stratified(strata, shares, rng, order)
        found = _repaired(samples, rows, found, shares)
        how = "At random, stratified by the rarest label that a sample has."
    return {role: rows[part] for role, part in found.items()}, how


def rarest_label(targets: NDArray[np.float64]) -> tuple[NDArray[np.int64], list[int]]:
    """Find the rarest label that each sample has, -1 for none, and the labels from the rarest on.

    >>> targets = np.array([[1.0, 0.0], [1.0, 1.0], [1.0, np.nan], [0.0, 0.0]])
    >>> rarest_label(targets)
    (array([ 0,  1,  0, -1]), [1, 0, -1])
    """
    has = targets == 1
    order = np.argsort(has.sum(axis=0), kind="stable")
    strata = np.where(has.any(axis=1), order[has[:, order].argmax(axis=1)], -1)
    return strata.astype(np.int64), [*order.tolist(), -1]


def allocate_groups(
    shown: NDArray[np.float64],
    groups: NDArray[np.str_],
    shares: Mapping[Role, float],
    rng: np.random.Generator,
) -> Positions:
    """Divide whole groups so that every class, and the rows, keep near their shares.

    Groups that hold a rare class come first; each goes where what it holds is most lacking.

    Args:
        shown: Which classes or labels a sample has, 1 or 0, shape ``(n, K)``.
        groups: Shape ``(n,)``.
        shares: Of each role.
        rng: Orders groups of equal standing.

    Returns:
        Positions of each role, ascending.
    """
    _, member = np.unique(groups, return_inverse=True)
    number = int(member.max()) + 1
    # A last column counts rows, so that groups without any class fill the parts up.
    content = np.zeros((number, shown.shape[1] + 1))
    np.add.at(content, member, np.column_stack([shown, np.ones(len(shown))]))
    total = np.maximum(content.sum(axis=0), 1.0)
    rarity = np.where(content > 0, total, np.inf).min(axis=1)
    chance = rng.permutation(number)
    roles = list(shares)
    share = np.asarray([shares[role] for role in roles])
    wanted = share[:, None] * total
    held = np.zeros_like(wanted)
    place = np.empty(number, dtype=np.int64)
    for group in np.lexsort((chance, -content[:, -1], rarity)).tolist():
        weight = (content[group] > 0) / total
        lacking = (1.0 - held / wanted) @ (weight / weight.sum())
        place[group] = int(np.argmax(lacking))
        held[place[group]] += content[group]
    return {role: np.flatnonzero(place[member] == k) for k, role in enumerate(roles)}


def refuse_scarce(samples: Samples) -> None:
    """Refuse classes that cannot stand in every part.

    Raises:
        DataError: It names all of them with their counts.
    """
    least, several = LEAST * len(Role), samples.task.kind == "multilabel"
    short = []
    for number, name in samples.critical_names.items():
        masks = samples.masks(number)
        if int(masks.positive.sum()) < least:
            short.append(f"there are {int(masks.positive.sum())} of {name!r}")
        elif int(masks.negative.sum()) < least:
            what = "are known to be without it" if several else "are of none"
            short.append(f"of {name!r} {int(masks.negative.sum())} {what}")
    if short:
        of = (
            "with and without each label" if several else "of each critical class and of the others"
        )
        raise DataError(
            f"At least {least} samples {of} are needed, {LEAST} for each of train, validation, "
            f"calibration and test, but {'; '.join(short)}. Collect more, or do not name it."
        )


def refuse_untrained(samples: Samples, train: NDArray[np.int64]) -> None:
    """Refuse a training part that lacks a class altogether.

    Raises:
        DataError: It names the classes.
    """
    if samples.task.kind != "multiclass":
        return
    seen = np.bincount(samples.targets[train], minlength=samples.task.classes) > 0
    absent = [name for name, there in zip(samples.classes, seen, strict=True) if not there]
    if absent:
        raise DataError(
            f"Every class must occur in the training part, but {quoted(absent)} "
            f"{'does' if len(absent) == 1 else 'do'} not. Merge rare classes into one, or leave "
            "their samples out."
        )


def _shown(samples: Samples, rows: NDArray[np.int64]) -> NDArray[np.float64]:
    targets = samples.targets[rows]
    if samples.task.kind == "multilabel":
        return np.asarray(targets == 1, dtype=np.float64)
    return np.asarray(np.eye(samples.task.classes)[targets])


def _repaired(
    samples: Samples,
    rows: NDArray[np.int64],
    found: Positions,
    shares: Mapping[Role, float],
) -> Positions:
    """Move single rows until every part has enough samples of every label, where that is possible.

    A label whose samples all have rarer ones too is divided by those, in small strata.
    """
    has = samples.targets[rows] == 1
    roles = list(shares)
    place = np.empty(len(rows), dtype=np.int64)
    for k, role in enumerate(roles):
        place[found[role]] = k
    counts = np.stack([has[place == k].sum(axis=0) for k in range(len(roles))])
    for _ in range(LEAST * len(roles) * has.shape[1]):
        lacking = np.argwhere(counts < LEAST)
        moved = False
        for taker, label in lacking.tolist():
            for giver in np.argsort(-counts[:, label], kind="stable").tolist():
                own = np.flatnonzero((place == giver) & has[:, label])
                spare = [row for row in own.tolist() if (counts[giver][has[row]] > LEAST).all()]
                if giver != taker and spare:
                    place[spare[0]] = taker
                    counts[giver] -= has[spare[0]]
                    counts[taker] += has[spare[0]]
                    moved = True
                    break
            if moved:
                break
        if not moved:
            break
    return {role: np.flatnonzero(place == k) for k, role in enumerate(roles)}
