"""One training under way: its steps, its evaluations, and how it is stored."""

from __future__ import annotations

import math
import time
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

from rarecall.data.streams import RowStream, critical_rows, positives_of
from rarecall.errors import ConfigurationError
from rarecall.training.averaging import Average
from rarecall.training.batches import Batches
from rarecall.training.checkpoint import Spacing, identity, load_checkpoint, save_checkpoint
from rarecall.training.engine import holds_images, make_fabric, reseed
from rarecall.training.records import EpochRecord, Fitted
from rarecall.training.scoring import predict_scores
from rarecall.training.signal import heard, resolution, schedule_remarks
from rarecall.training.stepping import Stepper
from rarecall.training.technique import PLAIN, Technique

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from lightning_fabric import Fabric
    from numpy.typing import NDArray
    from torch import Tensor

    from rarecall.data import ArrayDataset
    from rarecall.metrics import SelectionMeasure
    from rarecall.objective import Objective, Prepared
    from rarecall.task import Task
    from rarecall.training.settings import TrainSettings
    from rarecall.training.stepping import Taken

MOST_SKIPPED = 25
"""Steps in a row with an infinite gradient after which training has diverged."""

ROWS_FOR_STATISTICS = 8192
"""Training rows, at most, from which averaged weights get their normalisation statistics."""


@dataclass
class Progress:
    """What a checkpoint keeps beside tensors: plain values only."""

    step: int = 0
    rows: int = 0
    seconds: float = 0.0
    loss_sum: float = 0.0
    loss_steps: int = 0
    smoothed: float | None = None
    heard: float | None = None
    best_key: list[float] = field(default_factory=list)
    best_epoch: int = 0
    best_averaged: bool = False
    first_averaged: int = 0
    skipped: int = 0
    skipped_in_a_row: int = 0
    diverged: bool = False
    stopped_early: bool = False
    history: list[dict[str, Any]] = field(default_factory=list)


class Run:
    """One training under way; arguments as for :func:`rarecall.training.train`."""

    def __init__(
        self,
        network: nn.Module,
        objective: Objective,
        train_set: ArrayDataset,
        validation_set: ArrayDataset,
        *,
        settings: TrainSettings,
        measure: SelectionMeasure,
        seed: int,
        technique: Technique = PLAIN,
        folder: Path | None,
        task: Task,
    ) -> None:
        self.fabric = self.make_fabric(settings, images=holds_images(train_set.inputs))
        self.device: torch.device = self.fabric.device
        self.settings, self.measure, self.seed, self.folder = settings, measure, seed, folder
        self.technique, self.task = technique, task
        # First, since the stream of rows needs to know what the objective replays.
        objective.for_task(task)
        self.stream = row_stream(
            train_set.targets, objective, settings, seed=seed, technique=technique
        )
        self.objective = objective.bind(
            train_set.targets, task, stream=self.stream.shares, steps=settings.steps, seed=seed
        )
        self.objective.to(self.device).train()
        self.network = network.to(self.device).train()
        self.stepper = Stepper(
            network, objective, self.fabric, settings, technique=technique, seed=seed
        )
        self.average: Average | None = None
        if technique.averaging is not None:
            self.average = Average(network, technique.averaging)
        self.batches = Batches(
            train_set,
            self.stream,
            device=self.device,
            settings=settings,
            blend=technique.blend,
            task=task,
        )
        self.validation_inputs = validation_set.inputs
        self.validation_targets = validation_set.targets.cpu().numpy()
        self.identity = identity(
            network,
            objective,
            train_set.targets,
            validation_set.targets,
            settings=settings,
            measure=measure.name,
            seed=seed,
            technique=technique,
        )
        self.progress = Progress()
        self.best: dict[str, Tensor] = {}
        self._spacing = Spacing()
        self._resumed_seconds, self._resumed_step = 0.0, 0
        self._began = time.perf_counter()

    def make_fabric(self, settings: TrainSettings, *, images: bool) -> Fabric:
        """Make the Fabric of the device to train on."""
        return make_fabric(settings, images=images)

    # Steps ------------------------------------------------------------------------------------

    @property
    def finished(self) -> bool:
        """Whether no step is to follow."""
        progress = self.progress
        return progress.step >= self.settings.steps or progress.stopped_early or progress.diverged

    @property
    def evaluation_due(self) -> bool:
        """Whether an evaluation follows the last step."""
        step, settings = self.progress.step, self.settings
        return step % settings.evaluate_every == 0 or step >= settings.steps

    def step(self) -> None:
        """Take one optimiser step."""
        self.account(self.stepper.take(self.prepare(), self.progress.step))

    def prepare(self) -> Prepared:
        """Seed all draws of the next step and prepare its batch."""
        step = self.progress.step
        reseed(self.seed, step, self.device)
        own = self.share(self.stream.size)
        following = step + 1 if step + 1 < self.settings.steps else None
        return self.objective.prepare(self.batches.of(step, own, then=following))

    def share(self, rows: int) -> slice | None:
        """Which rows of a batch of so many this process trains; None for all."""
        return None

    def account(self, taken: Taken) -> None:
        """Count a step that was taken, and let the objective commit or discard it."""
        progress, objective = self.progress, self.objective
        progress.step += 1
        progress.rows += taken.rows
        if taken.done:
            objective.step()
            progress.skipped_in_a_row = 0
            if self.average is not None:
                self.average.follow(progress.step, self.settings.steps)
        else:
            objective.discard()
            progress.skipped += 1
            progress.skipped_in_a_row += 1
            if progress.skipped_in_a_row >= MOST_SKIPPED:
                self._diverge()
        if math.isfinite(taken.loss):
            progress.loss_sum += taken.loss
            progress.loss_steps += 1

    def _diverge(self) -> None:
        self.progress.diverged = True
        if not self.progress.history:
            raise ConfigurationError(
                f"Training diverged within its first {self.progress.step} steps: gradients or "
                "scores are not finite. Lower the learning rate, or clip the gradient harder."
            )

    # Evaluation -------------------------------------------------------------------------------

    def evaluate(self) -> EpochRecord:
        """Measure on validation, let the objective know, keep the weights if they are best."""
        if self.average is None:
            return self._evaluate()
        with self.average.applied(self._statistics_batches()):
            return self._evaluate()

    def _statistics_batches(self) -> Iterator[tuple[Any, ...]]:
        """Give what the network is called with on rows such as it trains on."""
        rows = min(ROWS_FOR_STATISTICS, len(self.batches.train_set))
        count = -(-rows // self.stream.size)
        self.objective.eval()
        try:
            for number in range(count):
                reseed(self.seed, number, self.device)
                following = number + 1 if number + 1 < count else None
                with torch.no_grad():
                    batch = self.batches.of(number, then=following)
                    yield self.objective.prepare(batch).arguments
            if self.progress.step < self.settings.steps:
                self.batches.ask(self.progress.step, self.share(self.stream.size))
        finally:
            self.objective.train()

    def _evaluate(self) -> EpochRecord:
        progress, settings, targets = self.progress, self.settings, self.validation_targets
        scores = self.score_validation()
        if not np.isfinite(scores).all():
            self._diverge()
            scores = np.zeros_like(scores)
        selection = self.measure(scores, targets)
        progressed = float(self.measure.progress(scores, targets))
        past = settings.smoothing
        before = selection if progress.smoothed is None else progress.smoothed
        progress.smoothed = past * before + (1 - past) * selection
        progress.heard = heard(progress.heard, progressed, resolution(targets, self.task))
        self.objective.end_epoch(progress.heard)
        epoch = len(progress.history) + 1
        # Of evaluations that select alike, such as an FPR of 0, the better ranking wins.
        key = [progress.smoothed, progressed]
        best = not progress.diverged and (not progress.best_key or key > progress.best_key)
        if best:
            progress.best_key, progress.best_epoch = key, epoch
            progress.best_averaged = self.average is not None and self.average.count > 0
            self.best = {
                name: part.detach().clone() for name, part in self.network.state_dict().items()
            }
        elif self._out_of_patience(epoch):
            progress.stopped_early = progress.step < settings.steps
        seconds = self._seconds()
        pace = (seconds - self._resumed_seconds) / max(progress.step - self._resumed_step, 1)
        ending = progress.stopped_early or progress.diverged
        record = EpochRecord(
            epoch=epoch,
            step=progress.step,
            steps=settings.steps,
            train_loss=progress.loss_sum / max(progress.loss_steps, 1),
            selection=selection,
            smoothed=progress.smoothed,
            fpr=float(self.measure.fpr(scores, targets)),
            auc=float(self.measure.auc(scores, targets)),
            best=best,
            seconds=seconds,
            seconds_left=0.0 if ending else pace * (settings.steps - progress.step),
            learning_rate=self.stepper.learning_rate,
            monitor={name: float(value) for name, value in self.objective.monitor().items()},
        )
        progress.history.append(record.to_dict())
        progress.loss_sum, progress.loss_steps = 0.0, 0
        return record

    def score_validation(self) -> NDArray[np.float64]:
        """Score the validation rows with the network as it is."""
        return predict_scores(self.network, self.objective, self.validation_inputs)

    def _out_of_patience(self, epoch: int) -> bool:
        progress, patience = self.progress, self.settings.patience
        if patience is None:
            return False
        if self.average is None:
            return epoch - progress.best_epoch >= patience
        # Whoever asks for averaged weights is to get as many evaluations of them.
        if self.average.count and not progress.first_averaged:
            progress.first_averaged = epoch
        since = max(progress.best_epoch, progress.first_averaged)
        return progress.first_averaged > 0 and epoch - since >= patience

    def _seconds(self) -> float:
        return self._resumed_seconds + time.perf_counter() - self._began

    # Storage ----------------------------------------------------------------------------------

    def save(self, *, if_due: bool = False) -> None:
        """Write a checkpoint, if there is a folder for it.

        Args:
            if_due: Leave it out where the last one was large and recent and more steps follow.
        """
        if self.folder is None or (if_due and not self.finished and not self._spacing.due):
            return
        began = time.monotonic()
        size = save_checkpoint(self.folder, self.identity, self.state())
        self._spacing.wrote(size, time.monotonic() - began)

    def state(self) -> dict[str, Any]:
        """Give all that a checkpoint holds."""
        self.progress.seconds = self._seconds()
        return {
            "network": self.network.state_dict(),
            "objective": self.objective.state_dict(),
            **self.stepper.state_dict(),
            "average": None if self.average is None else self.average.state_dict(),
            "best": self.best,
            "progress": asdict(self.progress),
        }

    def restore(self) -> None:
        """Go on from the folder's checkpoint, if there is one."""
        if self.folder is not None:
            state = load_checkpoint(self.folder, self.identity)
            if state is not None:
                self.load(state)

    def load(self, state: dict[str, Any]) -> None:
        """Go on from what :meth:`state` gave."""
        self.network.load_state_dict(state["network"])
        self.objective.load_state_dict(state["objective"])
        self.stepper.load_state_dict(state)
        if self.average is not None:
            self.average.load_state_dict(state["average"])
        self.best = {name: part.to(self.device) for name, part in state["best"].items()}
        self.progress = Progress(**state["progress"])
        self._resumed_seconds, self._resumed_step = self.progress.seconds, self.progress.step
        self._began = time.perf_counter()

    def close(self) -> None:
        """End what runs beside the steps; they may go on, and begin it anew."""
        self.batches.close()

    # Outcome ----------------------------------------------------------------------------------

    def farewell(self) -> str:
        """Say where a stopped training stands."""
        done = f"Training stopped on request after {self.progress.step} of {self.settings.steps}"
        if self.folder is None:
            return f"{done} steps. Nothing is saved: it was given no folder for checkpoints."
        return (
            f"{done} steps. Its state is saved in {self.folder}; the same call goes on from there."
        )

    def outcome(self) -> Fitted:
        """Put the best weights into the network and report."""
        progress = self.progress
        self.network.load_state_dict(self.best)
        self.network.eval()
        self.objective.eval()
        return Fitted(
            network=self.network,
            history=[EpochRecord(**record) for record in progress.history],
            best_epoch=progress.best_epoch,
            steps=progress.step,
            rows_forwarded=progress.rows,
            seconds=progress.history[-1]["seconds"],
            stopped_early=progress.stopped_early,
            remarks=self._remarks(),
        )

    def _remarks(self) -> list[str]:
        progress, settings = self.progress, self.settings
        remarks = self.objective.remarks()
        remarks += schedule_remarks(self.objective, self.validation_targets, self.task)
        if self.average is not None and not progress.best_averaged:
            remarks.append(
                f"The weights kept are no average: evaluation {progress.best_epoch} of "
                f"{len(progress.history)}, before averaging began, was the best on validation."
            )
        if self.technique.radius is not None:
            remarks.append(
                "Sharpness-aware steps forward every batch twice: up to twice the rows, and the "
                "time, of other methods at the same number of steps."
            )
        if progress.diverged:
            remarks.append(
                f"Training diverged at step {progress.step} of {settings.steps}; the best weights "
                "until then were kept. A lower learning rate may help."
            )
        elif progress.skipped and self.stepper.scaler is None:
            remarks.append(
                f"{progress.skipped} of {progress.step} steps had a gradient that is not finite "
                "and were left out."
            )
        return remarks


def row_stream(
    targets: Tensor,
    objective: Objective,
    settings: TrainSettings,
    *,
    seed: int,
    technique: Technique = PLAIN,
) -> RowStream:
    """Make the stream of a training's new rows.

    Args:
        targets: Of the training set.
        objective: Its task is fixed; says how many rows a step it replays.
        settings: The batch size.
        seed: Fixes the order, >= 0.
        technique: Says what share of the rows is critical.

    Raises:
        ConfigurationError: The batch has no room for what is asked.
    """
    size = new_rows(targets, objective, settings)
    share = technique.balanced
    positives = None if share is None else positives_of(size, share)
    return RowStream(targets, size, seed=seed, positives=positives, task=objective.task)


def new_rows(targets: Tensor, objective: Objective, settings: TrainSettings) -> int:
    """How many rows of a batch are new, so that with the replayed ones it is never larger."""
    batch = min(settings.batch_size, len(targets))
    # A sample is replayed once at most, and only critical ones are.
    replayed = min(objective.replay_capacity, int(critical_rows(targets, objective.task).sum()))
    if replayed >= batch:
        raise ConfigurationError(
            f"A batch of {batch} rows has no room for new ones beside the {replayed} that the "
            "method replays. Choose a larger batch_size or a smaller replay capacity."
        )
    return batch - replayed
