"""One unit to train, and one stage of its training."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from rarecall.comparison.stages import adapted
from rarecall.errors import ConfigurationError
from rarecall.reproduction.measures import selection
from rarecall.reproduction.plan import method_parameters
from rarecall.reproduction.schedules import stage_shares
from rarecall.training import train

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from torch import nn

    from rarecall.methods import Method
    from rarecall.objective import Objective
    from rarecall.reproduction.encoding import Ground
    from rarecall.reproduction.units import Unit
    from rarecall.training import EpochRecord, Fitted, Technique, TrainSettings

    Told = Callable[[EpochRecord], None]
    Asked = Callable[[], bool]

MILESTONES = "pesg.milestones"


@dataclass(frozen=True, eq=False)
class Job:
    """A unit to train, and all that belongs to training it.

    Attributes:
        unit: Which one.
        ground: Its data.
        folder: Where its checkpoints lie, and whence it goes on.
        on_epoch: Told of every evaluation.
        should_stop: Asked before every step.
    """

    unit: Unit
    ground: Ground
    folder: Path
    on_epoch: Told = field(default=lambda record: None)
    should_stop: Asked = field(default=lambda: False)


def own_parameters(
    method: Method, parameters: Mapping[str, Any], told: Mapping[str, Any]
) -> dict[str, Any]:
    """Keep what belongs to the method, and turn its milestones into shares of the steps.

    >>> from rarecall.methods import parse
    >>> told = {"epochs": 35}
    >>> given = {"pesg.milestones": {"epochs": [7, 14]}, "learning_rate": 0.1}
    >>> own_parameters(parse("bce+pesg"), given, told)
    {'pesg.milestones': [0.2, 0.4]}
    """
    own = method_parameters(method.name, parameters)
    if MILESTONES in own:
        own[MILESTONES] = stage_shares(own[MILESTONES], told)
    return own


def fit(
    network: nn.Module,
    objective: Objective,
    settings: TrainSettings,
    technique: Technique,
    job: Job,
    *,
    seed: int | None = None,
    adapt: bool = True,
) -> Fitted:
    """Train one stage."""
    job.folder.mkdir(parents=True, exist_ok=True)
    return train(
        adapted(network, objective, job.unit.seed) if adapt else network,
        objective,
        job.ground.train,
        job.ground.validation,
        settings=settings,
        measure=selection(job.ground.task),
        seed=job.unit.seed if seed is None else seed,
        technique=technique,
        folder=job.folder,
        task=job.ground.task,
        on_epoch=job.on_epoch,
        should_stop=job.should_stop,
    )


def refuse_other_tasks(method: Method, ground: Ground) -> None:
    """Refuse a method that is not made for the data's kind of problem.

    Raises:
        ConfigurationError: It is not.
    """
    stages = [method] if method.pretrain is None else [method.pretrain, method]
    for stage in stages:
        if ground.task.kind not in stage.tasks:
            raise ConfigurationError(
                f"The method {method.name!r} is made for {' and '.join(stage.tasks)} tasks, "
                f"not for this {ground.task.kind} one."
            )
