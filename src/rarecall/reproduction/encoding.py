"""The samples of a manifest as tensors, with what a network needs to know of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from rarecall.data import ArrayDataset
from rarecall.errors import ConfigurationError
from rarecall.task import BINARY, Task

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from rarecall.data.imbalance import Manifest
    from rarecall.reproduction.pools import Pools

CHANNELS = {
    # As the papers normalise; of all training images.
    "cifar10": ((0.4914, 0.4822, 0.4465), (0.2023, 0.1994, 0.2010)),
}
_ROWS_FOR_CHANNELS = 5000


@dataclass(frozen=True, eq=False)
class Ground:
    """What one network is trained, chosen and measured on.

    Attributes:
        train: To train on.
        validation: To choose by.
        test: To measure on.
        task: The kind of problem.
        spec: What a network needs to know of the inputs.
        manifest: Which samples these are.
        made_up: Whether numbers mean nothing.
        facts: What is known of the patients, a table a part; None where nothing is.
        classes: Names of the classes or labels.
    """

    train: ArrayDataset
    validation: ArrayDataset
    test: ArrayDataset
    task: Task
    spec: dict[str, Any]
    manifest: Manifest
    made_up: bool
    facts: dict[str, pd.DataFrame] | None = None
    classes: tuple[str, ...] = ()

    def sizes(self) -> dict[str, int]:
        """Count the samples of each part."""
        parts = {"train": self.train, "validation": self.validation, "test": self.test}
        return {name: len(part) for name, part in parts.items()}

    def counts(self) -> dict[str, list[int]]:
        """Count the samples of every class in each part; in multi-label work positives by label."""
        return {
            "train": _counted(self.train.targets, self.task),
            "validation": _counted(self.validation.targets, self.task),
            "test": _counted(self.test.targets, self.task),
        }


def make_ground(told: Mapping[str, Any], pools: Pools, manifest: Manifest) -> Ground:
    """Encode the three parts of a manifest.

    Args:
        told: The setting.
        pools: The data that the manifest was drawn from.
        manifest: Positions.

    Raises:
        ConfigurationError: The task does not fit the labels.
    """
    task = _task(told, pools, manifest)
    for part in ("train", "validation", "test"):
        if not len(getattr(manifest, part)):
            raise ConfigurationError(
                f"The {part} part of this setting is empty, but networks are trained, chosen and "
                "measured on one each. Ask for it in the setting's imbalance."
            )
    own_pool = manifest.test_pool == "test"
    test_inputs, test_labels = (
        (pools.test, pools.test_labels) if own_pool else (pools.train, pools.labels)
    )

    train = dataset(pools.train, pools.labels, manifest.train, manifest, task)
    if len(manifest.flipped):
        train.targets = torch.from_numpy(manifest.train_targets(pools.labels))
    return Ground(
        train,
        dataset(pools.train, pools.labels, manifest.validation, manifest, task),
        dataset(test_inputs, test_labels, manifest.test, manifest, task),
        task,
        _spec(pools.name, train),
        manifest,
        pools.made_up,
        _facts(pools, manifest),
        pools.classes,
    )


def _facts(pools: Pools, manifest: Manifest) -> dict[str, pd.DataFrame] | None:
    of_test = pools.test_facts if manifest.test_pool == "test" else pools.facts
    if pools.facts is None or of_test is None:
        return None
    return {
        "train": pools.facts.iloc[manifest.train],
        "validation": pools.facts.iloc[manifest.validation],
        "test": of_test.iloc[manifest.test],
    }


def dataset(
    inputs: Any,
    labels: Any,
    positions: NDArray[np.int64],
    manifest: Manifest,
    task: Task,
) -> ArrayDataset:
    """Encode the samples at some positions of a pool.

    Args:
        inputs: Of the pool, by name.
        labels: Of the pool.
        positions: In the pool.
        manifest: Says which labels are critical.
        task: The kind of problem.
    """
    targets = torch.from_numpy(_targets(labels, positions, manifest, task))
    return ArrayDataset(_tensors(inputs, positions), targets, np.char.mod("%d", positions))


def _task(told: Mapping[str, Any], pools: Pools, manifest: Manifest) -> Task:
    kind = told.get("task", "binary")
    if kind == "binary":
        return BINARY
    if kind == "multilabel":
        if pools.labels.ndim != 2:
            raise ConfigurationError(f"{pools.name} has one label a sample, not several.")
        return Task.multilabel(pools.labels.shape[1])
    return Task("multiclass", len(pools.classes), tuple(manifest.critical))


def _targets(
    labels: NDArray[Any], positions: NDArray[np.int64], manifest: Manifest, task: Task
) -> NDArray[Any]:
    if task.kind == "binary":
        return manifest.targets(labels, positions)
    chosen = labels[positions]
    if task.kind == "multilabel":
        return np.ascontiguousarray(chosen, dtype=np.float32)
    return np.ascontiguousarray(chosen, dtype=np.int64)


def _tensors(inputs: Mapping[str, Any], positions: NDArray[np.int64]) -> Any:
    made = {}
    for part, array in inputs.items():
        rows = array[positions]
        if part == "image":
            rows = rows.transpose(0, 3, 1, 2)
        elif rows.dtype == np.float16:
            rows = rows.astype(np.float32)
        made[part] = torch.from_numpy(np.ascontiguousarray(rows))
    return made["image"] if set(made) == {"image"} else made


def _spec(name: str, train: ArrayDataset) -> dict[str, Any]:
    if isinstance(train.inputs, dict):
        volumes = train.inputs
        size = list(next(iter(volumes.values())).shape[2:])
        channels = {part: int(tensor.shape[1]) for part, tensor in volumes.items()}
        return {"kind": "volumes", "channels": channels, "size": size}
    images = train.inputs
    if name in CHANNELS:
        mean, std = CHANNELS[name]
    else:
        some = images[:_ROWS_FOR_CHANNELS].double() / 255
        mean = tuple(some.mean(dim=(0, 2, 3)).tolist())
        std = tuple(max(x, 1 / 255) for x in some.std(dim=(0, 2, 3)).tolist())
    return {
        "kind": "images",
        "channels": int(images.shape[1]),
        "size": [int(images.shape[2]), int(images.shape[3])],
        "mean": list(mean),
        "std": list(std),
    }


def _counted(targets: torch.Tensor, task: Task) -> list[int]:
    if task.kind == "multilabel":
        return [int(count) for count in (targets == 1).sum(dim=0)]
    return [int(count) for count in torch.bincount(targets, minlength=task.classes)]
