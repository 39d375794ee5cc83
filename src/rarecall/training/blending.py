"""Critical images blended with others: new ones out of few, which stay critical."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.utils import _pytree as pytree

from rarecall.errors import ConfigurationError

_PICTURE = 4
"""Axes of images; volumes have more, a table's row fewer."""


def check_blend(inputs: Any) -> None:
    """Make sure that there are images or volumes to blend.

    Raises:
        ConfigurationError: There are none.

    >>> check_blend(torch.zeros(2, 3, 8, 8))
    """
    if not _pictures(inputs):
        raise ConfigurationError(
            "blend lays one image over another, and these data are a table. Leave out +blend."
        )


def blend(inputs: Any, critical: Tensor, *, amount: float) -> Any:
    r"""Lay another image over every critical one, at a random strength.

    .. math:: \tilde x_i = (1 - w_i)\, x_i + w_i\, x_j, \qquad w_i \sim U(0, a)

    for critical :math:`i`, with :math:`j` drawn from the rows of the batch that are not critical
    (from all rows where all are critical). Labels stay: what shows a critical thing behind
    something else is critical. Draws come from the global random state; nothing waits for the
    device.

    Args:
        inputs: Images ``(B, C, H, W)`` or volumes ``(B, C, D, H, W)``; or a mapping of such, which
            are blended alike. A table's row beside an image stays as it is.
        critical: Which rows are critical, bool ``(B,)``.
        amount: :math:`a` in (0, 1].

    Returns:
        As they came; whole numbers are rounded.

    Reference:
        Chou et al., *Remix: Rebalanced Mixup*, ECCV 2020 workshops: a mixture of a rare and a
        common image is labelled rare.

    >>> images = torch.stack([torch.full((1, 2, 2), 100.0), torch.zeros(1, 2, 2)])
    >>> found = blend(images, torch.tensor([True, False]), amount=0.5)
    >>> bool((50 <= found[0]).all() and (found[0] <= 100).all()), bool((found[1] == 0).all())
    (True, True)
    """
    drawn = Blending(critical, amount=amount)

    def change(leaf: Tensor) -> Tensor:
        if leaf.ndim < _PICTURE:
            return leaf
        return _mixed(leaf, leaf[drawn.other.to(leaf.device)], drawn.weights)

    return pytree.tree_map(change, inputs)


class Blending:
    """Which image is laid over which at what strength, drawn for a whole batch.

    Args:
        critical: As for :func:`blend`, and so is ``amount``.
        amount: Likewise.

    Attributes:
        other: Position of the image that is laid over each, int64, shape ``(B,)``.
        weights: At what strength, shape ``(B,)``; 0 for those that are not critical.
    """

    def __init__(self, critical: Tensor, *, amount: float) -> None:
        rows, device = len(critical), critical.device
        keys = torch.rand(2, rows, device=device)
        # Those that are not critical come first, in random order; no size depends on the values.
        order = torch.argsort(keys[0] + critical)
        common = (~critical).sum()
        common = torch.where(common == 0, rows, common)
        self.other = order[(torch.rand(rows, device=device) * common).long().clamp_(max=rows - 1)]
        self.weights = amount * keys[1] * critical

    def laid(self, inputs: Any, places: Tensor, others: Any, rows: Tensor) -> Any:
        """Blend some rows of the batch, as :func:`blend` does all of them.

        Args:
            inputs: Some rows of the batch.
            places: Which of these are critical, positions among them, shape ``(m,)``.
            others: Inputs of the rows that :attr:`other` names for those, leading dimension ``m``.
            rows: Where those are in the batch, positions, shape ``(m,)``.

        >>> images = torch.rand(6, 1, 2, 2)
        >>> critical = torch.tensor([False, True, False, True, False, False])
        >>> _ = torch.manual_seed(0)
        >>> whole = blend(images, critical, amount=0.5)
        >>> _ = torch.manual_seed(0)
        >>> drawn, third = Blending(critical, amount=0.5), torch.tensor([3])
        >>> found = drawn.laid(images[2:4], torch.tensor([1]), images[drawn.other[third]], third)
        >>> torch.equal(found, whole[2:4])
        True
        """
        weights = self.weights[rows]

        def change(leaf: Tensor, over: Tensor) -> Tensor:
            if leaf.ndim < _PICTURE:
                return leaf
            return leaf.index_copy(0, places, _mixed(leaf[places], over, weights))

        return pytree.tree_map(change, inputs, others)


def _mixed(images: Tensor, others: Tensor, weights: Tensor) -> Tensor:
    share = weights.reshape(-1, *[1] * (images.ndim - 1)).to(images.device)
    whole = not images.is_floating_point()
    own, others = (images.float(), others.float()) if whole else (images, others)
    found = own + share.to(own.dtype) * (others - own)
    return found.round_().to(images.dtype) if whole else found


def _pictures(inputs: Any) -> list[Tensor]:
    return [leaf for leaf in pytree.tree_leaves(inputs) if leaf.ndim >= _PICTURE]
