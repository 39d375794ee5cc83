"""What the protocols draw alike: the test part, and manifests in one form."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

from rarecall.data.imbalance.checks import check_enough, check_positive, digest_of, positions_of
from rarecall.data.imbalance.manifest import Manifest
from rarecall.errors import ConfigurationError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rarecall.data.imbalance.manifest import Mode, TestPool

Rounding = Literal["down", "nearest"]


class Drawn(NamedTuple):
    """Positions of the three parts, in any order."""

    train: NDArray[np.int64]
    validation: NDArray[np.int64]
    test: NDArray[np.int64]


class Pools(NamedTuple):
    """Checked labels of the training and the test pool."""

    train: NDArray[Any]
    test: NDArray[Any]


def generator(seed: int, mode: Mode, member: int) -> np.random.Generator:
    """Give the stream of a member's draws; one for all members where they share a training set."""
    return np.random.default_rng([seed, 0, member if mode == "as-published" else 0])


def rare_count(common: int, ratio: float, rounding: Rounding) -> int:
    """Give how many rare samples there are for so many common ones.

    >>> rare_count(2500, 200, "down"), rare_count(2500, 200, "nearest")
    (12, 13)
    """
    if rounding not in ("down", "nearest"):
        raise ConfigurationError(f"rounding must be 'down' or 'nearest', not {rounding!r}.")
    # A half goes up: 12.5 is printed as 13.
    return int(common / ratio + (0.5 if rounding == "nearest" else 1e-9))


def make_manifest(
    drawn: Drawn,
    pools: Pools,
    *,
    protocol: str,
    parameters: dict[str, Any],
    mode: Mode,
    member: int,
    critical: tuple[int, ...],
    test_pool: TestPool = "test",
) -> Manifest:
    """Put positions in rising order: batches are drawn by the training's own seed."""
    train, validation, test = (np.sort(part).astype(np.int64) for part in drawn)
    return Manifest(
        protocol=protocol,
        parameters=parameters,
        mode=mode,
        member=member,
        train=train,
        validation=validation,
        test=test,
        critical=critical,
        labels=digest_of(*pools),
        test_pool=test_pool,
    )


def hold_out(
    sides: list[NDArray[np.int64]], share: float
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Part shuffled sides into what is trained on and a share for validation, at least one each."""
    cuts = [max(1, round(share * len(side))) for side in sides]
    train = np.concatenate([side[cut:] for side, cut in zip(sides, cuts, strict=True)])
    held = np.concatenate([side[:cut] for side, cut in zip(sides, cuts, strict=True)])
    return train, held


def draw_test(
    labels: NDArray[np.int64],
    common: tuple[int, ...],
    rare: tuple[int, ...],
    *,
    ratio: float | None,
    seed: int,
) -> NDArray[np.int64]:
    """Take both sides of the test pool, the rare one thinned to a ratio where one is given."""
    negatives = positions_of(labels, common, "negative")
    positives = positions_of(labels, rare, "positive")
    if ratio is None:
        return np.concatenate([negatives, positives])
    check_positive(ratio, "test_ratio")
    wanted = max(1, int(len(negatives) / ratio))
    check_enough(len(positives), wanted, "test positives", "a larger ratio")
    rng = np.random.default_rng([seed, 1])
    return np.concatenate([negatives, rng.permutation(positives)[:wanted]])
