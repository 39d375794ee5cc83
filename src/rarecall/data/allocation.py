"""Dividing samples among roles: at random within classes, by whole groups, or by time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from rarecall.roles import Role

LEAST = 2
"""Fewest samples of each class in each part: with one, no measure has a spread."""


def apportion(count: int, shares: Mapping[Role, float]) -> dict[Role, int]:
    """Divide ``count`` samples by shares, with at least two for each role if there are enough.

    The largest remainders are rounded up, so that the parts always add up.

    >>> from rarecall.roles import Role
    >>> list(apportion(10, dict(zip(Role, (0.4, 0.2, 0.2, 0.2), strict=True))).values())
    [4, 2, 2, 2]
    """
    quotas = {role: share * count / sum(shares.values()) for role, share in shares.items()}
    # 58.999999 is 59 of which floating point has lost a bit.
    parts = {role: int(np.floor(quota + 1e-9)) for role, quota in quotas.items()}
    by_remainder = sorted(quotas, key=lambda role: parts[role] - quotas[role])
    for role in by_remainder[: count - sum(parts.values())]:
        parts[role] += 1
    if count >= LEAST * len(parts):
        while min(parts.values()) < LEAST:
            parts[max(parts, key=lambda role: parts[role])] -= 1
            parts[min(parts, key=lambda role: parts[role])] += 1
    return parts


def allocate_stratified(
    targets: NDArray[np.int64],
    shares: Mapping[Role, float],
    rng: np.random.Generator,
    strata: Sequence[int] = (1, 0),
) -> dict[Role, NDArray[np.int64]]:
    """Divide each class at random.

    Args:
        targets: 0 or 1, or the number of the stratum, shape ``(n,)``.
        shares: Of each role.
        rng: Draws the order.
        strata: Their numbers, in the order in which they are divided.

    Returns:
        Positions of each role, ascending.
    """
    found: dict[Role, list[NDArray[np.int64]]] = {role: [] for role in shares}
    for label in strata:
        rows = rng.permutation(np.flatnonzero(targets == label))
        start = 0
        for role, size in apportion(len(rows), shares).items():
            found[role].append(rows[start : start + size])
            start += size
    return {role: np.sort(np.concatenate(parts)) for role, parts in found.items()}


def allocate_grouped(
    targets: NDArray[np.int64],
    groups: NDArray[Any],
    shares: Mapping[Role, float],
    rng: np.random.Generator,
) -> dict[Role, NDArray[np.int64]]:
    """Divide whole groups so that rows, positives and positive groups keep near their shares.

    Groups with positives come first, those with most before the others; each goes where most is
    lacking, relative to what the part should hold. Groups without positives then fill up the rows.

    Args:
        targets: 0 or 1, shape ``(n,)``.
        groups: Shape ``(n,)``.
        shares: Of each role.
        rng: Orders groups of equal size.

    Returns:
        Positions of each role, ascending.
    """
    _, member = np.unique(groups, return_inverse=True)
    sizes = np.bincount(member)
    positives = np.bincount(member, weights=targets).astype(np.int64)
    chance = rng.permutation(len(sizes))
    roles = list(shares)
    share = [shares[role] for role in roles]
    place = np.empty(len(sizes), dtype=np.int64)

    carriers = np.flatnonzero(positives > 0)
    carriers = carriers[np.lexsort((chance[carriers], -sizes[carriers], -positives[carriers]))]
    wanted_positives = [part * float(positives.sum()) for part in share]
    wanted_carriers = [part * len(carriers) for part in share]
    held = [0.0] * len(roles)
    number = [0.0] * len(roles)
    rows = [0.0] * len(roles)
    for group in carriers.tolist():
        k = _most_lacking(
            [
                (1 - held[r] / wanted_positives[r] + 1 - number[r] / wanted_carriers[r]) / 2
                for r in range(len(roles))
            ]
        )
        place[group] = k
        held[k] += float(positives[group])
        number[k] += 1
        rows[k] += float(sizes[group] - positives[group])

    others = np.flatnonzero(positives == 0)
    others = others[np.lexsort((chance[others], -sizes[others]))]
    wanted_rows = [part * float(len(targets) - positives.sum()) for part in share]
    for group in others.tolist():
        k = _most_lacking([1 - rows[r] / max(wanted_rows[r], 1e-9) for r in range(len(roles))])
        place[group] = k
        rows[k] += float(sizes[group])
    return {role: np.flatnonzero(place[member] == k) for k, role in enumerate(roles)}


def allocate_by_time(
    times: NDArray[Any], groups: NDArray[Any] | None, shares: Mapping[Role, float]
) -> dict[Role, NDArray[np.int64]]:
    """Cut the samples along time: the first role gets the oldest, the last the newest.

    Samples of one time stay together. A group stands, whole, where its latest sample stands: no
    part then holds anything newer than the end of its period.

    Args:
        times: Shape ``(n,)``.
        groups: Shape ``(n,)``, or None.
        shares: Of each role, in the order of time.

    Returns:
        Positions of each role, ascending.
    """
    _, order = np.unique(times, return_inverse=True)
    if groups is not None:
        _, member = np.unique(groups, return_inverse=True)
        latest = np.zeros(int(member.max()) + 1, dtype=np.int64)
        np.maximum.at(latest, member, order)
        order = latest[member]
    until = np.cumsum(np.bincount(order))
    ends = np.cumsum(list(shares.values())) / sum(shares.values()) * len(order)
    # A moment belongs to the part in which the middle of its rows falls.
    middles = until - np.bincount(order) / 2
    place = np.minimum(np.searchsorted(ends, middles), len(shares) - 1)
    return {role: np.flatnonzero(place[order] == k) for k, role in enumerate(shares)}


def _most_lacking(lacks: list[float]) -> int:
    return max(range(len(lacks)), key=lacks.__getitem__)
