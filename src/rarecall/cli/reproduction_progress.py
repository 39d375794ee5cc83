"""Progress of a reproduction: a line a training, now and then one within it."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from rarecall.reproduction.reproducing import Watch
from rarecall.reproduction.worker import Events

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console

    from rarecall.reproduction.run_folder import Begun
    from rarecall.reproduction.units import Unit
    from rarecall.training import EpochRecord

_BETWEEN_LINES = 5.0


@contextmanager
def reproduction_progress(console: Console, *, quiet: bool = False) -> Iterator[Watch]:
    """Give whom a run tells of itself.

    Args:
        console: Where to show it.
        quiet: Show nothing at all.
    """
    if quiet:
        yield Watch()
    else:
        lines = _Lines(console)
        yield Watch(lines.begun, Events(lines.unit, lines.epoch, lines.ended), lines.progress)


class _Lines:
    """A line a training, and one every few seconds within it."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.planned = self.done = 0
        self.last, self.started = time.monotonic(), time.monotonic()
        self.here = 0

    def begun(self, run: Begun, planned: int, done: int) -> None:
        self.planned, self.done = planned, done
        before = f", {done} of them done before" if done else ""
        self.say(f"Run folder: {run.folder}\n{planned} trainings{before}.")

    def unit(self, unit: Unit) -> None:
        self.last = time.monotonic()

    def epoch(self, unit: Unit, record: EpochRecord) -> None:
        now = time.monotonic()
        if now - self.last >= _BETWEEN_LINES:
            self.last = now
            self.say(
                f"  {unit}: step {record.step}/{record.steps}, validation AUC {record.auc:.4f}"
            )

    def ended(self, unit: Unit, record: dict[str, Any]) -> None:
        self.done += 1
        self.here += 1
        if record["failed"] is not None:
            self.say(f"{self.done}/{self.planned} {unit} failed: {record['failed']}")
            return
        self.say(f"{self.done}/{self.planned} {unit} ({record['seconds']:.1f} s){self.left()}")

    def progress(self, done: int) -> None:
        now = time.monotonic()
        if done > self.done and now - self.last >= _BETWEEN_LINES:
            self.last, self.here = now, self.here + done - self.done
            self.done = done
            self.say(f"{done}/{self.planned} trainings done{self.left()}")

    def left(self) -> str:
        if not self.here:
            return ""
        pace = (time.monotonic() - self.started) / self.here
        minutes = pace * (self.planned - self.done) / 60
        return f", about {minutes:.0f} min left" if minutes >= 1 else ""

    def say(self, text: str) -> None:
        self.console.print(text, markup=False, highlight=False, soft_wrap=True)
