"""Training sets that are wrong, or too easy, on purpose."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from rarecall.data.imbalance.checks import check_share, checked_labels
from rarecall.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import ArrayLike, NDArray

    from rarecall.data.imbalance.manifest import Manifest

Among = Literal["all", 0, 1]


def flip_labels(
    targets: ArrayLike, share: float, *, among: Among = "all", seed: int = 0
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
    if among not in ("all", 0, 1):
        raise ConfigurationError(f"among must be 'all', 0 or 1, not {among!r}.")
    open_ = np.arange(len(flipped)) if among == "all" else np.flatnonzero(flipped == among)
    chosen = np.random.default_rng([seed, 2]).permutation(open_)[: round(share * len(open_))]
    flipped[chosen] = 1 - flipped[chosen]
    return flipped


def with_flipped_labels(
    manifest: Manifest, labels: ArrayLike, share: float, *, among: Among = "all", seed: int = 0
) -> Manifest:
    """Turn over a share of a manifest's training labels; validation and test stay right.

    Args:
        manifest: Its training part is concerned.
        labels: Of the training pool.
        share: Of the training labels, in [0, 1].
        among: Which labels, by their true target.
        seed: Of the draw.

    Reference:
        RankReg paper, figure 4.

    >>> from rarecall.data.imbalance import binary_pair
    >>> pool = [0, 1] * 500
    >>> one = binary_pair(pool, pool, negative=0, positive=1, ratio=10, validation=50)[0]
    >>> noisy = with_flipped_labels(one, pool, 0.2)
    >>> len(noisy.flipped), int((noisy.train_targets(pool) != one.train_targets(pool)).sum())
    (89, 89)
    """
    before = manifest.targets(labels, manifest.train)
    wrong = flip_labels(before, share, among=among, seed=seed) != before
    asked = {"label_noise": share, "noise_among": among}
    return _changed(
        manifest, manifest.train, np.append(manifest.flipped, manifest.train[wrong]), asked
    )


def with_noisy_samples(
    manifest: Manifest, labels: ArrayLike, share: float, *, seed: int = 0
) -> Manifest:
    """Call some negatives positive, and add some removed positives as negatives.

    Args:
        manifest: Its training part is concerned.
        labels: Of the training pool.
        share: Of the training negatives, and of the positives that are in no part, in (0, 1).
        seed: Of the draw.

    Reference:
        Yuan et al., *Large-scale Robust Deep AUC Maximization*, ICCV 2021, section 5.2.

    >>> from rarecall.data.imbalance import halves
    >>> pool = np.repeat([0, 1], 12500)
    >>> one = halves(pool, pool, share=0.01)[0]
    >>> noisy = with_noisy_samples(one, pool, 0.01)
    >>> len(noisy.train) - len(one.train), len(noisy.flipped)
    (124, 236)
    """
    check_share(share, "the share of noisy samples")
    rng = np.random.default_rng([seed, 4])
    targets = manifest.targets(labels, manifest.train)
    negatives, removed = manifest.train[targets == 0], removed_positives(manifest, labels)
    called = rng.permutation(negatives)[: round(share * len(negatives))]
    added = rng.permutation(removed)[: round(share * len(removed))]
    return _changed(
        manifest,
        np.concatenate([manifest.train, added]),
        np.concatenate([manifest.flipped, called, added]),
        {"noisy": share},
    )


def with_easy_samples(
    manifest: Manifest, labels: ArrayLike, share: float, *, scores: ArrayLike
) -> Manifest:
    """Add the removed positives that a model finds easiest.

    Args:
        manifest: Its training part is concerned.
        labels: Of the training pool.
        share: Of the positives that are in no part, in (0, 1); those with the highest scores.
        scores: Of a model trained on the manifest as it is, for the whole training pool, shape
            ``(n,)``; those of other samples are not looked at.

    Reference:
        Yuan et al., ICCV 2021, section 5.2.

    >>> from rarecall.data.imbalance import halves
    >>> pool = np.repeat([0, 1], 1000)
    >>> one = halves(pool, pool, share=0.1)[0]
    >>> easy = with_easy_samples(one, pool, 0.1, scores=np.arange(2000.0))
    >>> len(easy.train) - len(one.train)
    89
    """
    check_share(share, "the share of easy samples")
    array = np.asarray(scores, dtype=np.float64)
    if array.shape != np.asarray(labels).shape:
        raise ConfigurationError(
            "Easy samples are chosen by the scores of a trained model for the whole training pool, "
            f"shape {np.asarray(labels).shape}, not {array.shape}."
        )
    removed = removed_positives(manifest, labels)
    if not np.isfinite(array[removed]).all():
        raise ConfigurationError("The scores of removed positives are not all finite numbers.")
    easiest = removed[np.argsort(-array[removed], kind="stable")][: round(share * len(removed))]
    return _changed(
        manifest, np.concatenate([manifest.train, easiest]), manifest.flipped, {"easy": share}
    )


def removed_positives(manifest: Manifest, labels: ArrayLike) -> NDArray[np.int64]:
    """Give the positions of critical samples of the training pool that no part holds."""
    critical = np.flatnonzero(np.isin(checked_labels(labels), manifest.critical))
    used = [manifest.train, manifest.validation]
    if manifest.test_pool == "train":
        used.append(manifest.test)
    return np.setdiff1d(critical, np.concatenate(used))


def _changed(
    manifest: Manifest,
    train: NDArray[np.int64],
    flipped: NDArray[np.int64],
    asked: Mapping[str, float | str],
) -> Manifest:
    # What is turned over twice is right again.
    position, times = np.unique(flipped, return_counts=True)
    return replace(
        manifest,
        train=np.sort(train),
        flipped=position[times % 2 == 1],
        parameters={**manifest.parameters, **asked},
    )
