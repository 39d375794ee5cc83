"""Sharpness-aware minimisation: steps with the gradient at the worst weights nearby."""

from __future__ import annotations

import math
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.instancenorm import _InstanceNorm

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class SAM:
    r"""Sharpness-aware minimisation around any optimiser; it knows no loss.

    .. math::
        \epsilon = \rho \, \frac{\nabla L(w)}{\|\nabla L(w)\|_2}, \qquad
        w \leftarrow \mathrm{step}(w, \nabla L(w + \epsilon))

    The norm runs over all perturbed parameters together. Groups marked ``dual=True``, which an
    objective maximises, are stepped but neither perturbed nor counted in the norm.

    Either ``step(closure)``, or by hand, with whatever belongs between (clipping, scaling)::

        loss.backward()
        sam.perturb()
        sam.zero_grad()
        objective(model, prepared).backward()
        sam.restore()
        sam.step()

    Both passes take the same batch: ``prepared = objective.prepare(batch)`` once. The second one
    belongs under :func:`frozen_statistics`. Checkpoints hold the base optimiser's state alone;
    learning-rate schedules and the like take :attr:`base`.

    Args:
        base: The optimiser that steps.
        radius: :math:`\rho > 0`, the Euclidean distance to the perturbed weights.

    Reference:
        Foret et al., *Sharpness-Aware Minimization for Efficiently Improving Generalization*,
        ICLR 2021, eq. 2 and algorithm 1; loss-conditional training, eq. 5, uses it with ρ = .1.

    >>> weight = nn.Parameter(torch.tensor([1.0]))
    >>> sam = SAM(torch.optim.SGD([weight], lr=0.5), radius=0.1)
    >>> def closure():
    ...     sam.zero_grad()
    ...     loss = weight.square().sum()
    ...     loss.backward()
    ...     return loss
    >>> sam.step(closure)  # 1 - 0.5 * 2 * 1.1
    tensor(1., grad_fn=<SumBackward0>)
    >>> weight.data
    tensor([-0.1000])
    """

    def __init__(self, base: torch.optim.Optimizer, radius: float = 0.1) -> None:
        if not (radius > 0 and math.isfinite(radius)):
            raise ValueError(f"SAM needs a finite radius above 0, not {radius}.")
        self.base = base
        self.radius = radius
        self._kept: list[tuple[nn.Parameter, Tensor]] | None = None
        self._ready = False

    @property
    def param_groups(self) -> list[dict[str, Any]]:
        """Groups of the base optimiser."""
        return self.base.param_groups

    @property
    def state(self) -> Any:
        """State of the base optimiser."""
        return self.base.state

    @property
    def defaults(self) -> dict[str, Any]:
        """Defaults of the base optimiser."""
        return self.base.defaults

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget all gradients."""
        self.base.zero_grad(set_to_none=set_to_none)

    @torch.no_grad()
    def perturb(self) -> float:
        """Move to the worst weights nearby, along the gradient.

        Where the gradient is zero, or not finite, the weights stay.

        Returns:
            The gradient's norm, by which a caller can tell.

        Raises:
            RuntimeError: The weights are perturbed already.
        """
        if self._kept is not None:
            raise RuntimeError("SAM.perturb() was called twice; call restore() in between.")
        moved = [
            parameter
            for group in self.param_groups
            if not group.get("dual", False)
            for parameter in group["params"]
            if parameter.grad is not None
        ]
        norm = 0.0
        if moved:
            gradients = [parameter.grad for parameter in moved if parameter.grad is not None]
            norm = float(nn.utils.get_total_norm(gradients))
        self._kept, self._ready = [], True
        if 0 < norm < math.inf:
            self._kept = [(parameter, parameter.detach().clone()) for parameter in moved]
            for parameter in moved:
                assert parameter.grad is not None  # chosen so
                # Divided first: radius / norm may overflow where the gradient is tiny.
                parameter.add_(parameter.grad / norm, alpha=self.radius)
        return norm

    @torch.no_grad()
    def restore(self) -> None:
        """Put the weights back, bit for bit; nothing happens where they are not perturbed."""
        for parameter, kept in self._kept or ():
            parameter.copy_(kept)
        self._kept = None

    def step(self, closure: Callable[[], Tensor] | None = None) -> Tensor | None:
        """Step the base optimiser with the gradient at the perturbed weights.

        Args:
            closure: Clears gradients, computes the loss of one fixed batch, runs backward and
                returns the loss; called twice. None where ``perturb`` and ``restore`` were called.

        Returns:
            The loss at the unperturbed weights, or None.

        Raises:
            RuntimeError: There is no closure and the gradients are not those of a second pass.
        """
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
            self.perturb()
            try:
                with torch.enable_grad():
                    closure()
            finally:
                self.restore()
        if self._kept is not None or not self._ready:
            missing = "restore()" if self._kept is not None else "perturb() and a second backward"
            raise RuntimeError(
                f"SAM.step() without a closure needs {missing} before it: the step is taken from "
                "the old weights with the gradient at the perturbed ones."
            )
        self._ready = False
        self.base.step()
        return loss

    def state_dict(self) -> dict[str, Any]:
        """State of the base optimiser; between steps there is no other."""
        return self.base.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Load the base optimiser's state."""
        self.base.load_state_dict(state)


@contextmanager
def frozen_statistics(model: nn.Module) -> Iterator[None]:
    """Leave the running statistics of batch and instance normalisation alone in the body.

    Layers in training mode still normalise by the batch. For a second forward of one batch, so
    that statistics are updated once a step, by the weights that are kept.

    >>> layer = nn.BatchNorm1d(1)
    >>> with frozen_statistics(layer):
    ...     _ = layer(torch.tensor([[1.0], [3.0]]))
    >>> layer.running_mean, int(layer.num_batches_tracked)
    (tensor([0.]), 0)
    """
    batch = [m for m in model.modules() if isinstance(m, _BatchNorm)]
    batch = [module for module in batch if module.training and module.track_running_stats]
    instance = [m for m in model.modules() if isinstance(m, _InstanceNorm)]
    momenta = [module.momentum for module in instance]
    try:
        for layer in batch:
            layer.track_running_stats = False
        # Instance normalisation hands its statistics on whatever the flag says.
        for module in instance:
            module.momentum = 0.0
        yield
    finally:
        for layer in batch:
            layer.track_running_stats = True
        for module, momentum in zip(instance, momenta, strict=True):
            module.momentum = momentum
