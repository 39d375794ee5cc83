"""Progress of a comparison: a live line in a terminal, plain lines anywhere else."""

from __future__ import annotations

import math
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rarecall.comparison.events import EpochEnded, Note, RunStarted, UnitEnded, UnitStarted
from rarecall.data.wording import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.console import Console
    from rich.progress import Progress

    from rarecall.comparison.events import Event

_SECONDS_BETWEEN_EPOCHS = 2.0


@contextmanager
def progress(
    console: Console, *, quiet: bool = False, plain: bool = False
) -> Iterator[Callable[[Event], None]]:
    """Give the function that shows events on ``console``.

    Args:
        console: Where to show them; the choice of live or plain follows what it is.
        quiet: Show nothing at all.
        plain: Plain lines even in a terminal.
    """
    if quiet:
        yield lambda event: None
    elif plain or not console.is_terminal:
        yield _Lines(console)
    else:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

        bar = Progress(
            TextColumn("{task.fields[unit]}", markup=False),
            BarColumn(bar_width=12),
            MofNCompleteColumn(),
            TextColumn("{task.fields[now]}", markup=False),
            console=console,
            transient=True,
        )
        with bar:
            yield _Live(console, bar)


class _Lines:
    """One line an event; epochs that follow one another quickly are thinned out."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.tpr = math.nan
        self.measure, self.mean = "AUC", ""
        self.last_epoch = -math.inf

    def __call__(self, event: Event) -> None:
        if isinstance(event, EpochEnded):
            now = time.monotonic()
            if now - self.last_epoch < _SECONDS_BETWEEN_EPOCHS:
                return
            self.last_epoch = now
        text = self.describe(event)
        if text:
            self.say(text)

    def say(self, text: str) -> None:
        self.console.print(text, markup=False, highlight=False, soft_wrap=True)

    def describe(self, event: Event) -> str:
        if isinstance(event, RunStarted):
            self.tpr, self.measure = event.tpr, event.progress
            self.mean = "mean " if event.critical > 1 else ""
            stored = f", {event.done} of them stored already" if event.done else ""
            methods, units = counted(len(event.methods), "method"), counted(event.units, "training")
            return (
                f"Run folder: {event.folder}\n"
                f"{methods}, {units} of up to {event.steps} steps{stored}."
            )
        if isinstance(event, EpochEnded):
            return f"  {_unit(event)}: {self.epoch(event)}"
        if isinstance(event, UnitEnded):
            how = "stored already" if event.resumed else f"{event.seconds:.1f} s"
            return (
                f"{_unit(event)} of {event.of} done: "
                f"validation {self.mean}FPR {_percent(event.fpr)} at TPR {self.tpr:.1%}, "
                f"{self.mean}AUC {event.auc:.4f} ({how})"
            )
        if isinstance(event, Note):
            return f"Note: {event.text}"
        return ""

    def epoch(self, event: EpochEnded) -> str:
        mark = " (best so far)" if event.best else ""
        left = "" if math.isnan(event.seconds_left) else f", {_duration(event.seconds_left)} left"
        return (
            f"epoch {event.epoch}, step {event.step}/{event.steps}: "
            f"{self.mean}FPR {_percent(event.fpr)} at TPR {self.tpr:.1%}, "
            f"{self.measure} {event.auc:.4f}{mark}{left}"
        )


class _Live(_Lines):
    """The same lines for what lasts; epochs move one line at the bottom."""

    def __init__(self, console: Console, bar: Progress) -> None:
        super().__init__(console)
        self.bar = bar
        self.task = bar.add_task("run", total=None, unit="", now="preparing")

    def __call__(self, event: Event) -> None:
        if isinstance(event, EpochEnded):
            # One line of 80 columns; the requirement stands in the lines above.
            left = event.seconds_left
            end = "" if math.isnan(left) else f", {_duration(left)} left"
            now = f"epoch {event.epoch}, {self.mean}FPR {_percent(event.fpr)}{end}"
            self.bar.update(self.task, unit=_unit(event), now=now)
            return
        if isinstance(event, RunStarted):
            self.bar.update(self.task, total=event.units)
        elif isinstance(event, UnitStarted):
            self.bar.update(self.task, unit=_unit(event), now="starting")
        elif isinstance(event, UnitEnded):
            self.bar.advance(self.task)
        super().__call__(event)


def _unit(event: EpochEnded | UnitStarted | UnitEnded) -> str:
    return f"{event.method} {event.kind} {event.number + 1}"


def _percent(rate: float) -> str:
    return "?" if math.isnan(rate) else f"{rate:.1%}"


def _duration(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes}:{seconds:02d}"
