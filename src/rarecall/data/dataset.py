"""Data sets that give every sample its index: (inputs, targets, index)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor
from torch.utils import _pytree as pytree
from torch.utils.data import ConcatDataset, Dataset, Subset, TensorDataset

from rarecall.objective import Batch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_TARGET_NAMES = ("targets", "labels")


class ArrayDataset(Dataset[Batch]):
    """Encoded samples that lie in memory.

    Args:
        inputs: A pytree of tensors with leading dimension ``n``.
        targets: 1 for the critical class, 0 otherwise, or class numbers, int64, shape ``(n,)``;
            in multi-label work floating, shape ``(n, L)``, NaN where a label is missing.
        ids: Sample identifiers, shape ``(n,)``.

    >>> data = ArrayDataset(torch.zeros(3, 2), torch.tensor([0, 1, 0]), np.array(["a", "b", "c"]))
    >>> data.gather(torch.tensor([1, 2])).targets
    tensor([1, 0])
    """

    def __init__(self, inputs: Any, targets: Tensor, ids: NDArray[np.str_] | Sequence[str]) -> None:
        leaves = pytree.tree_leaves(inputs)
        n = len(targets)
        labels = targets.ndim == 2 and targets.shape[1] > 1 and targets.dtype.is_floating_point
        if (
            not (targets.ndim == 1 or labels)
            or not leaves
            or len(ids) != n
            or any(len(x) != n for x in leaves)
        ):
            raise ValueError(
                "inputs, targets and ids must agree in their first dimension, targets having no "
                "other unless they are floating, one column a label; inputs have "
                f"{[tuple(x.shape) for x in leaves]}, targets "
                f"{tuple(targets.shape)}, ids {len(ids)}."
            )
        self.inputs = inputs
        self.targets = targets
        self.ids = np.asarray(ids, dtype=np.str_)

    def __len__(self) -> int:
        return len(self.targets)

    def __getitem__(self, position: int) -> Batch:
        if not -len(self) <= position < len(self):
            raise IndexError(f"There are {len(self)} samples; {position} is none of them.")
        position %= len(self)
        inputs = pytree.tree_map(lambda x: x[position], self.inputs)
        return Batch(inputs, self.targets[position], torch.tensor(position))

    def gather(self, rows: Tensor) -> Batch:
        """Take rows as one batch, index included.

        Args:
            rows: Positions, int64, shape ``(B,)``, on the device of the data.
        """
        inputs = pytree.tree_map(lambda x: x.index_select(0, rows), self.inputs)
        return Batch(inputs, self.targets.index_select(0, rows), rows)

    def to(self, device: torch.device | str) -> ArrayDataset:
        """Give the same samples with their tensors on ``device``."""
        inputs = pytree.tree_map(lambda x: x.to(device), self.inputs)
        return ArrayDataset(inputs, self.targets.to(device), self.ids)


class Indexed(Dataset[Batch]):
    """Adds to each sample its position, so that an objective can remember it.

    Positions count from 0 to ``len(dataset) - 1``, also for a ``Subset``: wrap what the loader
    runs over, and give its :attr:`targets` to ``bind``.

    Args:
        dataset: Yields ``(inputs, targets)``; a third part, if any, must be an old index.

    >>> plain = TensorDataset(torch.zeros(4, 2), torch.tensor([0, 1, 0, 1]))
    >>> indexed = Indexed(Subset(plain, [1, 3]))
    >>> [int(index) for _, _, index in indexed], indexed.targets
    ([0, 1], tensor([1, 1]))
    """

    def __init__(self, dataset: Dataset[Any]) -> None:
        if not hasattr(dataset, "__len__"):
            raise TypeError(
                "Indexed needs a data set with a length, since a position must mean the same "
                f"sample in every epoch; {type(dataset).__name__} has none."
            )
        self.dataset = dataset

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, position: int) -> Batch:
        if not -len(self) <= position < len(self):
            raise IndexError(f"There are {len(self)} samples; {position} is none of them.")
        position %= len(self)
        item = self.dataset[position]
        if not isinstance(item, (tuple, list)) or not (
            len(item) == 2 or (len(item) == 3 and isinstance(item, Batch))
        ):
            came = f"{len(item)} parts" if isinstance(item, (tuple, list)) else type(item).__name__
            raise TypeError(
                f"Indexed needs a data set that yields (inputs, targets), but "
                f"{type(self.dataset).__name__} yields {came}. "
                "Put several inputs into one tuple or dict."
            )
        return Batch(item[0], item[1], torch.tensor(position))

    @property
    def targets(self) -> Tensor:
        """Targets of all samples in order, int64, shape ``(n,)``.

        Raises:
            AttributeError: The wrapped data set does not say them without yielding its samples.
        """
        found = _targets_of(self.dataset)
        if found is None:
            raise AttributeError(
                f"{type(self.dataset).__name__} has no `targets`; collect them once, "
                "`torch.tensor([int(y) for _, y in dataset])`, and give that to bind."
            )
        return found


def _targets_of(dataset: Any) -> Tensor | None:
    if isinstance(dataset, Subset):
        whole = _targets_of(dataset.dataset)
        return None if whole is None else whole[torch.as_tensor(dataset.indices, dtype=torch.long)]
    if isinstance(dataset, ConcatDataset):
        parts = [_targets_of(part) for part in dataset.datasets]
        known = [part for part in parts if part is not None]
        return torch.cat(known) if len(known) == len(parts) else None
    if isinstance(dataset, TensorDataset):
        return _as_targets(dataset.tensors[1]) if len(dataset.tensors) == 2 else None
    for name in _TARGET_NAMES:
        found = getattr(dataset, name, None)
        if found is not None and not callable(found) and len(found) == len(dataset):
            return _as_targets(found)
    return None


def _as_targets(values: Any) -> Tensor:
    return torch.as_tensor(np.asarray(values) if not torch.is_tensor(values) else values).long()
