"""Scores that depend on their own row alone, to the last bit.

A matrix product is cut into tiles by its number of rows, and where in a tile a row lies can decide
in which order its sums are rounded. Three things keep that from showing: rows go through the
network in portions of one fixed size, the last one padded; all layers but convolutions compute in
float64; and the score is rounded to float32, far above what is left of the noise. A score that lies
so near to the middle of two float32 numbers that the noise could still decide is computed once
more, alone. Another number of threads, another machine or an exported copy comes to the same score
for the same reasons.
"""

from __future__ import annotations

import copy
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import torch
from torch.utils import _pytree as pytree

from rarecall._reading import count_rows, evaluating, reader
from rarecall.models import TableMLP
from rarecall.models.cosine import CosineHead
from rarecall.models.head import Head

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray
    from torch import Tensor, nn

    from rarecall.objective import Objective

_Values = TypeVar("_Values", "NDArray[np.float64]", "Tensor")

_TABLE_ROWS = 256
_MOST_IMAGES = 32
_PIXELS = 2**18
"""About as many pixels as are forwarded at once."""
_NOISE = 1e-11
"""Share of a score; float64 sums in another order differ by about 1e-15 of it."""


def portion_rows(spec: Mapping[str, Any]) -> int:
    """Say how many rows a model of such inputs forwards at once.

    Args:
        spec: What the preprocessor says of its samples.

    >>> portion_rows({"kind": "table"}), portion_rows({"kind": "images", "size": [64, 64]})
    (256, 32)
    >>> portion_rows({"kind": "images", "size": [512, 512]})
    1
    """
    if spec["kind"] == "table":
        return _TABLE_ROWS
    height, width = spec["images"]["size"] if "images" in spec else spec["size"]
    fitting = max(1, min(_MOST_IMAGES, _PIXELS // (height * width)))
    return int(1 << (fitting.bit_length() - 1))


def scoring_network(network: nn.Module, spec: Mapping[str, Any]) -> nn.Module:
    """Copy a network as it scores when delivered: in evaluation mode, in float64, fixed.

    Convolutions, which take several times as long in float64, stay as they are: they see one image
    at a time.

    Args:
        network: Trained; left as it is.
        spec: What the preprocessor says of its samples.

    >>> scoring_network(torch.nn.Linear(2, 1), {"kind": "table"}).weight.dtype
    torch.float64
    """
    ready = copy.deepcopy(network).eval().requires_grad_(False)
    if spec["kind"] == "table":
        return ready.double()
    for part in list(ready.modules()):
        if isinstance(part, Head | CosineHead | TableMLP):
            part.double()
    return ready


def steady_scores(
    network: nn.Module, objective: Objective, inputs: Any, *, portion: int
) -> NDArray[np.float64]:
    """Score rows in evaluation mode, each as if it were the only one.

    Args:
        network: Of :func:`scoring_network`; stays on its device. One that takes λ uses the λ that
            it stores. Numbers that enter it take its precision.
        objective: Says how logits are read as a score.
        inputs: A tensor or any pytree of tensors, leading dimension ``n``.
        portion: Rows forwarded at once, see :func:`portion_rows`.

    Returns:
        Raw scores, float64 that hold float32 numbers, shape ``(n,)`` in binary work, else
        ``(n, C)``. The same bits whatever other rows there are.

    >>> from rarecall.losses import BCELoss
    >>> from rarecall.objective import Objective
    >>> rows = torch.tensor([[0.5], [2.0], [1.0]])
    >>> steady_scores(torch.nn.Flatten(0), Objective(BCELoss()), rows, portion=2)
    array([0.5, 2. , 1. ])
    """
    tensor = next(network.parameters(), None)
    device = torch.device("cpu") if tensor is None else tensor.device
    kind = torch.float32 if tensor is None else tensor.dtype
    rows = count_rows(inputs)
    read, shape = reader(objective, rows)

    def entering(leaf: Tensor, places: Tensor) -> Tensor:
        # In a new tensor: by the strides of the one that it came from a convolution may choose
        # another algorithm.
        shape = (len(places), *leaf.shape[1:])
        own = kind if leaf.is_floating_point() else leaf.dtype
        return torch.empty(shape, dtype=own, device=device).copy_(leaf[places.to(leaf.device)])

    def raw(places: Tensor) -> NDArray[np.float64]:
        part = pytree.tree_map(lambda leaf: entering(leaf, places), inputs)
        # On the processor: not every device has float64.
        found: NDArray[np.float64] = read(network(part).cpu().double()).numpy()
        return found

    scores = np.empty(shape, dtype=np.float64)
    with evaluating(network, objective), _exact(device):
        for start in range(0, rows, portion):
            stop = min(start + portion, rows)
            places = torch.arange(start, start + portion).clamp_(max=stop - 1)
            scores[start:stop] = raw(places)[: stop - start]
        for row in _undecided(scores):
            scores[row] = raw(torch.full((portion,), int(row)))[0]
    return scores.astype(np.float32).astype(np.float64)


def average(scores: Sequence[_Values]) -> _Values:
    """Average scores, added one after the other: the same bits for a row alone or among others.

    >>> average([np.array([1.0]), np.array([2.0])])
    array([1.5])
    """
    total = scores[0]
    for one in scores[1:]:
        total = total + one
    return total / len(scores)


def as_one(scores: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
    """Average the scores of members that count as one, rounded as a single network's are.

    So the mean over several of them comes out the same however it is taken.
    """
    return average(scores).astype(np.float32).astype(np.float64)


def _undecided(scores: NDArray[np.float64]) -> NDArray[np.int64]:
    """Find rows so near to the middle of two float32 numbers that noise decides the rounding."""
    noise = _NOISE * np.maximum(np.abs(scores), 1e-3)
    either = (scores - noise).astype(np.float32) != (scores + noise).astype(np.float32)
    return np.flatnonzero(either.any(axis=tuple(range(1, either.ndim))))


@contextmanager
def _exact(device: torch.device) -> Iterator[None]:
    """Keep a graphics processor from rounding what it multiplies to 10 bits."""
    if device.type != "cuda":
        yield
        return
    before = torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32
    try:
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
        yield
    finally:
        torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32 = before
