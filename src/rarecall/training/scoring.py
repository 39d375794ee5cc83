"""Scores of a trained network, of rows as they are or averaged over augmented copies."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from rarecall._mirrors import MIRRORS, mirrored
from rarecall._reading import count_rows, evaluating, portions, reader
from rarecall.errors import ConfigurationError
from rarecall.training.augment import make_augmentation
from rarecall.training.augment_words import words_of
from rarecall.training.engine import reseed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray
    from torch import nn

    from rarecall.objective import Objective

    Change = Callable[[Any], Any]


def predict_scores(
    network: nn.Module, objective: Objective, inputs: Any, *, batch_size: int | None = None
) -> NDArray[np.float64]:
    """Score rows with a network, in evaluation mode and full precision.

    Args:
        network: Gives logits; stays on its device. One that takes λ uses the λ that it stores.
        objective: Says how logits are read as a score. It need not be bound, but its task must
            be fixed where it is not binary.
        inputs: A tensor or any pytree of tensors, leading dimension ``n``, on any device.
        batch_size: Rows forwarded at once, >= 1; by default as many as stay small in memory.

    Returns:
        Raw scores, float64: higher is more critical, shape ``(n,)``, in binary work; the scores
        of all classes, ``(n, C)``, in multi-class and of all labels, ``(n, L)``, in multi-label
        work.

    >>> from rarecall.losses import BCELoss
    >>> from rarecall.objective import Objective
    >>> network = torch.nn.Flatten(0)
    >>> predict_scores(network, Objective(BCELoss()), torch.tensor([[0.5], [2.0]]))
    array([0.5, 2. ])
    """
    return _scores(network, objective, inputs, None, batch_size)


def view_scores(
    network: nn.Module,
    objective: Objective,
    inputs: Any,
    *,
    augment: str,
    views: int,
    seed: int = 0,
    batch_size: int | None = None,
) -> NDArray[np.float64]:
    """Average the scores of augmented copies of every row (test-time augmentation).

    Mirrored copies are not left to chance: with ``augment="flip"`` the copies are the rows as they
    are and mirrored in turn, so that two views are exactly these two; with ``"flips"`` four views
    are the rows as they are, mirrored left to right, upside down, and both. All other copies are
    drawn as a training batch is, each anew.

    Args:
        network: As for :func:`predict_scores`, and so are ``objective`` and ``batch_size``.
        objective: Likewise.
        inputs: Images, uint8, ``(n, C, H, W)``; ``{"image": ..., "table": ...}``, whose table stays
            as it is; volumes, which know ``"flip"`` only; a table alone is never changed.
        augment: As in :class:`~rarecall.training.TrainSettings`; ``"none"`` gives the scores of
            the rows as they are.
        views: Copies of every row, >= 1.
        seed: Of what is drawn; the same seed and batch size give the same scores. The global
            random state is left alone.
        batch_size: Likewise.

    Returns:
        Means of raw scores, float64, shaped as those of :func:`predict_scores`.

    Raises:
        ConfigurationError: The augmentation is unknown or not made for these inputs, or there is
            no view.

    >>> from rarecall.losses import BCELoss
    >>> from rarecall.objective import Objective
    >>> class Left(torch.nn.Module):
    ...     def forward(self, images):
    ...         return images[:, 0, 0, 0].float()
    >>> images = torch.tensor([[[[2, 6]]]], dtype=torch.uint8)
    >>> view_scores(Left(), Objective(BCELoss()), images, augment="flip", views=2)
    array([4.])
    """
    if isinstance(views, bool) or not isinstance(views, int) or views < 1:
        raise ConfigurationError(f"views must be a whole number of copies, >= 1, not {views!r}.")
    device = _device_of(network)
    with torch.random.fork_rng(
        devices=[] if device.type == "cpu" else [device],
        device_type="cuda" if device.type == "cpu" else device.type,
    ):
        found = [
            _scores(network, objective, inputs, change, batch_size) * (times / views)
            for change, times in _changes(inputs, augment, views, seed, device)
        ]
    return np.asarray(sum(found), dtype=np.float64)


def _scores(
    network: nn.Module,
    objective: Objective,
    inputs: Any,
    change: Change | None,
    batch_size: int | None,
) -> NDArray[np.float64]:
    device = _device_of(network)
    read, shape = reader(objective, count_rows(inputs))
    scores = np.empty(shape, dtype=np.float64)
    with evaluating(network, objective):
        for rows, part in portions(inputs, batch_size, device):
            seen = part if change is None else change(part)
            # On the processor: not every device has float64.
            scores[rows] = read(network(seen).cpu().double()).numpy()
    return scores


def _changes(
    inputs: Any, augment: str, views: int, seed: int, device: torch.device
) -> Iterator[tuple[Change | None, int]]:
    """Give what changes the rows, each with the number of views that it stands for.

    Where it draws, the random state of the device is set anew for every view.
    """
    change = make_augmentation(inputs, augment, 0.0)
    # The words, since a preset or a default may stand for them.
    names = "+".join(name for name, _ in words_of(augment))
    if change is None:
        yield None, views
    elif names in MIRRORS:
        outcomes = MIRRORS[names]
        for number, axes in enumerate(outcomes[:views]):
            # One forward pass an outcome, however many views it stands for.
            times = len(range(number, views, len(outcomes)))
            yield (partial(mirrored, axes=axes) if axes else None), times
    else:
        for view in range(views):
            reseed(seed, view, device)
            yield change, 1


def _device_of(network: nn.Module) -> torch.device:
    tensor = next(network.parameters(), None)
    return torch.device("cpu") if tensor is None else tensor.device
