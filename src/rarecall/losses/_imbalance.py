"""Losses that depend on how rare the critical class is in the training set."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rarecall.objective import BaseLoss

if TYPE_CHECKING:
    from torch import Tensor


class ImbalanceLoss(BaseLoss):
    """A loss that needs :math:`n_0 / n_1`, given or learnt by ``bind``.

    Args:
        imbalance: Other samples for each critical one, > 0; None to learn it.
    """

    def __init__(self, imbalance: float | None) -> None:
        super().__init__()
        if imbalance is not None and not imbalance > 0:
            raise ValueError(f"{type(self).__name__} needs imbalance > 0, not {imbalance}.")
        self._given = imbalance
        self._learnt: float | None = None

    def bind(self, train_targets: Tensor) -> None:
        """Learn the class ratio, unless it was given."""
        critical = int((train_targets == 1).sum())
        self._learnt = (train_targets.numel() - critical) / critical

    @property
    def imbalance(self) -> float:
        """Other samples for each critical one.

        Raises:
            RuntimeError: It was neither given nor learnt.
        """
        known = self._learnt if self._given is None else self._given
        if known is None:
            raise RuntimeError(
                f"{type(self).__name__} needs the training set's class ratio. Give it, "
                "`imbalance=99.0` (other samples for each critical one), or call "
                "`bind(train_targets)` first."
            )
        return known
