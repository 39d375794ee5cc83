"""From image files in a published layout to a trained network, at the smallest size."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from rarecall.data import ArrayDataset
from rarecall.data.collections.catalogue import find_source
from rarecall.data.collections.file_collection import FileCollection
from rarecall.errors import ConfigurationError
from rarecall.methods import parse
from rarecall.metrics.several import task_measure
from rarecall.models import build_network
from rarecall.task import BINARY, Task
from rarecall.training import Fitted, TrainSettings, train

SIDE = 16


def samples(found: FileCollection, cache: Path) -> ArrayDataset:
    pool = found.to_pool(SIDE, cache=cache, threads=1)
    images = torch.from_numpy(pool.images.transpose(0, 3, 1, 2).copy())
    targets = torch.from_numpy(pool.labels)
    return ArrayDataset(images, targets.float() if targets.ndim == 2 else targets, found.names)


def fit(method: str, parts: list[ArrayDataset], task: Task, **changes: Any) -> Fitted:
    goal = parse(method).build().for_task(task)
    spec = {
        "kind": "images",
        "channels": int(parts[0].inputs.shape[1]),
        "size": [SIDE, SIDE],
        "mean": [0.5] * int(parts[0].inputs.shape[1]),
        "std": [0.25] * int(parts[0].inputs.shape[1]),
    }
    network = build_network(spec, outputs=goal.outputs, seed=0, options={"widths": [4, 8]})
    settings = TrainSettings(
        **{
            "steps": 10,
            "evaluate_every": 5,
            "batch_size": 32,
            "learning_rate": 1e-2,
            "threads": 1,
        }
        | changes
    )
    measure = task_measure(parts[1].targets.numpy(), task, 0.9)
    return train(network, goal, *parts, settings=settings, measure=measure, seed=0, task=task)


def test_five_diseases_are_learnt_at_once_in_the_layout_of_chexpert(tmp_path: Path) -> None:
    find_source("chexpert").tiny(tmp_path / "chexpert")
    found = find_source("chexpert").read(tmp_path / "chexpert")
    parts = [samples(found.part(part), tmp_path / "cache") for part in ("train", "test")]
    fitted = [
        fit("bce", parts, Task.multilabel(5), augment="chexpert", steps=60, evaluate_every=20)
        for _ in range(2)
    ]
    losses = [record.train_loss for record in fitted[0].history]
    assert losses[-1] < losses[0]
    assert np.isfinite(losses).all()
    assert losses == [record.train_loss for record in fitted[1].history]


@pytest.mark.parametrize("augment", ["melanoma", "imagenet", "rotate:15+coarse-dropout"])
def test_skin_lesions_are_learnt_under_every_kind_of_change(tmp_path: Path, augment: str) -> None:
    find_source("siim-isic-2020").tiny(tmp_path / "siim-isic-2020")
    found = find_source("siim-isic-2020").read(tmp_path / "siim-isic-2020")
    parts = [samples(half, tmp_path / "cache") for half in (found.take(range(120)), found)]
    fitted = fit("bce+alm", parts, BINARY, augment=augment)
    assert np.isfinite([record.train_loss for record in fitted.history]).all()


def test_a_change_that_there_is_not_is_told_with_the_settings() -> None:
    with pytest.raises(ConfigurationError, match="Did you mean 'melanoma'"):
        TrainSettings(steps=1, evaluate_every=1, batch_size=1, augment="melanomas")
