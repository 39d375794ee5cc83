"""Critical images blended with others: new ones out of few, which stay critical."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.utils import _pytree as pytree

from rarecall.errors import ConfigurationError


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
    rows, device = len(critical), critical.device
    keys = torch.rand(2, rows, device=device)
    # Those that are not critical come first, in random order; no size depends on the values.
    order = torch.argsort(keys[0] + critical)
    common = (~critical).sum()
    common = torch.where(common == 0, rows, common)
    other = order[(torch.rand(rows, device=device) * common).long().clamp_(max=rows - 1)]
    weights = amount * keys[1] * critical

    def mixed(images: Tensor) -> Tensor:
        share = weights.reshape(-1, *[1] * (images.ndim - 1)).to(images.device)
        whole = not images.is_floating_point()
        own = images.float() if whole else images
        found = own + share.to(own.dtype) * (own[other.to(own.device)] - own)
        return found.round_().to(images.dtype) if whole else found

    return pytree.tree_map(lambda leaf: mixed(leaf) if leaf.ndim >= 4 else leaf, inputs)


def _pictures(inputs: Any) -> list[Tensor]:
    return [leaf for leaf in pytree.tree_leaves(inputs) if leaf.ndim >= 4]
