"""The change that a training batch goes through, made from the names of ``augment``.

The names are those of :func:`augment_names`; :mod:`rarecall.training.augment_words` lists them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils import _pytree as pytree

from rarecall.errors import ConfigurationError
from rarecall.training.augment_change import (
    Change,
    Made,
    Rows,
    in_turn,
    mirroring,
    part_by_part,
)
from rarecall.training.augment_words import (
    PLAIN,
    PRESETS,
    WITH_AMOUNT,
    augment_names,
    check_augment,
    words_of,
)
from rarecall.training.augmentations import (
    blackening,
    cropping,
    random_crop,
    random_flip,
    recolouring,
)
from rarecall.training.augmentations_place import Place, change_of_place

__all__ = [
    "PRESETS",
    "SMALLEST_SIDE",
    "augment_names",
    "check_augment",
    "make_augmentation",
    "random_crop",
    "random_flip",
    "varying_columns",
]

SMALLEST_SIDE = 16
"""Images with a shorter side hold too little to crop or mirror."""


def _changes(augment: str) -> list[Change]:
    plain: dict[str, Callable[[], Change]] = dict(
        zip(PLAIN, (cropping, mirroring, _mirroring_both), strict=True)
    )
    amounts: dict[str, Callable[[float], Change]] = {
        "color": lambda amount: recolouring(amount=amount),
        "coarse-dropout": lambda side: blackening(side=side),
    }
    changes: list[Change] = []
    waiting: list[Place] = []
    for name, amount in words_of(augment):
        place = WITH_AMOUNT[name].place if name in WITH_AMOUNT else None
        if place is not None:
            waiting.append(place(amount))
            continue
        if waiting:
            changes.append(change_of_place(waiting))
            waiting = []
        changes.append(plain[name]() if name in plain else amounts[name](amount))
    return [*changes, change_of_place(waiting)] if waiting else changes


def _mirroring_both() -> Change:
    return in_turn([mirroring(), mirroring(-2)])


def varying_columns(numeric: Tensor) -> Tensor:
    """Tell columns with three or more values (1.0) from those with fewer (0.0), shape ``(d,)``.

    >>> varying_columns(torch.tensor([[0.0, 0.0], [0.5, 1.0], [1.0, 1.0]]))
    tensor([1., 0.])
    """
    low, high = numeric.amin(dim=0), numeric.amax(dim=0)
    return ((numeric != low) & (numeric != high)).any(dim=0).to(numeric.dtype)


def make_augmentation(
    inputs: Any, augment: str | Sequence[str], input_noise: float
) -> Change | None:
    """Give what changes a batch's inputs, or None where nothing is to change.

    Args:
        inputs: All training inputs: images, uint8, shape ``(n, C, H, W)``; a mapping with a
            ``numeric`` tensor, shape ``(n, d)``; a mapping with both, ``image`` and ``table``; or
            volumes, tensors of shape ``(n, C, D, H, W)``, which are changed alike.
        augment: As in :class:`~rarecall.training.TrainSettings`; ``"auto"`` is ``"crop+flip"``
            for images of 16 pixels a side or more, else ``"none"``.
        input_noise: As in :class:`~rarecall.training.TrainSettings`.

    Raises:
        ConfigurationError: A name is unknown, or a change is not made for volumes.
    """
    augment = check_augment(augment)
    if isinstance(inputs, dict) and inputs.keys() >= {"image", "table"}:
        made = {part: make_augmentation(inputs[part], augment, input_noise) for part in inputs}
        parts = {part: change for part, change in made.items() if change is not None}
        return part_by_part(parts) if parts else None
    leaves = pytree.tree_leaves(inputs)
    if all(isinstance(leaf, Tensor) and leaf.ndim == 5 for leaf in leaves):
        return _of_volumes(augment)
    if isinstance(inputs, Tensor) and inputs.ndim == 4:
        if augment == "auto":
            augment = "crop+flip" if min(inputs.shape[-2:]) >= SMALLEST_SIDE else "none"
        changes = _changes(augment)
        return in_turn(changes) if changes else None
    if input_noise > 0 and isinstance(inputs, dict) and inputs["numeric"].numel():
        return _noise(input_noise * varying_columns(inputs["numeric"]))
    return None


def _noise(spread: Tensor) -> Change:
    def draw(inputs: dict[str, Tensor], count: int) -> Made:
        numeric = inputs["numeric"]
        drawn = torch.randn((count, *numeric.shape[1:]), dtype=numeric.dtype, device=numeric.device)

        def make(inputs: dict[str, Tensor], rows: Rows) -> dict[str, Tensor]:
            return inputs | {"numeric": inputs["numeric"] + spread * drawn[rows]}

        return make

    return Change(draw)


def _of_volumes(augment: str) -> Change | None:
    names = [name for name, _ in words_of(augment)]
    if not names:
        return None
    if names != ["flip"]:
        raise ConfigurationError(
            f"augment {augment!r} is made for images; volumes know flip, auto and none."
        )
    # One draw for all of a patient's volumes: they show the same body.
    return mirroring()
