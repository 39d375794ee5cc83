"""The base of the measures in torchmetrics' convention: what they keep, and over processes."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from rarecall.errors import MetricError

try:
    from torchmetrics import Metric
except ImportError as error:  # an optional extra
    raise ImportError(
        "rarecall.integrations.torchmetrics needs the package torchmetrics, which is not "
        'installed. Run: pip install "rarecall[torchmetrics]". The same measures without state are '
        "in rarecall.metrics."
    ) from error

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray


class ScoreMetric(Metric):
    """Base of the measures: keeps scores, targets and weights until they are measured.

    ``update(preds, target, weights=None)`` takes raw scores, higher is more critical, and targets
    of 0 and 1, each of shape ``(B,)``; the names are torchmetrics', so that a ``MetricCollection``
    can be called by keyword. ``compute()`` gives a float64 scalar.

    The states are float64, 16 bytes a sample, 24 with weights. A measure of a part of the data says
    nothing of the whole, so the samples of all processes are gathered: the value is the one that a
    single process gets on all of them, and a process without samples does no harm.

    ``forward`` gives the batch's own value, and NaN on a batch of one class, for a rare class is
    missing from most batches. ``compute`` over samples of one class is an error.

    A subclass names its ``measure`` and hands its arguments to ``__init__``, which tries them, so
    that a wrong one is told before the first epoch and not after it.
    """

    is_differentiable = False
    higher_is_better = True
    full_state_update = False
    plot_lower_bound = 0.0
    plot_upper_bound = 1.0

    measure: ClassVar[Callable[..., Any]]
    takes_weights: ClassVar[bool] = True

    scores: list[Tensor] | Tensor
    targets: list[Tensor] | Tensor
    weights: list[Tensor] | Tensor

    def __init__(self, options: dict[str, Any] | None = None, **arguments: Any) -> None:
        super().__init__(**(options or {}))
        self.arguments = arguments
        with contextlib.suppress(MetricError):  # two samples may be too few for good arguments
            type(self).measure([0.0, 1.0], [0, 1], **arguments)
        # A process that saw no sample contributes an empty tensor of this type.
        self.set_dtype(torch.float64)
        for name in ("scores", "targets", "weights"):
            self.add_state(name, default=[], dist_reduce_fx="cat")
        self._one_batch = False

    def update(self, preds: Tensor, target: Tensor, weights: Tensor | None = None) -> None:
        """Take in a batch.

        Args:
            preds: Raw scores of the critical class, shape ``(B,)``.
            target: 1 for the critical class, 0 otherwise, shape ``(B,)``.
            weights: What every row counts for, shape ``(B,)``; in every batch or in none.

        Raises:
            MetricError: Another shape, or weights for a measure that counts rows.
        """
        given = {"preds": preds, "target": target}
        if weights is not None:
            if not self.takes_weights:
                raise MetricError(
                    f"{type(self).__name__} counts rows, and weighted rows cannot be counted. "
                    "Leave the weights out."
                )
            given["weights"] = weights
        for name, values in given.items():
            if values.ndim != 1 or values.shape != preds.shape:
                raise MetricError(
                    f"{name} must have shape (B,), one number a sample, the same for all; preds "
                    f"came with {tuple(preds.shape)}, {name} with {tuple(values.shape)}. Give the "
                    "critical class's score alone, and no dimension of one: logits.squeeze(1)."
                )
        for state, values in zip(("scores", "targets", "weights"), given.values(), strict=False):
            kept = values.detach().to(_exact(values.device), copy=True)
            getattr(self, state).append(kept)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Take in a batch and give its own value; NaN where it holds one class only."""
        self._one_batch = True
        try:
            return super().forward(*args, **kwargs)
        finally:
            self._one_batch = False

    def compute(self) -> Tensor:
        """Measure all samples since the last reset, of all processes.

        Raises:
            MetricError: Scores that are not finite, one class missing, or weights that came in some
                of the batches only.
        """
        scores, targets = _joined(self.scores), _joined(self.targets)
        weights = _joined(self.weights)
        if weights.size not in {0, scores.size}:
            raise MetricError(
                f"Weights came with {weights.size} of {scores.size} samples. Give them in every "
                "update or in none."
            )
        value: float = np.nan
        if not self._one_batch or 0 < targets.sum() < targets.size:
            value = self._measured(scores, targets, weights)
        return torch.tensor(value, dtype=_exact(self.device), device=self.device)

    def _measured(
        self,
        scores: NDArray[np.float64],
        targets: NDArray[np.float64],
        weights: NDArray[np.float64],
    ) -> float:
        given = {"weights": weights} if weights.size else {}
        value = type(self).measure(scores, targets, **self.arguments, **given)
        # The best threshold comes with its value first.
        return float(value[0] if isinstance(value, tuple) else value)


def _exact(device: torch.device) -> torch.dtype:
    return torch.float32 if device.type == "mps" else torch.float64  # which has no float64


def _joined(state: list[Tensor] | Tensor) -> NDArray[Any]:
    parts = [state] if isinstance(state, Tensor) else state
    if not parts:
        return np.empty(0)
    joined: NDArray[Any] = torch.cat(parts).cpu().numpy()
    return joined
