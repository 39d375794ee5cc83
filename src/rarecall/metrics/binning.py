"""Probabilities in bins, and how often each bin's samples were critical."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

from rarecall.errors import ConfigurationError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rarecall.metrics.samples import Sample

Strategy = Literal["quantile", "uniform"]


class Bins(NamedTuple):
    """The bins that hold anything, by rising probability.

    Attributes:
        member: The bin of every sample, shape ``(n,)``.
        mass: Samples in each bin, or the sum of their weights, shape ``(k,)``.
        probability: Mean probability in each bin, shape ``(k,)``.
        rate: Share of critical samples in each bin, shape ``(k,)``.
    """

    member: NDArray[np.intp]
    mass: NDArray[np.float64]
    probability: NDArray[np.float64]
    rate: NDArray[np.float64]


def binned(sample: Sample, bins: int | None, strategy: Strategy) -> Bins:
    r"""Put probabilities into bins; equal ones share a bin.

    Uniform bins end at :math:`k / K`. Quantile bins end at the smallest probability that at least
    :math:`k / K` of the samples do not exceed. An end belongs to the bin below it.

    Args:
        sample: Checked probabilities.
        bins: How many at most, or None for one a distinct probability.
        strategy: As named above.

    Raises:
        ConfigurationError: ``bins`` below 1, or an unknown strategy.

    >>> from rarecall.metrics.samples import checked_sample
    >>> found = binned(checked_sample([0.1, 0.2, 0.3, 0.9], [0, 0, 1, 1]), 2, "quantile")
    >>> found.mass, found.rate
    (array([2., 2.]), array([0., 1.]))
    """
    if strategy not in {"quantile", "uniform"}:
        raise ConfigurationError(f"strategy must be 'quantile' or 'uniform', not {strategy!r}.")
    if bins is not None and (bins != int(bins) or bins < 1):
        raise ConfigurationError(f"bins must be a whole number of at least 1, not {bins:g}.")
    values = sample.scores
    place: NDArray[Any]
    if bins is None:
        place = values
    elif strategy == "uniform":
        place = np.searchsorted(np.linspace(0.0, 1.0, int(bins) + 1)[1:-1], values, "left")
    else:
        place = np.searchsorted(_quantiles(sample, int(bins)), values, "left")
    member = np.unique(place, return_inverse=True)[1]
    mass = np.bincount(member, sample.weights).astype(np.float64)
    weights = np.ones(len(values)) if sample.weights is None else sample.weights
    return Bins(
        member,
        mass,
        np.bincount(member, weights * values) / mass,
        np.bincount(member, weights * sample.critical) / mass,
    )


def _quantiles(sample: Sample, bins: int) -> NDArray[np.float64]:
    order = np.argsort(sample.scores)
    if sample.weights is None:
        upto: NDArray[np.float64] = np.arange(1.0, len(order) + 1)
    else:
        upto = np.cumsum(sample.weights[order])
    wanted = np.arange(1, bins) / bins * upto[-1] * (1.0 - 1e-12)
    ends: NDArray[np.float64] = sample.scores[order[np.searchsorted(upto, wanted, "left")]]
    return ends
