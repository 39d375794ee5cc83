"""Several trainings side by side: who steps with whom, the shared clock, the one checkpoint."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from rarecall.training.ahead import placed
from rarecall.training.checkpoint import load_checkpoint, save_checkpoint
from rarecall.training.engine import holds_images, make_fabric
from rarecall.training.member import mean_record, named
from rarecall.training.run import Run
from rarecall.training.stacked import Stack

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

    from rarecall.data import ArrayDataset
    from rarecall.task import Task
    from rarecall.training.member import Member
    from rarecall.training.records import EpochRecord, Fitted
    from rarecall.training.settings import TrainSettings
    from rarecall.training.technique import Technique


class MemberRun(Run):
    """A training among others, whose time is its share of the time of all."""

    spent = 0.0
    tick: Callable[[], None]

    def _seconds(self) -> float:
        self.tick()
        return self.spent

    def load(self, state: dict[str, Any]) -> None:
        """Go on from a checkpoint, its time included."""
        super().load(state)
        self.spent = self.progress.seconds


class Together:
    """Trainings of one architecture side by side.

    Those that are under way and never left a step out are stacked; a function of the members'
    progress alone, so that a resumed training stacks the same ones.

    Args:
        members: One or more, with different seeds.
        settings: Of all members.
        technique: Of all members.
        folder: Where their checkpoint goes, or None.
        task: The kind of problem.
    """

    def __init__(
        self,
        members: Sequence[Member],
        *,
        settings: TrainSettings,
        technique: Technique,
        folder: Path | None,
        task: Task,
    ) -> None:
        self.folder = folder
        shared = _on_device(members, settings)
        self.runs = [
            MemberRun(
                member.network,
                member.objective,
                shared[id(member.train_set)],
                member.validation_set,
                settings=settings,
                measure=member.measure,
                seed=member.seed,
                technique=technique,
                folder=folder,
                task=task,
            )
            for member in members
        ]
        for run in self.runs:
            run.tick = self._tick
        self.identity = joint_identity([run.identity for run in self.runs])
        self._stack: Stack | None = None
        self._last = time.perf_counter()

    @property
    def active(self) -> list[MemberRun]:
        """Members that are still training."""
        return [run for run in self.runs if not run.finished]

    def step(self) -> EpochRecord | None:
        """Take one step of every active member; give their mean where an evaluation was due."""
        self._arrange()
        active = self.active
        stacked = [] if self._stack is None else list(self._stack.runs)
        if self._stack is not None:
            self._stack.step()
        for run in active:
            if run not in stacked:
                with self._named(run):
                    run.step()
        return self._evaluate(active) if active[0].evaluation_due else None

    def _evaluate(self, active: list[MemberRun]) -> EpochRecord:
        records = []
        for run in active:
            with self._named(run):
                records.append(run.evaluate())
        return mean_record(records, seconds=sum(run.spent for run in self.runs))

    def _arrange(self) -> None:
        """Stack the members that can go on together; the others stand alone."""
        joined = [run for run in self.active if not run.progress.skipped]
        if len(joined) < 2:
            joined = []
        if self._stack is not None and (not joined or self._stack.runs != joined):
            self._stack.dissolve()
            self._stack = None
        if self._stack is None and joined:
            self._stack = Stack(joined)

    def _tick(self) -> None:
        """Share the time since the last call out among the active members."""
        now = time.perf_counter()
        active = self.active or self.runs
        for run in active:
            run.spent += (now - self._last) / len(active)
        self._last = now

    def _named(self, run: MemberRun) -> AbstractContextManager[None]:
        return named(self.runs.index(run), len(self.runs))

    def outcome(self) -> list[Fitted]:
        """Put the best weights into every network and report."""
        if self._stack is not None:
            self._stack.dissolve()
            self._stack = None
        return [run.outcome() for run in self.runs]

    def close(self) -> None:
        """End what runs beside the steps."""
        for run in self.runs:
            run.close()

    # Storage ----------------------------------------------------------------------------------

    def save(self) -> None:
        """Write one checkpoint of all members, if there is a folder for it."""
        if self.folder is None:
            return
        if self._stack is not None:
            self._stack.publish()
        save_checkpoint(self.folder, self.identity, {"members": [run.state() for run in self.runs]})

    def restore(self) -> None:
        """Go on from the folder's checkpoint, if there is one."""
        state = None if self.folder is None else load_checkpoint(self.folder, self.identity)
        if state is None:
            return
        for run, stored in zip(self.runs, state["members"], strict=True):
            run.load(stored)
        self._last = time.perf_counter()


def joint_identity(identities: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Describe trainings by what they share, and a list where they differ; seeds always listed.

    >>> joint_identity([{"seed": 1, "measure": "AUC"}, {"seed": 2, "measure": "AUC"}])
    {'members': 2, 'seed': [1, 2], 'measure': 'AUC'}
    """
    joint: dict[str, Any] = {"members": len(identities)}
    for name, value in identities[0].items():
        values = [one[name] for one in identities]
        alike = name != "seed" and all(other == value for other in values)
        joint[name] = value if alike else values
    return joint


def _on_device(members: Sequence[Member], settings: TrainSettings) -> dict[int, ArrayDataset]:
    """Move every training set to the device once, where it fits, however many share it."""
    images = holds_images(members[0].train_set.inputs)
    device = make_fabric(settings, images=images).device
    moved: dict[int, ArrayDataset] = {}
    for member in members:
        own = member.train_set
        if id(own) not in moved:
            moved[id(own)] = placed(own, device)
    return moved
