"""Members of an ensemble: trained side by side where that pays, else one after the other."""

from __future__ import annotations

from contextlib import closing
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from rarecall.errors import ConfigurationError, Interrupted
from rarecall.task import BINARY
from rarecall.training.checkpoint import CHECKPOINT_NAME
from rarecall.training.engine import steady
from rarecall.training.member import as_one, members_of, named
from rarecall.training.stackable import can_stack
from rarecall.training.technique import PLAIN
from rarecall.training.together import Together
from rarecall.training.trainer import train

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from torch import nn

    from rarecall.data import ArrayDataset
    from rarecall.metrics import SelectionMeasure
    from rarecall.objective import Objective
    from rarecall.task import Task
    from rarecall.training.member import Member
    from rarecall.training.records import EpochRecord, Fitted
    from rarecall.training.settings import TrainSettings
    from rarecall.training.technique import Technique

    Told = Callable[[EpochRecord], None]


def fit_members(
    networks: Sequence[nn.Module],
    objectives: Sequence[Objective],
    train_set: ArrayDataset | Sequence[ArrayDataset],
    validation_set: ArrayDataset | Sequence[ArrayDataset],
    *,
    settings: TrainSettings,
    measure: SelectionMeasure | Sequence[SelectionMeasure],
    seeds: Sequence[int],
    technique: Technique = PLAIN,
    folder: Path | None = None,
    task: Task = BINARY,
    on_epoch: Told | None = None,
    should_stop: Callable[[], bool] = lambda: False,
    together: bool | None = None,
    devices: int = 1,
) -> list[Fitted]:
    """Train an ensemble: side by side where that is possible and faster, else in turn.

    Every member has its own seed, rows, noise, objective, best weights, patience, history and
    remarks, and ends as if it had been trained alone; only what is drawn within the network
    (dropout) differs side by side. What was begun in ``folder`` goes on as it was begun.

    Args:
        networks: Adapted to their objectives; changed in place.
        objectives: One a member; their parameters may differ.
        train_set: One for all, or a list with one a member.
        validation_set: One for all, or a list with one a member.
        settings: Of all members.
        measure: Chooses the best weights; one for all, or a list with one a member.
        seeds: Of all that is drawn, >= 0, a different one for every member.
        technique: Of all members.
        folder: Where checkpoints go: one of all members, or in turn ``member-<k>``; None for none.
        task: The kind of problem.
        on_epoch: Called after every evaluation, once its checkpoint is written: with the mean of
            the members' records, or in turn with steps counted as in one long training. Its times
            are those of the whole ensemble.
        should_stop: Asked before every step.
        together: Whether side by side; None leaves that to
            :func:`~rarecall.training.stackable.can_stack`.
        devices: Processes that train each member together; with several, members take turns.

    Returns:
        One a member, in order. ``seconds`` is a member's share, so that they add up.

    Raises:
        Interrupted: ``should_stop`` was true.
        RunError: ``folder`` holds a checkpoint of another training.
        ConfigurationError: As :func:`rarecall.training.train` does, naming the member; or
            ``together`` is true, but the members cannot be stacked.
        StorageError: A checkpoint could not be written.
    """
    members = members_of(
        networks, objectives, train_set, validation_set, measure=measure, seeds=seeds
    )
    if folder is not None and together is None:
        together = _begun(Path(folder))
    if devices > 1:
        if together:
            raise ConfigurationError(
                f"On {devices} devices members take turns, but these are to be trained, or were "
                "begun, side by side. Train them on one device."
            )
        together = False
    reason = None
    if together is not False:
        reason = can_stack(
            networks,
            objectives,
            members[0].train_set.inputs,
            settings=settings,
            technique=technique,
            even_if_slower=together is True,
        )
        if together and reason is not None:
            raise ConfigurationError(f"These members cannot be trained together: {reason}")
        together = reason is None
    way = _side_by_side if together else partial(_in_turn, devices=devices)
    return way(
        members,
        settings=settings,
        technique=technique,
        folder=None if folder is None else Path(folder),
        task=task,
        on_epoch=on_epoch,
        should_stop=should_stop,
    )


def _begun(folder: Path) -> bool | None:
    """Whether the folder's unfinished training is one side by side; None where there is none."""
    if (folder / CHECKPOINT_NAME).exists():
        return True
    return False if any(folder.glob(f"member-*/{CHECKPOINT_NAME}")) else None


def _side_by_side(
    members: Sequence[Member],
    *,
    settings: TrainSettings,
    technique: Technique,
    folder: Path | None,
    task: Task,
    on_epoch: Told | None,
    should_stop: Callable[[], bool],
) -> list[Fitted]:
    group = Together(members, settings=settings, technique=technique, folder=folder, task=task)
    with closing(group), steady(settings.threads, group.runs[0].device):
        group.restore()
        while group.active:
            if should_stop():
                group.save()
                raise Interrupted(group.active[0].farewell())
            record = group.step()
            if record is not None:
                group.save()
                if on_epoch is not None:
                    on_epoch(record)
    return group.outcome()


def _in_turn(
    members: Sequence[Member],
    *,
    settings: TrainSettings,
    technique: Technique,
    folder: Path | None,
    task: Task,
    on_epoch: Told | None,
    should_stop: Callable[[], bool],
    devices: int = 1,
) -> list[Fitted]:
    count = len(members)
    found: list[Fitted] = []
    for number, member in enumerate(members):
        own = None if folder is None else folder / f"member-{number}"
        if own is not None:
            own.mkdir(parents=True, exist_ok=True)
        told = None if on_epoch is None else as_one(on_epoch, number, count, list(found))
        with named(number, count):
            fitted = train(
                member.network,
                member.objective,
                member.train_set,
                member.validation_set,
                settings=settings,
                measure=member.measure,
                seed=member.seed,
                technique=technique,
                folder=own,
                task=task,
                on_epoch=told,
                should_stop=should_stop,
                devices=devices,
            )
        found.append(fitted)
    return found
