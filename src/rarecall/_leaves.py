"""The tensors of a batch's inputs, and columns of what a model gives."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.utils import _pytree as pytree

if TYPE_CHECKING:
    from collections.abc import Sequence


def leaves_of(inputs: Any) -> list[Tensor]:
    """List the tensors of a tensor or any pytree of tensors, in the order of pytrees.

    >>> [len(leaf) for leaf in leaves_of({"row": torch.zeros(3), "more": [torch.zeros(2)]})]
    [3, 2]
    """
    # In a small step the general walk costs more than the kernels.
    if isinstance(inputs, Tensor):
        return [inputs]
    if type(inputs) is dict and all(isinstance(leaf, Tensor) for leaf in inputs.values()):
        return list(inputs.values())
    return pytree.tree_leaves(inputs)


def with_leaves(inputs: Any, leaves: Sequence[Tensor]) -> Any:
    """Give the same pytree with other tensors, in the order of :func:`leaves_of`.

    >>> with_leaves({"row": torch.zeros(3)}, [torch.ones(1)])
    {'row': tensor([1.])}
    """
    if isinstance(inputs, Tensor):
        return leaves[0]
    if type(inputs) is dict and all(isinstance(leaf, Tensor) for leaf in inputs.values()):
        return dict(zip(inputs, leaves, strict=True))
    return pytree.tree_unflatten(list(leaves), pytree.tree_structure(inputs))


def columns(values: Tensor, numbers: Sequence[int]) -> Tensor:
    """Take some columns of ``(B, C)``; a list as an index would be copied to the device first.

    >>> columns(torch.tensor([[0, 1, 2]]), (2, 0))
    tensor([[2, 0]])
    """
    return torch.stack([values[:, number] for number in numbers], dim=1)
