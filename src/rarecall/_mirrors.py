"""Mirrored copies of images: which there are by name, and how they are made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

MIRRORS: dict[str, tuple[tuple[int, ...], ...]] = {
    "flip": ((), (-1,)),
    "flips": ((), (-1,), (-2,), (-2, -1)),
}
"""Names of sets of copies, each with the axes that its copies are mirrored along.

``flip``: as it is, and left to right. ``flips``: also upside down and both; for images without an
up, as those of a microscope.
"""


def mirrored(inputs: Any, axes: tuple[int, ...]) -> Any:
    """Mirror images or volumes; a table's row beside an image stays as it is.

    Args:
        inputs: A tensor of images ``(n, C, H, W)`` or volumes; ``{"image": ..., "table": ...}``;
            or any mapping of volumes, which are mirrored alike.
        axes: None give the inputs as they are.

    >>> import torch
    >>> mirrored({"image": torch.tensor([[[[1, 2]]]]), "table": torch.ones(1)}, (-1,))["image"]
    tensor([[[[2, 1]]]])
    """
    if not axes:
        return inputs
    if isinstance(inputs, dict):
        kept = ("table",) if inputs.keys() >= {"image", "table"} else ()
        return {
            part: value if part in kept else mirrored(value, axes) for part, value in inputs.items()
        }
    images: Tensor = inputs
    return images.flip(axes)
