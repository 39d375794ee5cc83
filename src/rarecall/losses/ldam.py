"""Label-distribution-aware margin (LDAM) loss, with and without deferred re-weighting."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import torch

from rarecall._checks import in_range
from rarecall._leaves import columns
from rarecall.functional import class_balanced_weights, ldam, ldam_margins
from rarecall.losses._imbalance import CountingLoss, equal
from rarecall.losses._tasks import class_numbers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor, nn

    from rarecall.task import Population


class LDAMLoss(CountingLoss):
    r"""Cross-entropy of scaled cosines, with larger margins for rarer classes (LDAM).

    .. math::
        \ell_i = -\log \frac{e^{s (z_y - m_y)}}{e^{s (z_y - m_y)} + \sum_{c \ne y} e^{s z_c}},
        \qquad m_c \propto n_c^{-1/4}, \quad \max_c m_c = m

    The logits :math:`z` are cosines: ``objective.adapt(model)`` gives the network the
    :class:`rarecall.models.CosineHead` that makes them, two in binary work. The margins are of
    the training set's counts, whatever a sampler makes of the batches.

    Args:
        max_margin: :math:`m \ge 0`, the margin of the rarest class.
        scale: :math:`s > 0`.
        score_by: What ranks the samples. ``"difference"``: the critical class's cosine less the
            other one's, in multi-class work its log-odds at the scale. ``"cosine"``: the critical
            class's cosine alone, which the probability does not follow.
        counts: Samples of every class; learnt by ``bind`` where None.

    Reference:
        Cao et al., *Learning Imbalanced Datasets with Label-Distribution-Aware Margin Loss*,
        NeurIPS 2019, eq. 11 and 13.

    >>> loss = LDAMLoss(counts=(160, 10))
    >>> loss(torch.tensor([[0.0, 0.5], [0.25, 0.0]]), torch.tensor([1, 0]))
    tensor([0.6931, 0.6931])
    """

    tasks = ("binary", "multiclass")
    outputs = 2
    margins: Tensor
    _exact = ("shown", "margins")

    def __init__(
        self,
        max_margin: float = 0.5,
        scale: float = 30.0,
        score_by: Literal["difference", "cosine"] = "difference",
        counts: Sequence[float] | None = None,
    ) -> None:
        super().__init__(counts)
        in_range(self, 0.0, max_margin=max_margin)
        if not scale > 0:
            raise ValueError(f"{type(self).__name__} needs scale > 0, not {scale}.")
        if score_by not in ("difference", "cosine"):
            raise ValueError(
                f"{type(self).__name__} needs score_by to be 'difference' or 'cosine', "
                f"not {score_by!r}."
            )
        self.max_margin = max_margin
        self.scale = scale
        self.score_by = score_by
        self.register_buffer("margins", torch.zeros_like(self.shown), persistent=False)
        if self._fixed:
            self.margins = ldam_margins(self.shown, max_margin=max_margin)

    def bind(self, training: Population) -> None:
        """Learn the margins from the training set's counts, unless they were given."""
        super().bind(training)
        counts = self.shown if self._fixed else training.counts
        self.margins = ldam_margins(counts, max_margin=self.max_margin)

    def class_weights(self) -> Tensor | None:
        """Weights of the classes at this point of the training; None for 1 everywhere."""
        return None

    def forward(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Loss of every sample; cosines ``(B, 2)`` or ``(B, C)``, targets and result ``(B,)``."""
        self.counts()  # raises where nothing is known of the classes
        return ldam(
            logits,
            class_numbers(logits, targets, self.task),
            margins=self.margins,
            scale=self.scale,
            class_weights=self.class_weights(),
        )

    def score(self, logits: Tensor) -> Tensor:
        """Scores that rank the samples, ``(B,)``, or ``(B, K)``; see ``score_by``."""
        if self.score_by == "difference":
            return super().score(logits)
        if self.task.kind == "binary":
            return logits[:, 1]
        return columns(logits, self.task.critical)

    def probability(self, logits: Tensor) -> Tensor:
        """Probability of each critical class, the softmax of the scaled cosines."""
        if self.task.kind == "binary":
            return torch.sigmoid(self.scale * (logits[:, 1] - logits[:, 0]))
        return torch.sigmoid(columns(self.class_scores(logits), self.task.critical))

    def class_scores(self, logits: Tensor) -> Tensor:
        """Log-odds of all classes at the loss's scale, ``(B, C)``."""
        return super().class_scores(self.scale * logits)

    def class_probabilities(self, logits: Tensor) -> Tensor:
        """Probabilities of all classes, ``(B, C)``."""
        return super().class_probabilities(self.scale * logits)

    def adapt(self, model: nn.Module, head: str | None) -> nn.Module:
        """Put a cosine head in the place of the last layer; of both networks of a fusion."""
        from rarecall.models.cosine import with_cosine_head
        from rarecall.models.fusion import MetadataFusion

        if isinstance(model, MetadataFusion):
            return model.adapt_each(lambda part: self.adapt(part, None))
        return with_cosine_head(model, head, self.outputs)

    def extra_repr(self) -> str:
        """Show the parameters."""
        return f"max_margin={self.max_margin}, scale={self.scale}, score_by={self.score_by!r}"


class DeferredLDAMLoss(LDAMLoss):
    r"""LDAM whose classes are weighted only in the last part of the training (LDAM-DRW).

    After a share of the planned steps every class weighs by its effective number of samples,
    :math:`w_c \propto (1 - \beta) / (1 - \beta^{n_c})`, the weights averaging to 1.

    Args:
        max_margin: :math:`m \ge 0`, the margin of the rarest class.
        scale: :math:`s > 0`.
        score_by: What ranks the samples, as in :class:`LDAMLoss`.
        deferred: Share of the planned steps without weights, in [0, 1].
        beta: :math:`\beta`, in [0, 1).
        counts: Samples of every class; learnt by ``bind`` where None.

    Reference:
        Cao et al., NeurIPS 2019, algorithm 1, with the weights of their code.

    >>> from rarecall import Objective
    >>> loss = DeferredLDAMLoss(deferred=0.5)
    >>> objective = Objective(loss).bind(torch.tensor([1, 0, 0, 0]), steps=2)
    >>> loss.class_weights()
    tensor([1., 1.], dtype=torch.float64)
    >>> loss.after_step()
    >>> loss.class_weights()
    tensor([0.5000, 1.5000], dtype=torch.float64)
    """

    taken: Tensor

    def __init__(
        self,
        max_margin: float = 0.5,
        scale: float = 30.0,
        score_by: Literal["difference", "cosine"] = "difference",
        *,
        deferred: float = 0.8,
        beta: float = 0.9999,
        counts: Sequence[float] | None = None,
    ) -> None:
        super().__init__(max_margin, scale, score_by, counts)
        in_range(self, 0.0, 1.0, deferred=deferred)
        if not 0 <= beta < 1:
            raise ValueError(f"{type(self).__name__} needs beta in [0, 1), not {beta}.")
        self.deferred = deferred
        self.beta = beta
        self._start: int | None = None
        self.register_buffer("taken", torch.zeros((), dtype=torch.int64))

    def bind(self, training: Population) -> None:
        """Learn margins, weights, and the step at which the weights begin.

        Raises:
            ValueError: The number of planned steps is not known.
        """
        super().bind(training)
        if training.steps is None:
            raise ValueError(
                f"{type(self).__name__} weighs the classes after {self.deferred:.0%} of the "
                "training, but the number of steps is unknown. Give it, "
                "bind(train_targets, steps=epochs * len(loader))."
            )
        self._start = round(self.deferred * training.steps)
        self.taken.zero_()

    def after_step(self) -> None:
        """Count the optimiser steps."""
        self.taken.add_(1)

    def class_weights(self) -> Tensor:
        """Weights of the classes at this point of the training, ``(C,)``.

        Raises:
            RuntimeError: It is not bound to a training set.
        """
        weights = class_balanced_weights(self.counts(), beta=self.beta)
        if self._start is None:
            raise RuntimeError(
                f"{type(self).__name__} does not know how long the training is. Let an objective "
                "tell it, `Objective(loss).bind(train_targets, steps=...)`."
            )
        return torch.where(self.taken >= self._start, weights, 1.0)

    def monitor(self) -> dict[str, float]:
        """Whether the classes are weighted by now: 0 or 1."""
        return {"reweighted": float(self._start is not None and int(self.taken) >= self._start)}

    def remarks(self) -> list[str]:
        """Say so where the weights changed nothing, or the training ended before them."""
        if self._start is None:
            return []
        taken = int(self.taken)
        if equal(class_balanced_weights(self.counts(), beta=self.beta)):
            return [
                "The deferred re-weighting did nothing: the batches show all classes equally "
                "often, so all weigh the same."
            ]
        if 0 < taken <= self._start:
            return [
                f"The deferred re-weighting never began: it was due after step {self._start}, and "
                f"the training ended at step {taken}."
            ]
        return []

    def extra_repr(self) -> str:
        """Show the parameters."""
        return f"{super().extra_repr()}, deferred={self.deferred}, beta={self.beta}"
