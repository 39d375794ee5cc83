"""The training loop: one network, one objective, a fixed budget of steps, resumable bit for bit."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

from rarecall.errors import Interrupted
from rarecall.task import BINARY
from rarecall.training.engine import steady
from rarecall.training.run import Run
from rarecall.training.technique import PLAIN

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from torch import nn

    from rarecall.data import ArrayDataset
    from rarecall.metrics import SelectionMeasure
    from rarecall.objective import Objective
    from rarecall.task import Task
    from rarecall.training.records import EpochRecord, Fitted
    from rarecall.training.settings import TrainSettings
    from rarecall.training.technique import Technique


def train(
    network: nn.Module,
    objective: Objective,
    train_set: ArrayDataset,
    validation_set: ArrayDataset,
    *,
    settings: TrainSettings,
    measure: SelectionMeasure,
    seed: int,
    technique: Technique = PLAIN,
    folder: Path | None = None,
    task: Task = BINARY,
    on_epoch: Callable[[EpochRecord], None] | None = None,
    should_stop: Callable[[], bool] = lambda: False,
    devices: int = 1,
) -> Fitted:
    """Train ``network`` and give it back with the weights that were best on validation.

    The budget is a number of steps and of rows a step, whatever the objective: rows that it
    replays count, so that there are fewer new ones. Two runs with the same arguments give the
    same bits, and so does a run that was stopped or killed and started again with the same
    ``folder``. The caller's global random state is left alone.

    Args:
        network: Gives the logits that the objective needs; already adapted to it. Changed in
            place and left on the device.
        objective: Loss and terms; bound here to the training targets.
        train_set: Rows to train on.
        validation_set: Rows that choose the best weights and drive the objective's schedules.
        settings: The budget and the rest.
        measure: Chooses the best weights; higher is better.
        seed: Fixes the order of rows and all draws, >= 0.
        technique: What the options of a method's name change: balanced batches, sharpness-aware
            or proximal steps, averaged weights.
        folder: Where checkpoints go, and whence an unfinished training is resumed; None for none.
        task: The kind of problem, which the targets have the form of.
        on_epoch: Called after every evaluation, once its checkpoint is written; large ones are
            not written after every evaluation.
        should_stop: Asked before every step; once it is true a checkpoint is written.
        devices: Processes that train the network together, each on a device of its own; this one
            starts the others. They give one process's network to rounding, but for what the
            network itself draws (dropout), and any number goes on with a checkpoint.

    Returns:
        The network and how it came about.

    Raises:
        Interrupted: ``should_stop`` was true.
        RunError: ``folder`` holds a checkpoint of another training, or another process failed.
        ConfigurationError: The batch has no room for new rows beside the replayed ones, or for
            critical and other ones; the device is missing; or the training diverged before its
            first evaluation.
        StorageError: A checkpoint could not be written.
    """
    if devices > 1:
        from rarecall.training.devices_run import train_on_devices

        return train_on_devices(
            devices,
            network,
            objective,
            train_set,
            validation_set,
            settings=settings,
            measure=measure,
            seed=seed,
            technique=technique,
            folder=folder,
            task=task,
            on_epoch=on_epoch,
            should_stop=should_stop,
        )
    run = Run(
        network,
        objective,
        train_set,
        validation_set,
        settings=settings,
        measure=measure,
        seed=seed,
        technique=technique,
        folder=folder,
        task=task,
    )
    with closing(run), steady(settings.threads, run.device):
        run.restore()
        while not run.finished:
            if should_stop():
                run.save()
                raise Interrupted(run.farewell())
            run.step()
            if run.evaluation_due:
                record = run.evaluate()
                run.save(if_due=True)
                if on_epoch is not None:
                    on_epoch(record)
    return run.outcome()
