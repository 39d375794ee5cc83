"""Numbers of an accelerator that the host reads later, without holding up either."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

if TYPE_CHECKING:
    from numpy.typing import NDArray


class OnHost:
    """A copy on its way to the host.

    The copy is put in line behind what the device has been told so far. Reading it waits for that
    much and no more, so what was put in line afterwards (a backward pass) keeps the device busy.

    Args:
        values: On any device, detached.

    >>> OnHost(torch.tensor([1.0, 2.0])).read()
    array([1., 2.], dtype=float32)
    """

    def __init__(self, values: Tensor) -> None:
        self._arrived: Any = None
        if values.device.type == "cuda":
            self._values = values.to("cpu", non_blocking=True)
            self._arrived = torch.cuda.Event()  # type: ignore[no-untyped-call]
            self._arrived.record()
        else:
            self._values = values.cpu()

    def read(self) -> NDArray[Any]:
        """Give the numbers."""
        if self._arrived is not None:
            self._arrived.synchronize()
        return self._values.numpy()
