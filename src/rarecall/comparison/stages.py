"""One stage of a training: a network, or the members of an ensemble, on the comparison's parts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from rarecall.comparison.ensembles import member_seeds, redrawn
from rarecall.comparison.watching import watched
from rarecall.roles import Role
from rarecall.training import fit_members, train
from rarecall.training.devices_start import count_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from torch import nn

    from rarecall.comparison.material import Material
    from rarecall.config import CompareConfig
    from rarecall.data import ArrayDataset
    from rarecall.objective import Objective
    from rarecall.training import EpochRecord, Fitted, Technique, TrainSettings


@dataclass(frozen=True, eq=False)
class Stage:
    """All that one training needs beside the data.

    Attributes:
        networks: One, or the members of an ensemble; not adapted to their objectives yet.
        objectives: One a network.
        seeds: One a network.
        settings: The budget.
        technique: What the options of the method's name ask for.
        folder: Where checkpoints go.
    """

    networks: list[nn.Module]
    objectives: list[Objective]
    seeds: list[int]
    settings: TrainSettings
    technique: Technique
    folder: Path


def adapted(network: nn.Module, objective: Objective, seed: int) -> nn.Module:
    """Adapt a network; layers that this adds are initialised by the seed alone."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        return objective.adapt(network)


def train_stage(
    stage: Stage,
    material: Material,
    config: CompareConfig,
    on_epoch: Callable[[EpochRecord], None],
    should_stop: Callable[[], bool],
) -> list[Fitted]:
    """Adapt the stage's networks to their objectives and train them.

    Returns:
        One a network, in order.

    Raises:
        Interrupted: ``should_stop`` was true.
        ConfigurationError: The training cannot be done, or diverged at once.
        RunError: The folder holds a checkpoint of another training.
        StorageError: A checkpoint could not be written.
    """
    stage.folder.mkdir(parents=True, exist_ok=True)
    networks = [
        adapted(*parts) for parts in zip(stage.networks, stage.objectives, stage.seeds, strict=True)
    ]
    train_set, held = material.encoded[Role.TRAIN], watched(material, stage.settings)
    shared: dict[str, Any] = {
        "settings": stage.settings,
        "measure": material.measure,
        "technique": stage.technique,
        "folder": stage.folder,
        "task": material.task,
        "on_epoch": on_epoch,
        "should_stop": should_stop,
        "devices": count_of(config.devices),
    }
    if len(networks) == 1:
        objective, seed = stage.objectives[0], stage.seeds[0]
        return [train(networks[0], objective, train_set, held, seed=seed, **shared)]
    sets: tuple[Any, Any] = (train_set, held)
    if config.redraw:
        sets = _redrawn(material, config.seed, len(networks))
    return fit_members(networks, stage.objectives, *sets, seeds=stage.seeds, **shared)


def _redrawn(
    material: Material, seed: int, count: int
) -> tuple[list[ArrayDataset], list[ArrayDataset]]:
    """Draw for every member its own rows; the same for every seed and method."""
    train_set, held = material.encoded[Role.TRAIN], material.encoded[Role.VALIDATION]
    pairs = [
        redrawn(
            train_set,
            material.parts[Role.TRAIN].groups,
            material.task,
            share=len(held) / (len(train_set) + len(held)),
            seed=member_seed,
        )
        for member_seed in member_seeds(seed, count)
    ]
    return [kept for kept, _ in pairs], [out for _, out in pairs]
