"""An evaluation that the processes share: each scores its part of the validation rows.

Rows are cut where one process ends a block of rows that it forwards at once, and every process
scores with the first one's weights, so that on devices alike the scores are those of one process to
the bit.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.distributed as dist

from rarecall.training.devices_words import as_bytes
from rarecall.training.scoring import predict_scores

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray
    from torch import Tensor, nn

    from rarecall.objective import Objective
    from rarecall.training.devices_sets import Share


def joint_scores(share: Share, network: nn.Module, objective: Objective) -> NDArray[np.float64]:
    """Score all rows with the first process's weights; every process takes part.

    Args:
        share: This process's rows.
        network: On its device; it is left as it was.
        objective: Says how logits are read.

    Returns:
        What :func:`~rarecall.training.predict_scores` gives, in the first process of all rows, in
        the others of their own.
    """
    with _first_ones_weights(share.rank, network):
        own = predict_scores(network, objective, share.inputs)
    if share.rank:
        if len(own):
            dist.send(torch.from_numpy(own), 0)
        return own
    found = [own]
    for rank, size in enumerate(share.sizes):
        if rank and size:
            scores = torch.empty((size, *own.shape[1:]), dtype=torch.float64)
            dist.recv(scores, rank)
            found.append(scores.numpy())
    return np.concatenate(found)


@contextmanager
def _first_ones_weights(rank: int, network: nn.Module) -> Iterator[None]:
    """Let the network have the first process's parameters and buffers in the body.

    They are equal while it trains, but for the average of weights and its statistics, which only
    the first one has, and for what unlike processors round.
    """
    tensors = [tensor.detach() for tensor in (*network.parameters(), *network.buffers())]
    if not rank:
        if tensors:
            dist.broadcast(torch.cat([as_bytes(tensor) for tensor in tensors]), 0)
        yield
        return
    before = [tensor.clone() for tensor in tensors]
    try:
        if tensors:
            _receive(tensors)
        yield
    finally:
        for tensor, kept in zip(tensors, before, strict=True):
            tensor.copy_(kept)


def _receive(tensors: Sequence[Tensor]) -> None:
    """Fill tensors with what the first process sends, all at once."""
    sizes = [tensor.numel() * tensor.element_size() for tensor in tensors]
    content = torch.empty(sum(sizes), dtype=torch.uint8, device=tensors[0].device)
    dist.broadcast(content, 0)
    for tensor, part in zip(tensors, torch.split(content, sizes), strict=True):
        # A copy, since numbers must begin where the memory lets them.
        tensor.copy_(part.clone().view(tensor.dtype).view(tensor.shape))
