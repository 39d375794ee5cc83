"""Averaged weights: what is evaluated and kept once averaging has begun."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase
from torch.optim.swa_utils import get_ema_multi_avg_fn, get_swa_multi_avg_fn

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from rarecall.training.technique import Averaging


class Average:
    """A running average of a network's parameters.

    Statistics of normalisation layers are no weights: they are estimated anew for the average,
    since those of any single network do not fit it.

    Args:
        network: Its parameters are averaged; it keeps training with its own.
        averaging: Kind of average.

    Reference:
        Izmailov et al., *Averaging Weights Leads to Wider Optima and Better Generalization*,
        UAI 2018, algorithm 1.

    >>> from rarecall.training.technique import Averaging
    >>> network = nn.Linear(1, 1, bias=False)
    >>> average = Average(network, Averaging())
    >>> for weight in (1.0, 3.0):
    ...     _ = nn.init.constant_(network.weight, weight)
    ...     average.update()
    >>> with average.applied():
    ...     print(network.weight.item())
    2.0
    >>> network.weight.item()
    3.0
    """

    def __init__(self, network: nn.Module, averaging: Averaging) -> None:
        self.network = network
        self.averaging = averaging
        self.count = 0
        self._parameters = [p for p in network.parameters() if p.requires_grad]
        self._values: list[Tensor] = []
        self._blend: Any = (
            get_swa_multi_avg_fn()  # type: ignore[no-untyped-call]
            if averaging.kind == "swa"
            else get_ema_multi_avg_fn(averaging.decay)  # type: ignore[no-untyped-call]
        )

    def follow(self, step: int, steps: int) -> None:
        """Take in the weights after ``step`` of ``steps`` steps, once averaging has begun."""
        if step > self.averaging.first(steps):
            self.update()

    @torch.no_grad()
    def update(self) -> None:
        """Take in the network's present weights."""
        current = [parameter.detach() for parameter in self._parameters]
        if self.count == 0:
            self._values = [value.clone() for value in current]
        else:
            self._blend(self._values, current, self.count)
        self.count += 1

    @contextmanager
    def applied(self, batches: Iterable[tuple[Any, ...]] = ()) -> Iterator[None]:
        """Let the network have the average in the body, if there is one yet.

        Args:
            batches: What the network is called with, a tuple a batch, to estimate the statistics
                of its normalisation layers by; read only where it has such layers.
        """
        if not self.count:
            yield
            return
        tensors = [*self._parameters, *self.network.buffers()]
        before = [tensor.detach().clone() for tensor in tensors]
        try:
            with torch.no_grad():
                for parameter, value in zip(self._parameters, self._values, strict=True):
                    parameter.copy_(value)
            estimate_statistics(self.network, batches)
            yield
        finally:
            with torch.no_grad():
                for tensor, kept in zip(tensors, before, strict=True):
                    tensor.copy_(kept)

    def state_dict(self) -> dict[str, Any]:
        """Give the average, ready for a checkpoint."""
        return {"count": self.count, "values": list(self._values)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on with a stored average."""
        self.count = int(state["count"])
        self._values = [
            value.to(parameter.device)
            for value, parameter in zip(state["values"], self._parameters, strict=False)
        ]


@torch.no_grad()
def estimate_statistics(network: nn.Module, batches: Iterable[tuple[Any, ...]]) -> None:
    """Set the running statistics of normalisation layers to those of these batches.

    Only these layers are in training mode meanwhile, so that nothing is dropped out.

    Args:
        network: Left in the modes that it was in.
        batches: What it is called with, a tuple a batch; read only where it has such layers.

    >>> network = nn.Sequential(nn.BatchNorm1d(1), nn.Dropout(0.9))
    >>> estimate_statistics(network, [(torch.tensor([[1.0], [3.0]]),)])
    >>> network[0].running_mean
    tensor([2.])
    """
    layers = [
        module
        for module in network.modules()
        if isinstance(module, _NormBase) and module.track_running_stats
    ]
    if not layers:
        return
    modes = [(module, module.training) for module in network.modules()]
    momenta = [layer.momentum for layer in layers]
    try:
        network.eval()
        for layer in layers:
            layer.train()
        for number, arguments in enumerate(batches, start=1):
            for layer in layers:
                layer.momentum = 1 / number  # the plain mean over the batches
            network(*arguments)
    finally:
        for layer, momentum in zip(layers, momenta, strict=True):
            layer.momentum = momentum
        for module, training in modes:
            module.training = training
