"""A member of an ensemble, and what several members' records and remarks come to."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, replace
from statistics import fmean
from typing import TYPE_CHECKING, Any

from rarecall.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from torch import nn

    from rarecall.data import ArrayDataset
    from rarecall.metrics import SelectionMeasure
    from rarecall.objective import Objective
    from rarecall.training.records import EpochRecord, Fitted

    Told = Callable[[EpochRecord], None]


@dataclass(frozen=True, eq=False)
class Member:
    """What is a member's own.

    Attributes:
        network: Adapted to the objective.
        objective: Loss and terms.
        train_set: Rows to train on.
        validation_set: Rows that choose the best weights.
        measure: Chooses them.
        seed: Of everything drawn.
    """

    network: nn.Module
    objective: Objective
    train_set: ArrayDataset
    validation_set: ArrayDataset
    measure: SelectionMeasure
    seed: int


def members_of(
    networks: Sequence[nn.Module],
    objectives: Sequence[Objective],
    train_set: ArrayDataset | Sequence[ArrayDataset],
    validation_set: ArrayDataset | Sequence[ArrayDataset],
    *,
    measure: SelectionMeasure | Sequence[SelectionMeasure],
    seeds: Sequence[int],
) -> list[Member]:
    """Give every member its own; what is given once is everyone's.

    Raises:
        ConfigurationError: There are not as many of each, or two members are the same.
    """
    count = len(networks)

    def each(given: Any) -> list[Any]:
        return list(given) if isinstance(given, list | tuple) else [given] * count

    columns: dict[str, list[Any]] = {
        "networks": list(networks),
        "objectives": list(objectives),
        "training sets": each(train_set),
        "validation sets": each(validation_set),
        "measures": each(measure),
        "seeds": list(seeds),
    }
    if not count or len({len(column) for column in columns.values()}) > 1:
        told = ", ".join(f"{len(column)} {name}" for name, column in columns.items())
        raise ConfigurationError(
            f"Every member needs a network, an objective and a seed of its own; got {told}."
        )
    for name in ("networks", "objectives"):
        if len({id(one) for one in columns[name]}) < count:
            raise ConfigurationError(
                f"Two members share one of the {name}, which training changes: make one for each."
            )
    if len(set(seeds)) < count:
        raise ConfigurationError(
            f"Members need different seeds, got {list(seeds)}: with the same one they would be "
            "the same member twice."
        )
    return [Member(*row) for row in zip(*columns.values(), strict=True)]


@contextmanager
def named(number: int, members: int) -> Iterator[None]:
    """Say in an error which member, counted from 0, it is about."""
    try:
        yield
    except ConfigurationError as error:
        raise ConfigurationError(f"Member {number + 1} of {members}: {error}") from error


def mean_record(records: Sequence[EpochRecord], *, seconds: float) -> EpochRecord:
    """Give the mean of several members' records of one evaluation.

    Args:
        records: Of the members that were evaluated, one or more.
        seconds: Time that all members took so far.

    Returns:
        ``best`` where any of them is; ``seconds_left`` of all together.
    """
    means: dict[str, Any] = {
        name: fmean(getattr(record, name) for record in records)
        for name in ("train_loss", "selection", "smoothed", "fpr", "auc", "learning_rate")
    }
    told = set.intersection(*(set(record.monitor) for record in records))
    return replace(
        records[0],
        **means,
        best=any(record.best for record in records),
        seconds=seconds,
        seconds_left=sum(record.seconds_left for record in records),
        monitor={
            name: fmean(record.monitor[name] for record in records)
            for name in records[0].monitor
            if name in told
        },
    )


def as_one(on_epoch: Told, number: int, count: int, before: list[Fitted]) -> Told:
    """Tell of a member's evaluations as of those of one long training."""
    epochs = sum(len(fitted.history) for fitted in before)
    seconds = sum(fitted.seconds for fitted in before)

    def told(record: EpochRecord) -> None:
        whole = record.seconds + record.seconds_left
        on_epoch(
            replace(
                record,
                epoch=epochs + record.epoch,
                step=number * record.steps + record.step,
                steps=count * record.steps,
                seconds=seconds + record.seconds,
                seconds_left=record.seconds_left + (count - number - 1) * whole,
            )
        )

    return told
