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
        found: Tensor
        found, mean, variance, count = _Normalized.apply(rows, self.weight, self.bias, self.eps)  # type: ignore[no-untyped-call]
        if self.track_running_stats:
            self._follow(mean, variance * (count / (count - 1)))
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


class _Normalized(torch.autograd.Function):
    """Rows less their mean, over their deviation, in one exchange each way.

    Every process sends mean and squared deviations of its own rows; what they are around the joint
    mean follows (Chan, Golub and LeVeque), without differences of large sums.
    """

    @staticmethod
    def forward(
        ctx: Any, rows: Tensor, weight: Tensor | None, bias: Tensor | None, eps: float
    ) -> tuple[Tensor, ...]:
        axes, along = _axes(rows)
        own = rows.mean(axes)
        spread = (rows - own.view(along)).square().sum(axes)
        size = own.new_full((1,), rows.numel() // rows.shape[1])
        sent = torch.cat([own, spread, size])
        met = [torch.empty_like(sent) for _ in range(dist.get_world_size())]
        dist.all_gather(met, sent)
        every, channels = torch.stack(met), len(own)
        means, spreads, sizes = every[:, :channels], every[:, channels:-1], every[:, -1:]
        count = sizes.sum()
        mean = (sizes * means).sum(0) / count
        variance = (spreads + sizes * (means - mean).square()).sum(0) / count
        scale = (variance + eps).rsqrt()
        normal = (rows - mean.view(along)).mul_(scale.view(along))
        ctx.save_for_backward(normal, scale, weight, count)
        ctx.mark_non_differentiable(mean, variance, count)
        found = normal.clone() if weight is None else normal * weight.view(along)
        if bias is not None:
            found += bias.view(along)
        return found, mean, variance, count

    @staticmethod
    def backward(ctx: Any, grad: Tensor, *_: Any) -> tuple[Tensor | None, ...]:
        normal, scale, weight, count = ctx.saved_tensors
        axes, along = _axes(normal)
        of_bias, of_weight = grad.sum(axes), (grad * normal).sum(axes)
        sums = torch.cat([of_bias, of_weight])
        dist.all_reduce(sums)
        level, slope = (sums / count).chunk(2)
        scale = scale if weight is None else scale * weight
        found = (grad - level.view(along) - normal * slope.view(along)) * scale.view(along)
        own = (None, None) if weight is None else (of_weight, of_bias)
        return found, *own, None


def _axes(rows: Tensor) -> tuple[list[int], tuple[int, ...]]:
    """Axes that are averaged over, and the shape of a number a channel beside them."""
    return [0, *range(2, rows.ndim)], (1, -1) + (1,) * (rows.ndim - 2)
