"""Networks of several trainings as one: stacked weights, one optimiser, one forward a step."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.func import functional_call, vmap
from torch.utils import _pytree as pytree

from rarecall.training.engine import reseed
from rarecall.training.joint_optimizer import joint_optimizer, own_state, part_state
from rarecall.training.optimizer import schedule_factor
from rarecall.training.stepping import Taken

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rarecall.objective import Prepared
    from rarecall.training.run import Run

_SEED = 700_001
"""Sets the draws of stacked networks apart from those of their members' batches."""


class Stack:
    """Trainings that step together; each keeps its objective, its rows and its bookkeeping.

    Parameters and buffers lie along a new leading axis, and the members' own networks are views
    of them: what a training reads, evaluates or averages of its network is up to date at any
    time. Optimisers work element by element, so one serves all; the gradient is clipped a member.
    The members' own optimisers hold nothing meanwhile, see :meth:`publish`.

    Args:
        runs: Two or more at the same step, none of which has left a step out; see
            :func:`rarecall.training.stackable.can_stack`.
    """

    def __init__(self, runs: Sequence[Run]) -> None:
        self.runs: list[Run] = []
        self.settings, self.technique = runs[0].settings, runs[0].technique
        self.fabric, self.device = runs[0].fabric, runs[0].device
        self._join(runs)

    def step(self) -> None:
        """Take one step of every member.

        A member whose gradient is not finite leaves before the optimiser steps, and goes on by
        itself: the optimiser's count of steps is everyone's.
        """
        runs = self.runs
        step = runs[0].progress.step
        factor = schedule_factor(self.settings, step, self.technique)
        for optimizer in (self.optimizer, *(run.stepper.optimizer for run in runs)):
            for group in optimizer.param_groups:
                group["lr"] = group["initial_lr"] * factor
        prepared = [run.prepare() for run in runs]
        reseed(runs[0].seed + _SEED, step, self.device)
        logits = self._forward(prepared)
        losses = torch.stack(
            [run.objective.evaluate(z, p) for run, z, p in zip(runs, logits, prepared, strict=True)]
        )
        self.optimizer.zero_grad(set_to_none=True)
        losses.sum().backward()  # type: ignore[no-untyped-call]
        finite = self._clip()
        if not all(finite):
            self._leave([run for run, good in zip(runs, finite, strict=True) if good])
        self.optimizer.step()
        for run, loss, p, good in zip(runs, losses.tolist(), prepared, finite, strict=True):
            run.account(Taken(loss, len(p.targets), good))

    def publish(self) -> None:
        """Let the members' own optimisers know their part of the optimiser's state."""
        for number, run in enumerate(self.runs):
            part_state(self.optimizer, self.parameters, run, number)

    def dissolve(self) -> None:
        """Give every member tensors of its own, so that it goes on as if it had been alone."""
        self.publish()
        for run in self.runs:
            tensors: list[Tensor] = [*run.network.parameters(), *run.network.buffers()]
            for tensor in tensors:
                tensor.data = tensor.detach().clone()
            own_state(run)
        self.runs = []

    # Internals --------------------------------------------------------------------------------

    def _join(self, runs: Sequence[Run]) -> None:
        self.runs = list(runs)
        self.parameters = _joined([dict(run.network.named_parameters()) for run in runs])
        self.buffers = _joined([dict(run.network.named_buffers()) for run in runs])
        for name, parameter in runs[0].network.named_parameters():
            self.parameters[name].requires_grad_(parameter.requires_grad)
        network = runs[0].network

        def call(parameters: Any, buffers: Any, arguments: Any) -> Any:
            return functional_call(network, (parameters, buffers), arguments)

        self._together = vmap(call, randomness="different")
        self.optimizer = joint_optimizer(self.runs, self.parameters)

    def _leave(self, staying: Sequence[Run]) -> None:
        """Go on with these members, whose gradients stay in place."""
        places = [number for number, run in enumerate(self.runs) if run in staying]
        gradients = {name: p.grad for name, p in self.parameters.items() if p.grad is not None}
        leaving = [run for run in self.runs if run not in staying]
        self.dissolve()
        for run in leaving:
            for parameter in run.objective.parameters():
                parameter.grad = None
        if not staying:
            self.optimizer.zero_grad(set_to_none=True)
            return
        self._join(staying)
        for name, gradient in gradients.items():
            self.parameters[name].grad = gradient[places]

    def _forward(self, prepared: Sequence[Prepared]) -> list[Tensor]:
        """Forward every member's batch; members with as many rows as each other at once.

        No row is filled in for another: it would enter the statistics of a normalisation.
        """
        alike: dict[int, list[int]] = {}
        for number, one in enumerate(prepared):
            alike.setdefault(len(one.targets), []).append(number)
        logits: list[Tensor] = [prepared[0].targets] * len(prepared)
        for numbers in alike.values():
            some = self._forward_alike(numbers, [prepared[number].arguments for number in numbers])
            for number, found in zip(numbers, some, strict=True):
                logits[number] = found
        return logits

    def _forward_alike(self, numbers: list[int], arguments: list[tuple[Any, ...]]) -> Any:
        joined = pytree.tree_map(lambda *parts: torch.stack(parts), *arguments)
        parameters, buffers = self.parameters, self.buffers
        partial = len(numbers) < len(self.runs)
        if partial:
            places = torch.tensor(numbers, device=self.device)
            parameters = {name: p.index_select(0, places) for name, p in parameters.items()}
            buffers = {name: b.index_select(0, places) for name, b in buffers.items()}
        with self.fabric.autocast():
            logits = self._together(parameters, buffers, joined)
        if partial:
            for name, changed in buffers.items():
                self.buffers[name].index_copy_(0, places, changed)
        return logits.unbind()

    def _clip(self) -> list[bool]:
        """Clip every member's gradient; tell which are finite."""
        gradients = [p.grad for p in self.parameters.values() if p.grad is not None]
        members = len(self.runs)
        norms = torch.stack(
            [torch.linalg.vector_norm(g.reshape(members, -1), dim=1) for g in gradients]
        )
        totals = torch.linalg.vector_norm(norms, dim=0)
        found = totals.tolist()
        clip = self.settings.clip
        if clip is not None and not all(total + 1e-6 <= clip for total in found):
            # As torch.nn.utils.clip_grad_norm_ does it for one network.
            factors = (clip / (totals + 1e-6)).clamp(max=1.0)
            for gradient in gradients:
                gradient.mul_(factors.reshape(-1, *[1] * (gradient.ndim - 1)))
        return [math.isfinite(total) for total in found]


def _joined(parts: list[dict[str, Tensor]]) -> dict[str, Tensor]:
    """Stack tensors by name, and make each of them a view of its place."""
    found = {}
    for name in parts[0]:
        found[name] = torch.stack([part[name].detach() for part in parts])
        for part, place in zip(parts, found[name].unbind(), strict=True):
            part[name].data = place
    return found
