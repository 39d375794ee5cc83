"""What ``torch.compile`` must call as it is: draws of NumPy, which it would fix at one value."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import Tensor

    from rarecall.conditioning.conditioning import Conditioning


@torch.compiler.disable  # type: ignore[untyped-decorator]  # torch leaves it untyped
def draw(conditioning: Conditioning, seed: int, step: int, count: int) -> Tensor:
    """Draw λ; see :meth:`rarecall.conditioning.Conditioning.draw`."""
    return conditioning.drawn(seed, step, count)
