"""What a buffer of positives holds, and where."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import Tensor


class HeldSamples:
    """Samples where the model is, and on the host what decides on them.

    There are few: plain numbers take less time than the calls that arrays would need.

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
        self.index: list[int] = []
        self.scores: list[float] = []
        self.entered: list[int] = []
        self.clock = 0

    def keep(self, slots: list[int]) -> None:
        """Let all but these go."""
        if len(slots) == len(self.index):
            return
        self.index = [self.index[slot] for slot in slots]
        self.scores = [self.scores[slot] for slot in slots]
        self.entered = [self.entered[slot] for slot in slots]
        there = torch.tensor(slots, dtype=torch.int64).to(self.targets.device, non_blocking=True)
        self.targets = self.targets.index_select(0, there)
        self.leaves = [leaf.index_select(0, there) for leaf in self.leaves]
