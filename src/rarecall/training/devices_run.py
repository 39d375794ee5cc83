"""One training by several processes: all follow the same rows, each trains its part of them."""

from __future__ import annotations

import warnings
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from torch.nn.parallel import DistributedDataParallel

from rarecall._launched import by_all_processes
from rarecall.distributed import apart, together
from rarecall.errors import ConfigurationError, Interrupted
from rarecall.training.ahead import gathers_itself
from rarecall.training.devices_norm import JointNorms
from rarecall.training.devices_scoring import joint_scores
from rarecall.training.devices_start import check_devices, count_of, team_of
from rarecall.training.engine import holds_images, make_fabric, reseed, steady
from rarecall.training.run import Progress, Run

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import NoReturn

    import numpy as np
    from lightning_fabric import Fabric
    from numpy.typing import NDArray
    from torch import nn

    from rarecall.data import ArrayDataset
    from rarecall.objective import Objective, Prepared
    from rarecall.training.devices import Team
    from rarecall.training.records import EpochRecord, Fitted
    from rarecall.training.settings import TrainSettings
    from rarecall.training.stepping import Taken

_OF_PROCESS = 1 << 40


class JointRun(Run):
    """A training's part in one process; arguments as for :class:`rarecall.training.run.Run`.

    Args:
        team: The processes.
        network: Of the leader's make and weights.
        objective: Of the leader's make.
        rest: As for :class:`~rarecall.training.run.Run`.
        named: As for :class:`~rarecall.training.run.Run`.

    Raises:
        ConfigurationError: As for a training in one process; or a batch has fewer new rows than
            there are processes.
    """

    def __init__(
        self, team: Team, network: nn.Module, objective: Objective, *rest: Any, **named: Any
    ) -> None:
        self.team = team
        super().__init__(network, objective, *rest, **named)
        if self.stream.size < team.count:
            raise ConfigurationError(
                f"A batch has {self.stream.size} new rows, which {team.count} devices cannot "
                "share. Choose a larger batch_size, or fewer devices."
            )
        self.objective.joint = True
        self.norms = JointNorms(network)
        # Or dropout would drop the same units of the first row of every process.
        self.stepper.seed += team.rank * _OF_PROCESS
        self._own_rows = 0

    def make_fabric(self, settings: TrainSettings, *, images: bool) -> Fabric:
        """Make the Fabric of this process's device."""
        return make_fabric(settings, images=images, place=self.team.place)

    def begin(self) -> None:
        """Average gradients from now on; weights are the leader's."""
        # Normalisation statistics are the same everywhere already.
        with warnings.catch_warnings():
            # The argument has another name in later versions.
            warnings.simplefilter("ignore", FutureWarning)
            wrapped = DistributedDataParallel(self.network, broadcast_buffers=False)
        self.stepper.forwarded = wrapped
        # Kernels of one pixel lie alike in memory, whichever axis counts as the last. Undone where
        # the training ends, with all that `steady` sets.
        warnings.filterwarnings("ignore", message="Grad strides do not match bucket view strides")

    def end(self) -> None:
        """Be a network of one process again."""
        self.stepper.forwarded = self.network

    def share(self, rows: int) -> slice | None:
        """Give this process's part of a joint batch; all is drawn for the joint batch alike."""
        rank, count = self.team.rank, self.team.count
        return slice(rows * rank // count, rows * (rank + 1) // count)

    def prepare(self) -> Prepared:
        """Draw what concerns the joint batch, then seed what the network draws for its rows."""
        prepared = super().prepare()
        if self.team.rank:
            reseed(self.stepper.seed, self.progress.step, self.device)
        return prepared

    def account(self, taken: Taken) -> None:
        """Count a step, its rows in this process until all are added up."""
        before = self.progress.rows
        super().account(taken)
        self._own_rows += self.progress.rows - before
        self.progress.rows = before

    def count_rows(self) -> None:
        """Add up the rows of all processes since the last time; all must take part."""
        self.progress.rows += self.team.sum(self._own_rows)
        self._own_rows = 0

    def evaluate(self) -> EpochRecord | None:  # type: ignore[override]  # helpers have none
        """Score validation together, measure in the leader, let all know what follows from it."""
        self.count_rows()
        if not self.team.leads:
            if self.team.sets.share.shared:
                with self.norms.own(), apart():
                    self.score_validation()
            told = self.team.tell()
            self.progress = Progress(**told)
            if self.progress.heard is not None:
                self.objective.end_epoch(self.progress.heard)
            return None
        try:
            with self.norms.own(), apart():
                record = super().evaluate()
        finally:
            # Told of a divergence too, after which no process goes on.
            if self.progress.history or self.progress.diverged:
                past: list[dict[str, Any]] = [{}] * len(self.progress.history)
                self.team.tell({**asdict(self.progress), "history": past})
        return record

    def score_validation(self) -> NDArray[np.float64]:
        """Score this process's part with the leader's weights; the leader gets all scores."""
        share = self.team.sets.share
        if not share.shared:
            return super().score_validation()
        if self.average is not None and self.average.count:
            # Until the leader has the statistics of the averaged weights, however long it takes.
            self.team.tell()
        return joint_scores(share, self.network, self.objective)


@by_all_processes()
def train_on_devices(
    devices: int,
    network: nn.Module,
    objective: Objective,
    train_set: ArrayDataset,
    validation_set: ArrayDataset,
    *,
    on_epoch: Callable[[EpochRecord], None] | None,
    should_stop: Callable[[], bool],
    **named: Any,
) -> Fitted:
    """Train in this process and as many more as it takes; see :func:`rarecall.training.train`."""
    settings: TrainSettings = named["settings"]
    devices = count_of(devices)
    check_devices(devices, settings.device, images=holds_images(train_set.inputs))
    if gathers_itself(train_set):
        raise ConfigurationError(
            f"{devices} devices train on copies of the training set's inputs, but "
            f"{type(train_set).__name__} gathers its rows in its own way. Train on one device, or "
            "give an ArrayDataset of tensors, which may be mapped from a file."
        )
    with team_of(devices) as team:
        try:
            run = JointRun(team, network, objective, train_set, validation_set, **named)
            run.restore()
        except Exception as error:
            # Before the helpers know of it.
            error.agreed = True  # type: ignore[attr-defined]
            raise
        sent = {name: value for name, value in named.items() if name not in ("folder", "measure")}
        state = run.state()
        state["best"] = {}
        job = {"network": network, "objective": objective, "state": state, **sent}
        team.post(job, train_set, validation_set.inputs)
        _steps(run, should_stop, on_epoch)
    return run.outcome()


def follow_training(run: JointRun, state: dict[str, Any], asked: Callable[[], bool]) -> None:
    """Train a helper's part from the leader's state on.

    Raises:
        Interrupted: Some process was asked to stop.
    """
    run.load(state)
    try:
        _steps(run, asked, None)
    except ConfigurationError:
        # Every process finds the same divergence.
        if not run.progress.diverged:
            raise


def _steps(
    run: JointRun,
    should_stop: Callable[[], bool],
    on_epoch: Callable[[EpochRecord], None] | None,
) -> None:
    threads = run.settings.threads
    if threads is not None and run.device.type == "cpu":
        threads = max(1, threads // run.team.count)
    with steady(threads, run.device), together(), run.norms.joint():
        run.begin()
        try:
            while not run.finished:
                if run.team.any(should_stop()):
                    _stop(run)
                run.step()
                if run.evaluation_due:
                    record = run.evaluate()
                    run.save()
                    if on_epoch is not None and record is not None:
                        on_epoch(record)
        except ConfigurationError as error:
            error.agreed = run.progress.diverged  # type: ignore[attr-defined]
            raise
        finally:
            run.end()
            run.close()


def _stop(run: JointRun) -> NoReturn:
    run.count_rows()
    run.save()
    interrupted = Interrupted(run.farewell())
    interrupted.agreed = True  # type: ignore[attr-defined]  # every process leaves with it
    raise interrupted
