"""What processes that train together send each other: plain bytes, and the rows of a set."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import torch
import torch.distributed as dist
from torch.utils import _pytree as pytree

from rarecall.data import ArrayDataset

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch._C._distributed_c10d import Store


def put(store: Store, key: str, value: bytes = b"") -> None:
    """Store a value; torch takes bytes, though its types name text only."""
    store.set(key, value)  # type: ignore[arg-type]


def packed(value: Any) -> bytes:
    """Turn what torch can pickle into bytes."""
    content = io.BytesIO()
    torch.save(value, content)
    return content.getvalue()


def unpacked(content: bytes) -> Any:
    """Turn back what :func:`packed` gave in another process, its tensors on the processor."""
    # From a process of the same command, never from a file.
    return torch.load(io.BytesIO(content), map_location="cpu", weights_only=False)


def send(content: bytes) -> None:
    """Give every process what the first one has; all take part."""
    dist.broadcast(torch.tensor(len(content)), 0)
    dist.broadcast(torch.frombuffer(bytearray(content), dtype=torch.uint8), 0)


def receive() -> bytes:
    """Take what the first process sends."""
    size = torch.tensor(0)
    dist.broadcast(size, 0)
    content = torch.empty(int(size), dtype=torch.uint8)
    dist.broadcast(content, 0)
    return content.numpy().tobytes()


def leaves_of(data: ArrayDataset) -> list[torch.Tensor]:
    """Give all tensors of a set, on the processor."""
    return [leaf.cpu().contiguous() for leaf in pytree.tree_leaves((data.inputs, data.targets))]


def outline_of(data: ArrayDataset) -> tuple[Any, Any]:
    """Give a set's form without its numbers."""
    shapes: Callable[[torch.Tensor], Any] = lambda leaf: Form(tuple(leaf.shape), leaf.dtype)  # noqa: E731
    found: tuple[Any, Any] = pytree.tree_map(shapes, (data.inputs, data.targets))
    return found


class Form:
    """Shape and dtype of a tensor that follows; no tuple, which would be taken for a container."""

    def __init__(self, shape: tuple[int, ...], dtype: torch.dtype) -> None:
        self.shape, self.dtype = shape, dtype


def filled(outline: tuple[Any, Any]) -> ArrayDataset:
    """Take a set whose form is known; its samples have no names."""

    def leaf_of(form: Form) -> torch.Tensor:
        leaf = torch.empty(form.shape, dtype=form.dtype)
        dist.broadcast(as_bytes(leaf), 0)
        return leaf

    inputs, targets = pytree.tree_map(leaf_of, outline)
    return ArrayDataset(inputs, targets, [""] * len(targets))


def as_bytes(leaf: torch.Tensor) -> torch.Tensor:
    """View a tensor's memory, since not every number's kind can be sent."""
    return leaf.reshape(-1).view(torch.uint8)
