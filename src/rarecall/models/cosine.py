"""A last layer whose logits are cosines, as margins by class need it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from rarecall.models.surgery import find_layer, set_layer

if TYPE_CHECKING:
    from typing import Self


class CosineHead(nn.Linear):
    r"""Cosines between features and class vectors, :math:`z_c = \frac{w_c^T f}{|w_c|\,|f|}`.

    It has no bias, and computes in float32 or wider like :class:`rarecall.models.Head`.

    Args:
        width: Size of the features.
        outputs: Classes, >= 2.

    Reference:
        Cao et al., *Learning Imbalanced Datasets with Label-Distribution-Aware Margin Loss*,
        NeurIPS 2019.

    >>> head = CosineHead(4, 3)
    >>> logits = head(100 * torch.randn(5, 4))
    >>> logits.shape, bool((logits.abs() <= 1 + 1e-6).all())
    (torch.Size([5, 3]), True)
    """

    def __init__(self, width: int, outputs: int) -> None:
        if outputs < 2:
            raise ValueError(f"A cosine head has a vector for each of 2 classes, not {outputs}.")
        super().__init__(width, outputs, bias=False)

    @classmethod
    def like(cls, layer: nn.Linear, outputs: int) -> Self:
        """Make one that takes what ``layer`` takes, on its device and in its precision.

        It starts with the layer's weights where it has as many outputs, so that nothing is drawn
        anew and a network made from a seed stays the same.

        Raises:
            ValueError: The size of the layer's input is not known yet.

        >>> layer = nn.Linear(4, 2)
        >>> torch.equal(CosineHead.like(layer, 2).weight, layer.weight)
        True
        """
        if layer.in_features < 1 or isinstance(layer.weight, nn.UninitializedParameter):
            raise ValueError(
                "The last layer does not know the size of its input yet. Forward one batch "
                "through the network before adapt()."
            )
        if layer.out_features != outputs:
            return cls(layer.in_features, outputs).to(layer.weight)
        with torch.device("meta"):  # draws nothing from the global random state
            head = cls(layer.in_features, outputs)
        head.weight = nn.Parameter(layer.weight.detach().clone())
        return head

    def forward(self, features: Tensor) -> Tensor:
        """Cosines of ``features``, shape ``(B, width)``; result ``(B, outputs)``."""
        with torch.autocast(features.device.type, enabled=False):
            features = features.to(self.weight.dtype)
            # A row of zeros has no direction: its cosines are 0, its slope is bounded by 1e6.
            rows = F.normalize(features, dim=1, eps=1e-6)
            return F.linear(rows, F.normalize(self.weight, dim=1, eps=1e-6))


def with_cosine_head(model: nn.Module, head: str | None, outputs: int) -> nn.Module:
    """Put a cosine head in the place of a network's last layer.

    Args:
        model: Changed in place, unless it is the last layer itself.
        head: Name of the last layer; None finds it.
        outputs: Classes.

    Returns:
        The network.

    Raises:
        ValueError: The last layer cannot be told, or is not linear.

    >>> with_cosine_head(nn.Sequential(nn.ReLU(), nn.Linear(3, 1)), None, 2)[1]
    CosineHead(in_features=3, out_features=2, bias=False)
    """
    if head is None and isinstance(model, nn.Linear):
        return CosineHead.like(model, outputs)
    parent, attribute, layer = find_layer(model, head)
    if not isinstance(layer, nn.Linear):
        raise ValueError(
            "A cosine head takes the place of a linear layer, but "
            f"{head or attribute!r} is a {type(layer).__name__}."
        )
    set_layer(parent, attribute, CosineHead.like(layer, outputs))
    return model
