"""Losses that depend on how common the classes are."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import torch
from torch import Tensor

from rarecall.objective import BaseLoss

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Self

    from rarecall.task import Population

SAME = 0.01
"""Class weights that differ by less than this share are called equal."""


class CountingLoss(BaseLoss):
    """A loss that needs to know how common the classes are, given or learnt by ``bind``.

    Args:
        given: Samples of every class; None to learn them.
    """

    shown: Tensor
    _exact: ClassVar[tuple[str, ...]] = ("shown",)
    _ask = "`counts=(990, 10)` (samples of every class)"

    def __init__(self, given: Sequence[float] | None) -> None:
        super().__init__()
        known = torch.tensor(() if given is None else tuple(given), dtype=torch.float64)
        if not bool((known > 0).all()) or not bool(torch.isfinite(known).all()):
            raise ValueError(
                f"{type(self).__name__} needs a count above 0 for every class, not {given}."
            )
        self._fixed = given is not None
        self.register_buffer("shown", known, persistent=False)

    def bind(self, training: Population) -> None:
        """Learn how often the batches show each class, unless it was given.

        Raises:
            ValueError: What was given does not fit the task.
        """
        if not self._fixed:
            self.shown = training.counts
            if training.stream is not None and training.task.kind != "multilabel":
                self.shown = training.stream * len(training.targets)
        elif self.shown.shape != training.counts.shape:
            task = training.task
            raise ValueError(
                f"{type(self).__name__} was given how common {len(self.shown)} classes are, but "
                f"the {task.kind} task has {task.classes} classes or labels. Leave it out: bind "
                "learns it from the training targets."
            )

    @property
    def _bound(self) -> bool:
        return self.shown.numel() > 0

    def counts(self) -> Tensor:
        """Give how common the classes are in the batches, ``(C,)``; ``(L, 2)`` for labels.

        Raises:
            RuntimeError: They were neither given nor learnt.
        """
        if not self._bound:
            raise RuntimeError(
                f"{type(self).__name__} needs the training set's class ratio. Give it, "
                f"{self._ask}, or let an objective learn it, "
                "`Objective(loss).bind(train_targets)`."
            )
        return self.shown

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        # Counts follow the device but no dtype cast: weights are made of them in each precision.
        kept = {name: self._buffers.pop(name) for name in self._exact}
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        for name, buffer in kept.items():
            assert buffer is not None
            device = fn(torch.empty(0, dtype=torch.float32, device=buffer.device)).device
            dtype = torch.float32 if device.type == "mps" else torch.float64
            self._buffers[name] = buffer.to(device=device, dtype=dtype)
        return self


class ImbalanceLoss(CountingLoss):
    """A loss that needs :math:`n_0 / n_1`, given or learnt by ``bind``.

    Args:
        imbalance: Other samples for each critical one, > 0; None to learn it.
    """

    _ask = "`imbalance=99.0` (other samples for each critical one)"

    def __init__(self, imbalance: float | None) -> None:
        if imbalance is not None and not imbalance > 0:
            raise ValueError(f"{type(self).__name__} needs imbalance > 0, not {imbalance}.")
        super().__init__(None if imbalance is None else (imbalance, 1.0))
        self._given = imbalance
        self._learnt: float | None = None

    def bind(self, training: Population) -> None:
        """Learn the class ratio that the batches show, unless it was given."""
        super().bind(training)
        # A plain number besides: reading one off a tensor in every step would make a device wait.
        self._learnt = float(self.ratio()) if training.task.kind == "binary" else None

    def ratio(self) -> Tensor:
        """Give the other samples for each critical one, ``()``; ``(L,)`` in multi-label work.

        Raises:
            RuntimeError: It was neither given nor learnt.
        """
        counts = self.counts()
        return counts[..., 0] / counts[..., 1]

    @property
    def imbalance(self) -> float:
        """Other samples for each critical one, in binary work.

        Raises:
            RuntimeError: It was neither given nor learnt.
        """
        known = self._learnt if self._given is None else self._given
        return float(self.ratio()) if known is None else known

    def _known(self) -> str:
        """Show how common the classes are, for the representation."""
        if self.task.kind == "multiclass":
            return f"counts={self.shown.tolist() if self._bound else None}"
        return f"imbalance={self.ratio().tolist() if self._bound else None}"


def equal(weights: Tensor) -> bool:
    """Whether weights agree within a hundredth along the last dimension, everywhere."""
    highest, lowest = weights.amax(dim=-1), weights.amin(dim=-1)
    return bool((highest <= (1 + SAME) * lowest).all())
