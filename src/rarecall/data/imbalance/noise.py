"""Labels that are wrong on purpose."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from rarecall.errors import ConfigurationError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


def flip_labels(
    targets: ArrayLike, share: float, *, among: Literal["all", 0, 1] = "all", seed: int = 0
) -> NDArray[np.int64]:
    """Turn a share of binary labels over, as in studies of label noise.

    Args:
        targets: 1 or 0, shape ``(n,)``.
        share: Of the labels concerned, in [0, 1].
        among: Which labels: all, or those of one class only.
        seed: Of the draw; a larger share turns over all that a smaller one does.

    >>> flip_labels([0] * 8 + [1] * 2, 0.5, among=1).sum()
    np.int64(1)
    """
    flipped = np.array(targets, dtype=np.int64)
    if not 0.0 <= share <= 1.0:
        raise ConfigurationError(f"share must lie in [0, 1], not {share:g}.")
    open_ = np.arange(len(flipped)) if among == "all" else np.flatnonzero(flipped == among)
    chosen = np.random.default_rng([seed, 2]).permutation(open_)[: round(share * len(open_))]
    flipped[chosen] = 1 - flipped[chosen]
    return flipped
