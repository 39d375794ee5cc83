"""The change that a training batch goes through, made from the names of ``augment``.

The names are those of :func:`augment_names`; :mod:`rarecall.training.augment_words` lists them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.utils import _pytree as pytree

from rarecall.errors import ConfigurationError
from rarecall.training.augment_words import (
    PLAIN,
    PRESETS,
    WITH_AMOUNT,
    augment_names,
    check_augment,
    words_of,
)
from rarecall.training.augmentations import (
    Place,
    change_of_place,
    coarse_dropout,
    color_jitter,
    random_crop,
    random_flip,
)

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


def _flip_both(images: Tensor) -> Tensor:
    return random_flip(random_flip(images), axis=-2)


def _changes(augment: str) -> list[Callable[[Tensor], Tensor]]:
    plain = dict(zip(PLAIN, (random_crop, random_flip, _flip_both), strict=True))
    amounts: dict[str, Callable[..., Callable[[Tensor], Tensor]]] = {
        "color": lambda amount: partial(color_jitter, amount=amount),
        "coarse-dropout": lambda side: partial(coarse_dropout, side=side),
    }
    changes: list[Callable[[Tensor], Tensor]] = []
    waiting: list[Place] = []
    for name, amount in words_of(augment):
        place = WITH_AMOUNT[name].place if name in WITH_AMOUNT else None
        if place is not None:
            waiting.append(place(amount))
            continue
        if waiting:
            changes.append(change_of_place(waiting))
            waiting = []
        changes.append(plain.get(name) or amounts[name](amount))
    return [*changes, change_of_place(waiting)] if waiting else changes


def varying_columns(numeric: Tensor) -> Tensor:
    """Tell columns with three or more values (1.0) from those with fewer (0.0), shape ``(d,)``.

    >>> varying_columns(torch.tensor([[0.0, 0.0], [0.5, 1.0], [1.0, 1.0]]))
    tensor([1., 0.])
    """
    low, high = numeric.amin(dim=0), numeric.amax(dim=0)
    return ((numeric != low) & (numeric != high)).any(dim=0).to(numeric.dtype)


def make_augmentation(
    inputs: Any, augment: str | Sequence[str], input_noise: float
) -> Callable[[Any], Any] | None:
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
        if not parts:
            return None

        def change_parts(rows: dict[str, Any]) -> dict[str, Any]:
            return rows | {part: change(rows[part]) for part, change in parts.items()}

        return change_parts
    leaves = pytree.tree_leaves(inputs)
    if all(isinstance(leaf, Tensor) and leaf.ndim == 5 for leaf in leaves):
        return _of_volumes(augment)
    if isinstance(inputs, Tensor) and inputs.ndim == 4:
        if augment == "auto":
            augment = "crop+flip" if min(inputs.shape[-2:]) >= SMALLEST_SIDE else "none"
        changes = _changes(augment)
        if not changes:
            return None

        def change_images(images: Tensor) -> Tensor:
            for change in changes:
                images = change(images)
            return images

        return change_images
    if input_noise > 0 and isinstance(inputs, dict) and inputs["numeric"].numel():
        spread = input_noise * varying_columns(inputs["numeric"])

        def add_noise(rows: dict[str, Tensor]) -> dict[str, Tensor]:
            numeric = rows["numeric"]
            return rows | {"numeric": numeric + spread * torch.randn_like(numeric)}

        return add_noise
    return None


def _of_volumes(augment: str) -> Callable[[Any], Any] | None:
    names = [name for name, _ in words_of(augment)]
    if not names:
        return None
    if names != ["flip"]:
        raise ConfigurationError(
            f"augment {augment!r} is made for images; volumes know flip, auto and none."
        )

    def mirror(rows: Any) -> Any:
        first = pytree.tree_leaves(rows)[0]
        mirrored = torch.rand(len(first), 1, 1, 1, 1, device=first.device) < 0.5
        # One draw for all of a patient's volumes: they show the same body.
        return pytree.tree_map(lambda part: torch.where(mirrored, part.flip(-1), part), rows)

    return mirror
