"""Test-time augmentation: the views of an image whose scores are averaged."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rarecall._mirrors import MIRRORS, mirrored
from rarecall.errors import ConfigurationError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

TTA: dict[str, tuple[tuple[int, ...], ...]] = {"none": ((),), **MIRRORS}
"""Names of the augmentations, each with the axes that its views are mirrored along."""


def check_tta(name: str, spec: Mapping[str, Any]) -> None:
    """Make sure that an augmentation is known and fits the data.

    Raises:
        ConfigurationError: It is not, or is one of images and the data is a table.

    >>> check_tta("flip", {"kind": "table"})
    Traceback (most recent call last):
    rarecall.errors.ConfigurationError: Test-time augmentation mirrors images, and this model...
    """
    if name not in TTA:
        raise ConfigurationError(
            f"There is no test-time augmentation {name!r}.{did_you_mean(name, TTA)} "
            f"Take one of {', '.join(TTA)}."
        )
    if name != "none" and spec["kind"] == "table":
        raise ConfigurationError(
            "Test-time augmentation mirrors images, and this model takes a table. "
            "Leave it at 'none'."
        )


def views(name: str, inputs: Any) -> Iterator[Any]:
    """Give the inputs once for every view.

    Args:
        name: Of :data:`TTA`.
        inputs: A tensor of images, ``(n, C, H, W)``, or ``{"image": ..., "table": ...}``, whose
            images alone are mirrored; a table where the name is ``"none"``.

    >>> import torch
    >>> [view.flatten().tolist() for view in views("flip", torch.tensor([[[[1, 2]]]]))]
    [[1, 2], [2, 1]]
    """
    for axes in TTA[name]:
        yield mirrored(inputs, axes)
