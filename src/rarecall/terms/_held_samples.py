"""What a buffer of positives holds, and where."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor


class HeldSamples:
    """Samples where the model is, and on the host what decides on them.

    Attributes:
        leaves: Every tensor of the inputs, a row a sample.
        targets: Shape ``(n,)``.
        index: Positions in the training targets.
        scores: The latest score of each.
        entered: The clock when it entered.
        clock: Steps committed so far.
    """

    def __init__(self) -> None:
        self.leaves: list[Tensor] = []
        self.targets = torch.zeros(0, dtype=torch.int64)
        self.index: NDArray[np.int64] = np.zeros(0, dtype=np.int64)
        self.scores: NDArray[np.float64] = np.zeros(0)
        self.entered: NDArray[np.int64] = np.zeros(0, dtype=np.int64)
        self.clock = 0

    def keep(self, stays: NDArray[np.bool_]) -> None:
        """Let the others go."""
        if stays.all():
            return
        self.index, self.scores = self.index[stays], self.scores[stays]
        self.entered = self.entered[stays]
        slots = torch.from_numpy(np.flatnonzero(stays))
        slots = slots.to(self.targets.device, non_blocking=True)
        self.targets = self.targets[slots]
        self.leaves = [leaf[slots] for leaf in self.leaves]
