"""The last layer of every network."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Head(nn.Linear):
    """A linear layer that always computes in float32 or wider, and drops a single output's axis.

    Under autocast an ordinary layer would round its logits to a half-precision grid; at a high
    true positive rate the many ties that this makes decide the false positive rate.

    Args:
        width: Size of the features.
        outputs: 1 for logits of shape ``(B,)``, more for ``(B, outputs)``.

    >>> Head(4, 1)(torch.zeros(3, 4)).shape, Head(4, 2)(torch.zeros(3, 4)).shape
    (torch.Size([3]), torch.Size([3, 2]))
    """

    def __init__(self, width: int, outputs: int) -> None:
        if outputs < 1:
            raise ValueError(f"A network has 1 output or more, not {outputs}.")
        super().__init__(width, outputs)

    def forward(self, features: Tensor) -> Tensor:
        """Score ``features``, shape ``(B, width)``."""
        with torch.autocast(features.device.type, enabled=False):
            logits = super().forward(features.to(self.weight.dtype))
        return logits.squeeze(1) if self.out_features == 1 else logits
