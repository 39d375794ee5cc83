"""The queue of units: trials of one Optuna study, in a journal file or a database.

The study only says who does what; what is done is told by the units' own records. So it may be
deleted, and anything in it may be lost or come twice, without harm.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from rarecall.errors import StorageError
from rarecall.reproduction.claims import alone, is_claimed
from rarecall.reproduction.records import RECORD
from rarecall.reproduction.units import Unit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from optuna.trial import FrozenTrial

JOURNAL = "journal.log"
AHEAD = 64
"""Units that stand in the queue at most; more would only make it slow."""
FEW = 16
"""Units in the queue below which it is filled up."""


class Queue:
    """Units that wait or are being trained.

    Args:
        run: The run folder.
        name: Of the study, unique in its database.
        url: A database that Optuna knows (``sqlite:///…``, ``postgresql://…``); None for a journal
            file in the run folder, which several processes and machines may share.

    Raises:
        StorageError: The journal or the database cannot be opened.
    """

    def __init__(self, run: Path, name: str, url: str | None = None) -> None:
        import optuna

        self.run = Path(run)
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        try:
            self.study = optuna.create_study(
                storage=_storage(self.run, url),
                study_name=name,
                sampler=optuna.samplers.RandomSampler(seed=0),
                load_if_exists=True,
            )
        except Exception as error:
            raise StorageError(
                f"The queue of units cannot be opened ({url or self.run / JOURNAL}): "
                f"{type(error).__name__}: {error}"
            ) from error

    def fill(self, units: Sequence[Unit]) -> int:
        """Put units into the queue that neither stand there nor are being trained.

        Returns:
            How many were put there.
        """
        with alone(self.run / ".filling") as mine:
            if not mine:
                return 0
            waiting, running = self._open()
            there = {_name(trial) for trial in (*waiting, *running)}
            room = AHEAD - len(waiting)
            if len(waiting) >= FEW:
                return 0
            new = [unit for unit in units if unit.name not in there][: max(room, 0)]
            for unit in new:
                self.study.enqueue_trial({}, user_attrs={"unit": unit.to_json()})
            return len(new)

    def take(self) -> tuple[int, Unit] | None:
        """Take the next unit, or None where none waits."""
        from optuna.trial import TrialState

        if not self._open()[0]:
            return None
        trial = self.study.ask()
        told = trial.user_attrs.get("unit")
        if told is None:
            # Another worker was faster, and Optuna made up a trial instead.
            self.study.tell(trial, state=TrialState.FAIL)
            return None
        return trial.number, Unit.of(told)

    def close(self, number: int, value: float | None) -> None:
        """Say that a unit is done, or with None that it must be done again."""
        from optuna.trial import TrialState

        try:
            if value is None:
                self.study.tell(number, state=TrialState.FAIL)
            else:
                self.study.tell(number, value)
        except (ValueError, RuntimeError):
            # Another worker took this one for dead, or saw the record first.
            return

    def recover(self) -> int:
        """Close what died in the middle, so that it can be put into the queue again.

        Returns:
            How many units had lost their worker.
        """
        lost = 0
        for trial in self._open()[1]:
            told = trial.user_attrs.get("unit")
            if told is None:
                continue
            folder = Unit.of(told).folder(self.run)
            if (folder / RECORD).exists():
                self.close(trial.number, 0.0)
            elif not is_claimed(folder):
                self.close(trial.number, None)
                lost += 1
        return lost

    def _open(self) -> tuple[list[FrozenTrial], list[FrozenTrial]]:
        """Trials that wait, and those under way."""
        from optuna.trial import TrialState

        states = (TrialState.WAITING, TrialState.RUNNING)
        found = self.study.get_trials(deepcopy=False, states=states)
        return (
            [trial for trial in found if trial.state == TrialState.WAITING],
            [trial for trial in found if trial.state == TrialState.RUNNING],
        )


def _name(trial: FrozenTrial) -> str:
    told = trial.user_attrs.get("unit")
    return Unit.of(told).name if told is not None else ""


def _storage(run: Path, url: str | None) -> Any:
    import os

    from optuna.storages import JournalStorage, get_storage
    from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock

    if url is not None:
        return get_storage(url)
    path = str(run / JOURNAL)
    # Symbolic links, by which the other lock works, need rights on Windows.
    lock = JournalFileOpenLock(path) if os.name == "nt" else None
    return JournalStorage(JournalFileBackend(path, lock_obj=lock))
