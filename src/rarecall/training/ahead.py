"""Rows gathered by one thread while a step runs, where reading them takes time.

Rows that lie in memory on the device of the training are gathered in no time; a thread would only
cost. Elsewhere (a file that is mapped into memory, the host's memory beside a graphics processor,
a data set that gathers in its own way) the next step's rows are read while this one computes.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import torch
from torch import Tensor
from torch.utils import _pytree as pytree

from rarecall.data.dataset import ArrayDataset
from rarecall.objective import Batch
from rarecall.training.engine import fits_on

_MAPPINGS = Path("/proc/self/maps")
_NO_DISK = ("/dev/", "/memfd:", "/SYSV")


class Ahead:
    """Gathers rows in a thread of its own, those of the next step before they are needed.

    All gathering of a training happens in that thread, one batch after the other; members that are
    trained side by side have one each. It holds one batch at most, begins with the first one and
    ends with :meth:`close`.

    Args:
        gather: Gives the batch of some rows; draws nothing.

    >>> data = ArrayDataset(torch.arange(8.0)[:, None], torch.zeros(8).long(), ["row"] * 8)
    >>> ahead = Ahead(data.gather)
    >>> ahead.ask(torch.tensor([5, 1]))
    >>> ahead.take(torch.tensor([5, 1])).inputs.tolist()
    [[5.0], [1.0]]
    >>> ahead.close()
    """

    def __init__(self, gather: Callable[[Tensor], Batch]) -> None:
        self._gather = gather
        self._pool: ThreadPoolExecutor | None = None
        self._asked: tuple[Tensor, Future[Batch]] | None = None

    def ask(self, rows: Tensor) -> None:
        """Begin to gather rows, positions on the host; rows asked for before are forgotten."""
        self._forget()
        self._asked = rows, self._begin(rows)

    def take(self, rows: Tensor) -> Batch:
        """Give the batch of rows, whether they were asked for or not.

        Raises:
            Exception: What gathering them raised, with its traceback.
        """
        if self._asked is not None and torch.equal(self._asked[0], rows):
            coming = self._asked[1]
            self._asked = None
        else:
            coming = self._begin(rows)
        return coming.result()

    def close(self) -> None:
        """End the thread, once a batch that it is at is gathered; another one may begin later."""
        self._forget()
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
            self._pool = None

    def _begin(self, rows: Tensor) -> Future[Batch]:
        if self._pool is None:
            self._pool = ThreadPoolExecutor(1, thread_name_prefix="rarecall-rows")
        return self._pool.submit(self._gather, rows)

    def _forget(self) -> None:
        if self._asked is not None:
            self._asked[1].cancel()
            self._asked = None


def gathers_itself(data: ArrayDataset) -> bool:
    """Whether a data set takes its rows in a way of its own.

    >>> gathers_itself(ArrayDataset(torch.zeros(2, 1), torch.tensor([0, 1]), ["a", "b"]))
    False
    """
    return type(data).gather is not ArrayDataset.gather


def placed(data: ArrayDataset, device: torch.device) -> ArrayDataset:
    """Move a data set to the device where it fits there; one that gathers itself stays.

    >>> data = ArrayDataset(torch.zeros(2, 1), torch.tensor([0, 1]), ["a", "b"])
    >>> placed(data, torch.device("cpu")).inputs is data.inputs
    True
    """
    if gathers_itself(data) or not fits_on(device, data.inputs):
        return data
    return data.to(device)


def takes_time(data: ArrayDataset, device: torch.device) -> bool:
    """Whether gathering rows for a device takes longer than a copy within its memory.

    Args:
        data: The training set, as it is gathered from.
        device: Where batches are to lie.

    >>> data = ArrayDataset(torch.zeros(2, 1), torch.tensor([0, 1]), ["a", "b"])
    >>> takes_time(data, torch.device("cpu"))
    False
    """
    leaves: list[Tensor] = pytree.tree_leaves(data.inputs)
    return (
        gathers_itself(data)
        or any(leaf.device.type != device.type for leaf in leaves)
        or any(in_file(leaf) for leaf in leaves)
    )


def in_file(tensor: Tensor) -> bool:
    """Whether a tensor's memory is that of a file, as behind ``np.load(path, mmap_mode="c")``.

    Linux tells; elsewhere the answer is False.

    >>> in_file(torch.zeros(3))
    False
    """
    if tensor.device.type != "cpu" or not tensor.numel():
        return False
    place = tensor.data_ptr()
    try:
        with _MAPPINGS.open(encoding="utf-8", errors="replace") as mappings:
            for line in mappings:
                span, _, _, _, _, *path = line.split(maxsplit=5)
                low, high = span.split("-")
                if int(low, 16) <= place < int(high, 16):
                    found = "".join(path)
                    return found.startswith("/") and not found.startswith(_NO_DISK)
    except OSError:
        pass
    return False
