"""A cohort without official parts: what every way of cutting it shares."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from rarecall.data.imbalance.checks import as_classes, check_enough, check_positive, checked_pool
from rarecall.data.imbalance.drawing import Pools, make_manifest, rare_count
from rarecall.data.imbalance.strata import (
    checked_groups,
    critical_rows,
    cut_groups,
    cut_strata,
    strata_of,
)
from rarecall.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    from rarecall.data.imbalance.drawing import Drawn, Rounding
    from rarecall.data.imbalance.manifest import Manifest, Mode


def checked_pools(labels: ArrayLike, test_labels: ArrayLike | None) -> Pools:
    """Check the labels of both pools; the test pool may be absent."""
    train = checked_pool(labels)
    if test_labels is not None and np.array_equal(labels, test_labels):
        raise ConfigurationError(
            "The test pool has the labels of the training pool, one by one: it is the same. Give "
            "None for it, and a test part is held out."
        )
    test = np.empty(0, dtype=np.int64) if test_labels is None else checked_pool(test_labels)
    return Pools(train, test)


class Cohort:
    """The checked pools, and how they are cut."""

    def __init__(
        self,
        pools: Pools,
        critical: int | Sequence[int],
        groups: ArrayLike | None,
        rounding: Rounding,
    ) -> None:
        self.pools = pools
        self.critical = () if pools.train.ndim == 2 else as_classes(critical)
        self.rounding = rounding
        self.groups = None if groups is None else checked_groups(groups, len(pools.train))
        self.positive = critical_rows(pools.train, self.critical)
        self.strata = strata_of(pools.train)
        self.test_pool = "test" if len(pools.test) else "train"
        if not 0 < self.positive.sum() < len(self.positive):
            raise ConfigurationError(
                f"The cohort has {int(self.positive.sum())} critical samples among "
                f"{len(self.positive)}; both sides are needed. Critical: {list(self.critical)}."
            )

    def set_aside(
        self, share: float, ratio: float | None, seed: int
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Give what is left of the cohort, and the test part."""
        rng = np.random.default_rng([seed, 1])
        everything = np.arange(len(self.pools.train))
        if self.test_pool == "test":
            positive = critical_rows(self.pools.test, self.critical)
            test = np.arange(len(positive))
        else:
            test, everything = self.cut(everything, [share], rng)
            positive = self.positive
        return everything, self.thin(test, ratio, rng, positive)

    def cut(
        self, rows: NDArray[np.int64], shares: Sequence[float], rng: np.random.Generator
    ) -> list[NDArray[np.int64]]:
        """Cut shares out of some rows, stratified or by whole groups; the last part is the rest."""
        if self.groups is None:
            return cut_strata(rows, self.strata, shares, rng)
        return cut_groups(rows, self.positive, self.groups, shares, rng)

    def thin(
        self,
        rows: NDArray[np.int64],
        ratio: float | None,
        rng: np.random.Generator,
        positive: NDArray[np.bool_] | None = None,
    ) -> NDArray[np.int64]:
        """Keep one critical sample for ``ratio`` others."""
        if ratio is None or not len(rows):
            return rows
        check_positive(ratio, "ratio")
        critical = (self.positive if positive is None else positive)[rows]
        wanted = rare_count(int((~critical).sum()), ratio, self.rounding)
        check_enough(int(critical.sum()), wanted, "critical samples", "a larger ratio")
        if wanted < 1:
            raise ConfigurationError(
                f"At 1:{ratio:g} the {int((~critical).sum())} other samples of a part leave no "
                "critical one. Use a smaller ratio."
            )
        return np.concatenate([rows[~critical], rng.permutation(rows[critical])[:wanted]])

    def manifest(
        self, drawn: Drawn, protocol: str, parameters: dict[str, Any], mode: Mode, member: int
    ) -> Manifest:
        """Make a manifest; the training part must have critical samples."""
        if not len(drawn.train) or not self.positive[drawn.train].any():
            raise ConfigurationError(
                "The training part has no critical sample: the cohort is too small for these "
                "shares."
            )
        return make_manifest(
            drawn,
            self.pools,
            protocol=protocol,
            parameters=parameters,
            mode=mode,
            member=member,
            critical=self.critical,
            test_pool="test" if self.test_pool == "test" else "train",
        )
