"""Proximal epoch stochastic gradient descent: steps that are held near the last stage's average."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, overload

import torch
from torch import Tensor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


class PESG(torch.optim.Optimizer):
    r"""Proximal epoch stochastic gradient descent (PESG); it knows no loss.

    .. math::
        v \leftarrow v - \eta\,\big(\nabla_v F + \gamma (v - v_\mathrm{ref}) + \lambda v\big),
        \qquad \alpha \leftarrow \alpha + \eta\, \nabla_\alpha F

    :math:`v_\mathrm{ref}` is where the parameters are at their first step, so pre-trained weights
    are the first reference; :meth:`new_stage` replaces it by the average of the iterates since.
    Groups marked ``dual=True``, which an objective maximises, take the plain step on the right:
    their gradient is reversed already, and the objective's ``step()`` projects them.

    It minimises whatever its gradients belong to: the min-max AUC losses, for which it was made,
    or any other objective. It adds two copies of the parameters to the memory, a third with
    momentum.

    Args:
        params: Parameters or groups of them, as for every optimiser.
        lr: :math:`\eta > 0`; the paper begins with 0.1.
        proximal: :math:`\gamma \ge 0`, pull towards the reference; the paper tunes it over 1/100,
            1/300, 1/500, 1/700 and 1/1000.
        weight_decay: :math:`\lambda \ge 0`.
        momentum: In [0, 1), as in :class:`torch.optim.SGD`: :math:`u \leftarrow \mu u + g,\ v
            \leftarrow v - \eta u`, with everything in the brackets as :math:`g`.

    Raises:
        ValueError: A hyper-parameter is out of its range.

    Reference:
        Yuan, Yan, Sonka and Yang, *Large-scale Robust Deep AUC Maximization*, ICCV 2021,
        algorithm 1.

    >>> weight = torch.nn.Parameter(torch.tensor([1.0]))
    >>> optimizer = PESG([weight], lr=0.5, proximal=0.5, weight_decay=0.0)
    >>> for _ in range(2):
    ...     weight.grad = torch.tensor([1.0])
    ...     optimizer.step()
    >>> weight.data  # 1 - 0.5 = 0.5, then 0.5 - 0.5 (1 + 0.5 (0.5 - 1))
    tensor([0.1250])
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float,
        proximal: float = 1 / 500,
        weight_decay: float = 1e-4,
        momentum: float = 0.0,
    ) -> None:
        defaults = {
            "lr": lr,
            "proximal": proximal,
            "weight_decay": weight_decay,
            "momentum": momentum,
            "dual": False,
        }
        super().__init__(params, defaults)

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add parameters with options of their own; checks the options.

        Raises:
            ValueError: A hyper-parameter is out of its range.
        """
        given = self.defaults | param_group
        if not 0 < given["lr"] < math.inf:
            raise ValueError(f"PESG needs a finite learning rate above 0, not {given['lr']}.")
        for name in ("proximal", "weight_decay"):
            if not 0 <= given[name] < math.inf:
                raise ValueError(f"PESG needs a finite {name} of 0 or more, not {given[name]}.")
        if not 0 <= given["momentum"] < 1:
            raise ValueError(f"PESG needs a momentum in [0, 1), not {given['momentum']}.")
        super().add_param_group(param_group)

    @overload
    def step(self, closure: None = None) -> None: ...

    @overload
    def step(self, closure: Callable[[], float]) -> float: ...

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:
        """Take one step.

        Args:
            closure: Clears gradients, computes the loss, runs backward and returns the loss; None
                where the gradients are there.

        Returns:
            What the closure returned, or None.
        """
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            parameters = [p for p in group["params"] if p.grad is not None]
            if not parameters:
                continue
            slopes = [p.grad for p in parameters]
            if group["dual"]:
                torch._foreach_add_(parameters, slopes, alpha=-group["lr"])
            else:
                self._descend(group, parameters, slopes)
        return loss

    def _descend(
        self, group: dict[str, Any], parameters: list[Tensor], slopes: list[Tensor]
    ) -> None:
        states = [self._state_of(p, momentum=group["momentum"] > 0) for p in parameters]
        references = [state["reference"] for state in states]
        moves = list(torch._foreach_sub(parameters, references))
        torch._foreach_mul_(moves, group["proximal"])
        torch._foreach_add_(moves, slopes)
        torch._foreach_add_(moves, parameters, alpha=group["weight_decay"])
        if group["momentum"] > 0:
            speeds = [state["momentum_buffer"] for state in states]
            torch._foreach_mul_(speeds, group["momentum"])
            torch._foreach_add_(speeds, moves)
            moves = speeds
        torch._foreach_add_(parameters, moves, alpha=-group["lr"])
        for state in states:
            state["step"] += 1
        averages = [state["average"] for state in states]
        gaps = torch._foreach_sub(parameters, averages)
        torch._foreach_mul_(gaps, [1 / float(state["step"]) for state in states])
        torch._foreach_add_(averages, gaps)

    def _state_of(self, parameter: Tensor, *, momentum: bool) -> dict[str, Tensor]:
        state: dict[str, Tensor] = self.state[parameter]
        if not state:
            state["reference"] = parameter.clone(memory_format=torch.preserve_format)
            state["average"] = torch.zeros_like(parameter, memory_format=torch.preserve_format)
            # The one name whose tensor keeps its dtype when a state is loaded.
            state["step"] = torch.zeros((), dtype=torch.float32)
        if momentum and "momentum_buffer" not in state:
            state["momentum_buffer"] = torch.zeros_like(
                parameter, memory_format=torch.preserve_format
            )
        return state

    @torch.no_grad()
    def new_stage(self, decay: float = 1.0) -> None:
        """Begin a stage: the average of the iterates since the last one is the new reference.

        The parameters themselves stay where they are, and so does the momentum. Parameters that
        were not stepped since keep their reference.

        Args:
            decay: What every group's learning rate is divided by, >= 1; leave it 1 where a
                schedule sets the rate.

        Raises:
            ValueError: The decay is below 1.
        """
        if not 1 <= decay < math.inf:
            raise ValueError(f"new_stage needs a finite decay of 1 or more, not {decay}.")
        for group in self.param_groups:
            group["lr"] /= decay
            for parameter in group["params"]:
                # Looked up so: reading a state that is not there would make an empty one.
                state = self.state.get(parameter)
                if state and state["step"] > 0:
                    state["reference"].copy_(state["average"])
                    state["average"].zero_()
                    state["step"].zero_()
