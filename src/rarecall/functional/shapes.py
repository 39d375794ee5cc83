"""Whether the labels of a batch may decide the shape of anything."""

from __future__ import annotations

import torch
from torch import Tensor


def fixed_shapes(values: Tensor) -> bool:
    """Tell whether labels must decide no shape: on accelerators, and while compiling.

    Picking rows by their labels waits for an accelerator, and cannot be compiled in one graph.
    On a processor it costs less than to carry the rows that do not count.

    >>> fixed_shapes(torch.zeros(3)), fixed_shapes(torch.zeros(3, device="meta"))
    (False, True)
    """
    return values.device.type != "cpu" or torch.compiler.is_compiling()
