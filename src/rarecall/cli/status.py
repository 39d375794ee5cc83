"""``rarecall status``: how far comparisons and reproductions are, and who works on what."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rarecall.status import RunStatus


def status(
    folders: Annotated[
        list[Path] | None,
        typer.Argument(
            help="Run folders, or folders that hold some.",
            metavar="[FOLDER]...",
            show_default="runs",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON list, for scripts.")] = False,
) -> None:
    """Show how far runs are: done and left, who works on what, and what failed.

    Example: rarecall status runs
    """
    from rarecall.status import statuses

    found = statuses(folders or ["runs"])
    if as_json:
        told = [one.to_json() for one in found]
        sys.stdout.write(json.dumps(told, indent=2, ensure_ascii=False) + "\n")
        return
    for number, one in enumerate(found):
        typer.echo("\n".join((*([""] if number else []), *_lines(one))))


def _lines(run: RunStatus) -> Iterator[str]:
    yield f"{run.folder}: {run.kind} of {run.name}"
    told: list[str] = [run.state]
    if run.total:
        told.append(f"{run.done}/{run.total} trainings")
    if run.state == "running":
        left = run.seconds_left
        told.append("time left unknown yet" if left is None else f"about {_duration(left)} left")
    elif run.state != "finished" and run.seconds_of_work:
        told.append(f"{_duration(run.seconds_of_work)} of work left")
    if run.silent is not None:
        told.append(f"last sign {_duration(run.silent)} ago")
    yield f"  {', '.join(told)}"
    if run.state not in ("finished", "damaged"):
        yield from _parts(run)
    for worker in run.workers:
        where, unit = f"{worker.host}, process {worker.pid}", worker.unit or "between two trainings"
        if not worker.alive:
            yield f"  lost: {where}, last seen {_duration(worker.silent)} ago, on {unit}"
            continue
        step = f", step {worker.step}/{worker.steps}" if worker.step is not None else ""
        yield f"  at work: {where}: {unit}{step}"
    for failure in run.failed:
        yield f"  failed: {failure.unit}: {failure.why}"
    if run.problem is not None:
        yield f"  problem: {run.problem}"
    if run.again is not None:
        yield f"  go on with: {run.again}"


def _parts(run: RunStatus) -> Iterator[str]:
    width = max((len(part.name) for part in run.parts), default=0)
    for part in run.parts:
        pace = "" if part.seconds is None else f", {_duration(part.seconds)} each"
        yield f"    {part.name:<{width}}  {part.done}/{part.total}{pace}"


def _duration(seconds: float) -> str:
    """Write a duration in its two largest units.

    >>> [_duration(s) for s in (0.2, 59, 61, 3725, 200_000)]
    ['0 s', '59 s', '1 min 1 s', '1 h 2 min', '2 d 7 h']
    """
    units = (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1))
    rest = round(seconds)
    for place, (name, size) in enumerate(units):
        if rest >= size or name == "s":
            first, rest = divmod(rest, size)
            below = units[place + 1] if place + 1 < len(units) else None
            second = f" {rest // below[1]} {below[0]}" if below and rest // below[1] else ""
            return f"{first} {name}{second}"
    return "0 s"
