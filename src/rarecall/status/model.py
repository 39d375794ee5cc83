"""What is known of a run from its folder."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rarecall.work.presence import Worker

State = Literal["running", "finished", "interrupted", "failed", "damaged"]


@dataclass(frozen=True)
class Failure:
    """A training that could not be done.

    Attributes:
        unit: Its name.
        why: What was wrong.
    """

    unit: str
    why: str


@dataclass(frozen=True)
class Part:
    """A method of a comparison, or a row of a reproduction.

    Attributes:
        name: Its name.
        done: Trainings done.
        total: Trainings in all.
        seconds: Mean of those done, NaN-free; None before the first.
        chain: Trainings left of which each waits for the one before.
    """

    name: str
    done: int
    total: int
    seconds: float | None = None
    chain: int = 0


@dataclass(frozen=True)
class RunStatus:
    """How far a run is.

    Attributes:
        folder: Of the run.
        kind: ``"comparison"`` or ``"reproduction"``.
        name: Of its data, or of its protocol.
        state: ``running``, ``finished``, ``interrupted`` (it can be continued), ``failed`` (it can
            be continued once the reason is mended), or ``damaged`` (a file cannot be read).
        parts: Its methods or rows.
        workers: Those that work in it, and those that were killed there.
        failed: Trainings that could not be done.
        last_sign: When something was last written, seconds since 1970; None if unknown.
        again: The command that goes on, where it is known.
        problem: What is wrong, or None.
    """

    folder: str
    kind: Literal["comparison", "reproduction"]
    name: str
    state: State
    parts: tuple[Part, ...] = ()
    workers: tuple[Worker, ...] = ()
    failed: tuple[Failure, ...] = ()
    last_sign: float | None = None
    again: str | None = None
    problem: str | None = None
    silent: float | None = field(default=None, compare=False)

    @property
    def done(self) -> int:
        """Trainings done."""
        return sum(part.done for part in self.parts)

    @property
    def total(self) -> int:
        """Trainings in all."""
        return sum(part.total for part in self.parts)

    @property
    def alive(self) -> tuple[Worker, ...]:
        """Workers that live."""
        return tuple(worker for worker in self.workers if worker.alive)

    @property
    def seconds_of_work(self) -> float | None:
        """Seconds that one worker would need for what is left; None before anything is done."""
        return work_left(self.parts, self.alive)

    @property
    def seconds_left(self) -> float | None:
        """Seconds until all is done, if those who work now go on; None where that is unknown."""
        work = self.seconds_of_work
        if work is None or not self.alive or self.state != "running":
            return None
        usual = _mean(self.parts)
        chains = [part.chain * (part.seconds or usual or 0.0) for part in self.parts]
        return max([work / len(self.alive), *chains])

    def to_json(self) -> dict[str, Any]:
        """Plain values; times in seconds, ``last_sign`` since 1970."""
        return {
            "folder": self.folder,
            "kind": self.kind,
            "name": self.name,
            "state": self.state,
            "done": self.done,
            "total": self.total,
            "seconds_left": _rounded(self.seconds_left),
            "seconds_of_work": _rounded(self.seconds_of_work),
            "last_sign": self.last_sign,
            "silent": _rounded(self.silent),
            "workers": [worker.to_json() for worker in self.workers],
            "failed": [vars(failure) for failure in self.failed],
            "parts": [vars(part) for part in self.parts],
            "again": self.again,
            "problem": self.problem,
        }


def work_left(parts: Sequence[Part], alive: Sequence[Worker] = ()) -> float | None:
    """Estimate the seconds of work left by the means of what is done.

    What workers have done of their trainings counts as done.

    >>> work_left([Part("a", 2, 4, seconds=10.0), Part("b", 0, 1)])
    30.0
    """
    usual = _mean(parts)
    if usual is None:
        return None
    whole = sum((part.total - part.done) * (part.seconds or usual) for part in parts)
    begun = sum(
        usual * worker.step / worker.steps
        for worker in alive
        if worker.step is not None and worker.steps
    )
    return max(0.0, whole - begun)


def part_of(name: str, seconds: Sequence[float], total: int, chain: int = 0) -> Part:
    """Make a part from the seconds of what is done."""
    mean = sum(seconds) / len(seconds) if seconds else None
    return Part(name, len(seconds), total, mean, chain)


def settled_state(told: Mapping[str, Any], *, alive: bool, lost: bool, fresh: bool) -> State:
    """Say how an unfinished run stands.

    Args:
        told: Content of its ``status.json``.
        alive: Whether a worker lives.
        lost: Whether one was killed.
        fresh: Whether something was written in the last minutes.
    """
    if alive:
        return "running"
    if told.get("state") == "failed":
        return "failed"
    # Workers that start have not shown themselves yet.
    if told.get("state") == "running" and fresh and not lost:
        return "running"
    return "interrupted"


def _mean(parts: Sequence[Part]) -> float | None:
    known = [(part.seconds, part.done) for part in parts if part.seconds is not None and part.done]
    count = sum(done for _, done in known)
    return sum(seconds * done for seconds, done in known) / count if count else None


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 1)
