"""One training under way: its steps, its evaluations, and how it is stored."""

from __future__ import annotations

import math
import time
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn
from torch.utils import _pytree as pytree

from rarecall.errors import ConfigurationError
from rarecall.metrics import auc, fpr_at_tpr
from rarecall.training.augment import make_augmentation
from rarecall.training.checkpoint import identity, load_checkpoint, save_checkpoint
from rarecall.training.engine import fits_on, make_fabric, reseed
from rarecall.training.optimizer import make_optimizer, schedule_factor
from rarecall.training.records import EpochRecord, Fitted
from rarecall.training.scoring import predict_scores
from rarecall.training.stream import RowStream

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor

    from rarecall.data import ArrayDataset
    from rarecall.metrics import SelectionMeasure
    from rarecall.objective import Batch, Objective
    from rarecall.training.settings import TrainSettings

MOST_SKIPPED = 25
"""Steps in a row with an infinite gradient after which training has diverged."""


@dataclass
class Progress:
    """What a checkpoint keeps beside tensors: plain values only."""

    step: int = 0
    rows: int = 0
    seconds: float = 0.0
    loss_sum: float = 0.0
    loss_steps: int = 0
    smoothed: float | None = None
    best_key: list[float] = field(default_factory=list)
    best_epoch: int = 0
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
        balanced: bool,
        folder: Path | None,
    ) -> None:
        images = isinstance(train_set.inputs, torch.Tensor)
        self.fabric = make_fabric(settings, images=images)
        self.device: torch.device = self.fabric.device
        self.settings, self.measure, self.seed, self.folder = settings, measure, seed, folder
        self.objective = objective.bind(train_set.targets).to(self.device).train()
        self.network = network.to(self.device).train()
        self.parameters = [p for p in network.parameters() if p.requires_grad]
        self.precision = self.fabric.strategy.precision
        self.scaler = getattr(self.precision, "scaler", None)
        self.optimizer = make_optimizer(
            network, objective, settings, scaled=self.scaler is not None
        )
        for group in self.optimizer.param_groups:
            group["initial_lr"] = group["lr"]
        # Any: Fabric's type is a union with the tuple that several optimisers would give.
        self.stepper: Any = self.fabric.setup_optimizers(self.optimizer)
        self.stream = RowStream(
            train_set.targets,
            new_rows(train_set.targets, objective, settings),
            seed=seed,
            balanced=balanced,
        )
        self.resident = fits_on(self.device, train_set.inputs)
        self.train_set = train_set.to(self.device) if self.resident else train_set
        self.augmentation = make_augmentation(
            self.train_set.inputs, settings.augment, settings.input_noise
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
            balanced=balanced,
        )
        self.progress = Progress()
        self.best: dict[str, Tensor] = {}
        self._resumed_seconds, self._resumed_step = 0.0, 0
        self._began = time.perf_counter()

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
        progress, objective = self.progress, self.objective
        reseed(self.seed, progress.step, self.device)
        factor = schedule_factor(self.settings, progress.step)
        for group in self.optimizer.param_groups:
            group["lr"] = group["initial_lr"] * factor
        prepared = objective.prepare(self._batch())
        with self.fabric.autocast():
            logits = self.network(prepared.inputs)
        # Outside autocast: a loss in half precision would round what ranks the samples.
        loss = objective.evaluate(logits, prepared)
        self.optimizer.zero_grad(set_to_none=True)
        self.fabric.backward(loss)
        progress.step += 1
        progress.rows += len(prepared.targets)
        if self._clip():
            self.stepper.step()
            objective.step()
            progress.skipped_in_a_row = 0
        else:
            objective.discard()
            self._skip()
        value = float(loss.detach())
        if math.isfinite(value):
            progress.loss_sum += value
            progress.loss_steps += 1

    def _batch(self) -> Batch:
        rows = self.stream.rows(self.progress.step)
        batch: Batch = self.train_set.gather(rows.to(self.train_set.targets.device))
        if not self.resident:
            batch = type(batch)(*pytree.tree_map(lambda leaf: leaf.to(self.device), tuple(batch)))
        if self.augmentation is not None:
            batch = batch._replace(inputs=self.augmentation(batch.inputs))
        return batch

    def _clip(self) -> bool:
        """Clip the network's gradient; False where it is not finite."""
        self.precision.unscale_gradients(self.optimizer)
        largest = math.inf if self.settings.clip is None else self.settings.clip
        norm = nn.utils.clip_grad_norm_(self.parameters, largest)
        return math.isfinite(float(norm))

    def _skip(self) -> None:
        progress = self.progress
        if self.scaler is not None:
            # Finds the infinity itself, changes no weight, and lowers the scale.
            self.stepper.step()
        progress.skipped += 1
        progress.skipped_in_a_row += 1
        if progress.skipped_in_a_row >= MOST_SKIPPED:
            self._diverge()

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
        progress, settings, targets = self.progress, self.settings, self.validation_targets
        scores = predict_scores(self.network, self.objective, self.validation_inputs)
        if not np.isfinite(scores).all():
            self._diverge()
            scores = np.zeros_like(scores)
        selection = self.measure(scores, targets)
        area = float(auc(scores, targets))
        past = settings.smoothing
        before = selection if progress.smoothed is None else progress.smoothed
        progress.smoothed = past * before + (1 - past) * selection
        self.objective.end_epoch(area)
        epoch = len(progress.history) + 1
        # Of evaluations that select alike, such as an FPR of 0, the better ranking wins.
        key = [progress.smoothed, area]
        best = not progress.diverged and (not progress.best_key or key > progress.best_key)
        if best:
            progress.best_key, progress.best_epoch = key, epoch
            self.best = {
                name: part.detach().clone() for name, part in self.network.state_dict().items()
            }
        elif settings.patience is not None and epoch - progress.best_epoch >= settings.patience:
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
            fpr=float(fpr_at_tpr(scores, targets, self.measure.tpr)),
            auc=area,
            best=best,
            seconds=seconds,
            seconds_left=0.0 if ending else pace * (settings.steps - progress.step),
            learning_rate=self.optimizer.param_groups[0]["lr"],
            monitor={name: float(value) for name, value in self.objective.monitor().items()},
        )
        progress.history.append(record.to_dict())
        progress.loss_sum, progress.loss_steps = 0.0, 0
        return record

    def _seconds(self) -> float:
        return self._resumed_seconds + time.perf_counter() - self._began

    # Storage ----------------------------------------------------------------------------------

    def save(self) -> None:
        """Write a checkpoint, if there is a folder for it."""
        if self.folder is None:
            return
        self.progress.seconds = self._seconds()
        state = {
            "network": self.network.state_dict(),
            "objective": self.objective.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "scaler": None if self.scaler is None else self.scaler.state_dict(),
            "best": self.best,
            "progress": asdict(self.progress),
        }
        save_checkpoint(self.folder, self.identity, state)

    def restore(self) -> None:
        """Go on from the folder's checkpoint, if there is one."""
        if self.folder is None:
            return
        state = load_checkpoint(self.folder, self.identity)
        if state is None:
            return
        self.network.load_state_dict(state["network"])
        self.objective.load_state_dict(state["objective"])
        self.optimizer.load_state_dict(state["optimizer"])
        if self.scaler is not None:
            self.scaler.load_state_dict(state["scaler"])
        self.best = {name: part.to(self.device) for name, part in state["best"].items()}
        self.progress = Progress(**state["progress"])
        self._resumed_seconds, self._resumed_step = self.progress.seconds, self.progress.step
        self._began = time.perf_counter()

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
        if progress.diverged:
            remarks.append(
                f"Training diverged at step {progress.step} of {settings.steps}; the best weights "
                "until then were kept. A lower learning rate may help."
            )
        elif progress.skipped and self.scaler is None:
            remarks.append(
                f"{progress.skipped} of {progress.step} steps had a gradient that is not finite "
                "and were left out."
            )
        return remarks


def new_rows(targets: Tensor, objective: Objective, settings: TrainSettings) -> int:
    """How many rows of a batch are new, so that with the replayed ones it is never larger."""
    batch = min(settings.batch_size, len(targets))
    # A sample is replayed once at most, and only critical ones are.
    replayed = min(objective.replay_capacity, int((targets == 1).sum()))
    if replayed >= batch:
        raise ConfigurationError(
            f"A batch of {batch} rows has no room for new ones beside the {replayed} that the "
            "method replays. Choose a larger batch_size or a smaller replay capacity."
        )
    return batch - replayed
