"""Batch normalisation over the rows of all processes, as one process on the joint batch has it."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

if TYPE_CHECKING:
    from collections.abc import Iterator


class JointNorms:
    """The batch normalisation layers of a network, switched to the joint batch and back.

    On a graphics processor they become ``SyncBatchNorm``, which the processor does not have; there
    the same is computed here. Running statistics are the same in every process.

    Args:
        network: On its device; its layers change their class while switched.
    """

    def __init__(self, network: nn.Module) -> None:
        self._layers = [
            (layer, type(layer))
            for layer in network.modules()
            if isinstance(layer, _BatchNorm) and not isinstance(layer, nn.SyncBatchNorm)
        ]

    @contextmanager
    def joint(self) -> Iterator[None]:
        """Let them see all processes' rows in the body."""
        try:
            for layer, _ in self._layers:
                on_graphics = layer.weight is not None and layer.weight.is_cuda
                if on_graphics:
                    layer.process_group = dist.group.WORLD  # type: ignore[assignment]
                layer.__class__ = nn.SyncBatchNorm if on_graphics else _Joint
            yield
        finally:
            self._back()

    @contextmanager
    def own(self) -> Iterator[None]:
        """Let them be as they were in the body, where one process forwards by itself."""
        switched = [type(layer) for layer, _ in self._layers]
        self._back()
        try:
            yield
        finally:
            for (layer, _), kind in zip(self._layers, switched, strict=True):
                layer.__class__ = kind

    def _back(self) -> None:
        for layer, kind in self._layers:
            layer.__class__ = kind


class _Joint(_BatchNorm):
    """Mean and variance over the rows of all processes."""

    def _check_input_dim(self, input: Tensor) -> None:  # noqa: A002  (torch's name)
        """Take any; the layer's own class has been given the same shapes."""

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002  (torch's name)
        if not self.training:
            return super().forward(input)
        rows = input.float() if input.dtype in (torch.float16, torch.bfloat16) else input
        axes = [0, *range(2, rows.ndim)]
        along = (1, -1) + (1,) * (rows.ndim - 2)
        own = rows.numel() // rows.shape[1]
        count = _total(torch.full((), own, dtype=rows.dtype, device=rows.device))
        mean = _total(rows.sum(axes)) / count
        centred = rows - mean.view(along)
        variance = _total(centred.square().sum(axes)) / count
        if self.track_running_stats:
            self._follow(mean.detach(), variance.detach() * (count / (count - 1)))
        found = centred * (variance + self.eps).rsqrt().view(along)
        if self.affine:
            found = found * self.weight.view(along) + self.bias.view(along)
        return found.to(input.dtype)

    @torch.no_grad()
    def _follow(self, mean: Tensor, variance: Tensor) -> None:
        if self.num_batches_tracked is not None:
            self.num_batches_tracked.add_(1)
        if self.running_mean is None or self.running_var is None:
            return
        share = self.momentum
        if share is None:
            share = 1 / float(self.num_batches_tracked or 1)
        self.running_mean.lerp_(mean.to(self.running_mean), share)
        self.running_var.lerp_(variance.to(self.running_var), share)


def _total(own: Tensor) -> Tensor:
    total: Tensor = _Sum.apply(own)  # type: ignore[no-untyped-call]
    return total


class _Sum(torch.autograd.Function):
    """Sum over processes; its backward is the sum over processes too."""

    @staticmethod
    def forward(ctx: Any, own: Tensor) -> Tensor:
        total = own.clone()
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        total = gradients[0].clone(memory_format=torch.contiguous_format)
        dist.all_reduce(total)
        return total
