"""Batch normalisation over processes: what PyTorch's own layer gives on the joint batch."""

from __future__ import annotations

import copy
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from rarecall.training import devices_norm
from rarecall.training.devices_norm import JointNorms

LAYERS: list[tuple[Any, tuple[int, ...]]] = [
    (nn.BatchNorm1d(3), (9, 3)),
    (nn.BatchNorm1d(3, affine=False), (4, 3, 5)),
    (nn.BatchNorm2d(3, momentum=None), (4, 3, 2, 2)),
    (nn.BatchNorm2d(3, track_running_stats=False), (4, 3, 2, 2)),
    (nn.BatchNorm3d(2, eps=0.1, momentum=0.5), (3, 2, 2, 1, 2)),
]


def alike(count: int) -> SimpleNamespace:
    """What connects so many processes, all of which have this one's rows."""

    def gather(met: list[Tensor], sent: Tensor) -> None:
        for part in met:
            part.copy_(sent)

    return SimpleNamespace(
        get_world_size=lambda: count,
        all_gather=gather,
        all_reduce=lambda sums: sums.mul_(count),
    )


@pytest.mark.parametrize("count", [1, 2, 3])
@pytest.mark.parametrize(("layer", "shape"), LAYERS, ids=lambda part: str(part)[:40])
def test_outputs_gradients_and_statistics_are_those_of_the_plain_layer(
    layer: nn.Module, shape: tuple[int, ...], count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(devices_norm, "dist", alike(count))
    torch.manual_seed(0)
    plain = copy.deepcopy(layer).double()
    joint = copy.deepcopy(plain)
    own, norms = slice(shape[0]), JointNorms(joint)
    for _ in range(3):
        # Far from 0: differences of large sums would lose digits.
        rows, slopes = 1e4 + torch.randn(shape).double(), torch.randn(shape).double()
        whole = torch.cat([rows] * count).requires_grad_()
        expected = plain(whole)
        expected.mul(torch.cat([slopes] * count)).sum().backward()
        part = rows.clone().requires_grad_()
        with norms.joint():
            found = joint(part)
        found.mul(slopes).sum().backward()
        close = {"rtol": 1e-7, "atol": 1e-8}
        torch.testing.assert_close(found, expected[own], **close)
        torch.testing.assert_close(part.grad, whole.grad[own], **close)
    for mine, theirs in zip(joint.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(mine.grad, theirs.grad / count, **close)
    torch.testing.assert_close(dict(joint.named_buffers()), dict(plain.named_buffers()), **close)
    assert type(joint) is type(plain)
