"""Dropout that draws less."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

_LEVELS = 1 << 16
"""Values that the 16 bits drawn for a unit can have."""


class Dropout(nn.Dropout):
    """PyTorch's dropout, with 16 random bits a unit instead of a random double.

    On a processor a table's network would spend up to a fifth of its training drawing; this way it
    is a third of that. The share that is dropped is rounded to a multiple of 2⁻¹⁶, and what is
    kept is scaled by the share that is really kept, so that means stay. On accelerators and where
    it is compiled it is PyTorch's own.

    >>> Dropout(0.75)(torch.ones(99)).unique()
    tensor([0., 4.])
    """

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002  # the name that PyTorch gave it
        """Drop units in training; give the same shape."""
        dropped = round(self.p * _LEVELS)
        fast = input.device.type == "cpu" and not torch.compiler.is_compiling()
        if not (fast and self.training and 0 < dropped < _LEVELS) or self.inplace:
            return F.dropout(input, self.p, self.training, self.inplace)
        # Four units share a draw of 64 bits.
        units = input.numel()
        words = torch.randint(-(2**63), 2**63 - 1, (-(-units // 4),), device=input.device)
        bits = words.view(torch.int16)[:units].view(input.shape)
        kept = (bits >= dropped - _LEVELS // 2).to(input.dtype)
        return input * kept.mul_(_LEVELS / (_LEVELS - dropped))
