"""What is left of a comparison: a function of the results on disk, the same for every worker."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from rarecall.comparison.run_folder import RunFolder
from rarecall.errors import RunError
from rarecall.files import read_json, write_json
from rarecall.work.claims import me

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

FORMAT = 1
WORK = "work.json"
RESULT, FAILURE = "result.json", "failure.json"


@dataclass(frozen=True)
class Piece:
    """One training as the queue knows it; its parameters follow from the trials before it.

    Attributes:
        method: Name of the method.
        kind: ``trial`` or ``seed``.
        number: From 0.

    >>> piece = Piece("bce+alm", "trial", 2)
    >>> str(piece), piece.name, Piece.of(piece.to_json()) == piece
    ('bce+alm trial 3', 'bce+alm/trial-2', True)
    """

    method: str
    kind: Literal["trial", "seed"]
    number: int

    def __str__(self) -> str:
        return f"{self.method} {self.kind} {self.number + 1}"

    @property
    def name(self) -> str:
        """No two of a run share one."""
        return f"{self.method}/{self.kind}-{self.number}"

    def folder(self, run: Path) -> Path:
        """Where its checkpoint, weights, scores and result lie."""
        return RunFolder(run).unit(self.method, self.kind, self.number)

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return dict(vars(self))

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> Piece:
        """Read what :meth:`to_json` gave."""
        return cls(**stored)


@dataclass(frozen=True)
class WorkRecord:
    """What a run consists of, stored at its start.

    Attributes:
        study: Name of its queue.
        methods: Names, the reference among them, in order.
        trials: Of each method.
        seeds: Of each method.
        storage: Database of the queue without its password, or None for a file in the run.
    """

    study: str
    methods: tuple[str, ...]
    trials: int
    seeds: int
    storage: str | None = None

    def write(self, run: Path) -> None:
        """Store it in the run folder."""
        told = {**vars(self), "methods": list(self.methods)}
        write_json(run / WORK, {"format": FORMAT, **told})

    @classmethod
    def read(cls, run: Path) -> WorkRecord:
        """Read it.

        Raises:
            FileNotFoundError: The run was started by an older version.
            RunError: The file is damaged.
        """
        path = run / WORK
        try:
            told = read_json(path)
            return cls(
                str(told["study"]),
                tuple(map(str, told["methods"])),
                int(told["trials"]),
                int(told["seeds"]),
                told["storage"],
            )
        except FileNotFoundError:
            raise
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise RunError(f"{path} is damaged ({type(error).__name__}: {error}).") from error


class UnitsLeft:
    """The trainings of a run, and which of them are done.

    A method's trials depend on one another, so only its next one can be done; its seeds wait for
    the last of them. Methods go side by side.

    Args:
        run: The run folder.
        record: What it consists of.
    """

    def __init__(self, run: Path, record: WorkRecord) -> None:
        self.run, self.record = run, record
        self._done: set[Piece] = set()

    def all(self) -> list[Piece]:
        """List every training, method by method."""
        return [piece for method in self.record.methods for piece in self._of(method)]

    def done(self) -> set[Piece]:
        """Find those whose result is stored."""
        for piece in self.all():
            if piece not in self._done and (piece.folder(self.run) / RESULT).exists():
                self._done.add(piece)
        return set(self._done)

    def todo(self) -> list[Piece]:
        """Give what can be done now: the next trial of each method, then seeds in turn."""
        done, trials, seeds = self.done(), [], []
        for method in self.record.methods:
            for piece in self._of(method):
                if piece in done:
                    continue
                if piece.kind == "trial":
                    trials.append(piece)
                    break
                seeds.append(piece)
        # The longest chains first, and methods side by side, so that all advance together.
        trials.sort(key=lambda piece: piece.number)
        seeds.sort(key=lambda piece: piece.number)
        return [piece for piece in (*trials, *seeds) if not self._failed(piece)]

    def complete(self) -> bool:
        """Whether nothing is left to do, now or later."""
        return not self.todo()

    def failures(self) -> dict[Piece, dict[str, str]]:
        """Find the trainings that failed, each with ``error`` and ``text``."""
        found = {}
        for piece in self.all():
            path = piece.folder(self.run) / FAILURE
            if path.exists() and piece not in self._done:
                try:
                    told = read_json(path)
                    found[piece] = {"error": str(told["error"]), "text": str(told["text"])}
                except (OSError, ValueError, KeyError, TypeError):
                    found[piece] = {"error": "RunError", "text": f"{path} is damaged."}
        return found

    def forgive(self) -> None:
        """Let trainings that failed be tried again."""
        for piece in self.failures():
            with suppress(OSError):
                (piece.folder(self.run) / FAILURE).unlink()

    def fail(self, piece: Piece, error: Exception) -> None:
        """Close a training that cannot be done, so that no other worker tries it as well."""
        told = {"error": type(error).__name__, "text": str(error), "host": me()["host"]}
        write_json(piece.folder(self.run) / FAILURE, told)

    def _of(self, method: str) -> list[Piece]:
        return [
            *(Piece(method, "trial", number) for number in range(self.record.trials)),
            *(Piece(method, "seed", number) for number in range(self.record.seeds)),
        ]

    def _failed(self, piece: Piece) -> bool:
        return (piece.folder(self.run) / FAILURE).exists()
