"""The queue of units: trials of one Optuna study, in a journal file or a database.

The study only says who does what; what is done is told by the units' own records. So it may be
deleted, and anything in it may be lost or come twice, without harm.
"""

from __future__ import annotations

import random
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, Protocol, Self, TypeVar

from rarecall.errors import RarecallError, StorageError
from rarecall.work.claims import alone, is_claimed
from rarecall.work.storage import JOURNAL, hidden, hidden_in, of_database, open_storage

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from optuna.trial import FrozenTrial

AHEAD = 64
"""Units that stand in the queue at most; more would only make it slow."""
FEW = 16
"""Units in the queue below which it is filled up."""
_OPENINGS = 5
"""How often a database is opened: runs that make its tables at once are in each other's way."""


class AwayError(StorageError):
    """The database of a queue does not answer, or not now."""


class Unit(Protocol):
    """What a queue holds: a name, a folder, and plain values to make it again from."""

    @property
    def name(self) -> str:
        """No two units of a run share one."""

    def folder(self, run: Path) -> Path:
        """Where all of it lies."""

    def to_json(self) -> dict[str, Any]:
        """Plain values."""

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> Self:
        """Read what :meth:`to_json` gave."""


U = TypeVar("U", bound=Unit)


class Queue(Generic[U]):
    """Units that wait or are being trained.

    Args:
        run: The run folder.
        name: Of the study, unique in its database.
        kind: Class of the units.
        record: Name of the file that says, in a unit's folder, that it is done.
        url: A database that Optuna knows (``postgresql://…``); None for a journal file in the
            run folder, which several processes and machines may share.

    Raises:
        StorageError: The journal or the database cannot be opened.
    """

    def __init__(
        self, run: Path, name: str, kind: type[U], record: str, url: str | None = None
    ) -> None:
        self.run, self.kind, self.record = Path(run), kind, record
        self.name, self.url = name, url
        self.open()

    def open(self, *, times: int = _OPENINGS) -> None:
        """Open the study, and make it where it is not there.

        Args:
            times: How often a database is asked at most.

        Raises:
            StorageError: It cannot be opened.
        """
        import optuna

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        for left in reversed(range(1 if self.url is None else times)):
            try:
                # One at a time: a new database's tables are made by the first.
                with alone(self.run / ".opening"):
                    self.study = optuna.create_study(
                        storage=open_storage(self.run, self.url),
                        study_name=self.name,
                        sampler=optuna.samplers.RandomSampler(seed=0),
                        load_if_exists=True,
                    )
            except RarecallError:
                raise
            except Exception as error:
                if not left:
                    raise StorageError(
                        f"The queue of units cannot be opened ({self._where}): {self._told(error)}"
                    ) from error
                time.sleep(random.uniform(0.1, 0.5))
            else:
                return

    def fill(self, units: Sequence[U]) -> int:
        """Put units into the queue that neither stand there nor are being trained.

        Returns:
            How many were put there.

        Raises:
            AwayError: The database does not answer; so do :meth:`take` and :meth:`recover`.
        """
        with alone(self.run / ".filling") as mine:
            if not mine:
                return 0
            waiting, running = self._open()
            there = {self._name(trial) for trial in (*waiting, *running)}
            room = AHEAD - len(waiting)
            if len(waiting) >= FEW:
                return 0
            new = [unit for unit in units if unit.name not in there][: max(room, 0)]
            with self._asked():
                for unit in new:
                    self.study.enqueue_trial({}, user_attrs={"unit": unit.to_json()})
            return len(new)

    def take(self) -> tuple[int, U] | None:
        """Take the next unit, or None where none waits."""
        from optuna.trial import TrialState

        if not self._open()[0]:
            return None
        with self._asked():
            trial = self.study.ask()
            told = trial.user_attrs.get("unit")
            if told is None:
                # Another worker was faster, and Optuna made up a trial instead.
                self.study.tell(trial, state=TrialState.FAIL)
                return None
        return trial.number, self.kind.of(told)

    def close(self, number: int, value: float | None) -> None:
        """Say that a unit is done, or with None that it must be done again."""
        from optuna.trial import TrialState

        try:
            with self._asked():
                if value is None:
                    self.study.tell(number, state=TrialState.FAIL)
                else:
                    self.study.tell(number, value)
        except (ValueError, RuntimeError, AwayError):
            # Another worker took this one for dead, or saw the record first. Or the database is
            # away: then whoever finds it again sees the record, or that nobody holds the unit.
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
            folder = self.kind.of(told).folder(self.run)
            if (folder / self.record).exists():
                self.close(trial.number, 0.0)
            elif not is_claimed(folder):
                self.close(trial.number, None)
                lost += 1
        return lost

    def _open(self) -> tuple[list[FrozenTrial], list[FrozenTrial]]:
        """Trials that wait, and those under way."""
        from optuna.trial import TrialState

        states = (TrialState.WAITING, TrialState.RUNNING)
        with self._asked():
            found = self.study.get_trials(deepcopy=False, states=states)
        return (
            [trial for trial in found if trial.state == TrialState.WAITING],
            [trial for trial in found if trial.state == TrialState.RUNNING],
        )

    def _name(self, trial: FrozenTrial) -> str:
        told = trial.user_attrs.get("unit")
        return self.kind.of(told).name if told is not None else ""

    @contextmanager
    def _asked(self) -> Iterator[None]:
        """Tell what a database fails at from all other errors."""
        try:
            yield
        except Exception as error:
            if self.url is None or not of_database(error):
                raise
            raise AwayError(
                f"The queue of units does not answer ({self._where}): {self._told(error)}"
            ) from error

    @property
    def _where(self) -> str:
        return str(self.run / JOURNAL) if self.url is None else hidden(self.url)

    def _told(self, error: Exception) -> str:
        """Say in a line what failed, without the password."""
        cause = error.__cause__ if isinstance(error.__cause__, Exception) else error
        lines = (line.strip() for line in str(cause).splitlines())
        text = next((line for line in lines if line), "")
        return f"{type(cause).__name__}: {text if self.url is None else hidden_in(text, self.url)}"
