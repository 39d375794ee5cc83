"""How a reproduction stands, from its folder."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any

from rarecall.errors import RarecallError
from rarecall.reproduction.run_folder import RESULTS, RUN, opened
from rarecall.reproduction.searching import Work
from rarecall.reproduction.units import Unit
from rarecall.status.model import Failure, Part, RunStatus, settled_state
from rarecall.status.signs import last_sign
from rarecall.work.claims import SILENT, clock
from rarecall.work.presence import workers_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path


def reproduction_status(folder: Path) -> RunStatus:
    """Say how the reproduction in a folder stands."""
    workers, name = tuple(workers_of(folder)), folder.name
    try:
        plan = opened(folder).plan
        name = f"{plan['name']} ({plan.get('scale')}, {plan.mode})"
        work = Work(plan, folder)
        complete = work.complete()
        parts, failed = _parts(work)
    except (RarecallError, OSError, KeyError, TypeError, ValueError) as error:
        text = str(error) if isinstance(error, RarecallError) else f"run.json is damaged: {error!r}"
        return RunStatus(
            str(folder), "reproduction", name, "damaged", workers=workers, problem=text
        )
    if complete and (folder / RESULTS).exists():
        return RunStatus(str(folder), "reproduction", name, "finished", parts, failed=failed)
    alive, sign = any(worker.alive for worker in workers), last_sign(folder)
    state = settled_state(
        {} if _left(folder) else {"state": "running"},
        alive=alive,
        lost=any(not worker.alive for worker in workers),
        fresh=sign is not None and clock(folder) - sign < SILENT,
    )
    return RunStatus(
        str(folder),
        "reproduction",
        name,
        state,
        parts,
        workers,
        failed,
        again=None if state == "running" else "the command that it was begun with",
    )


def _left(folder: Path) -> bool:
    """Whether the last who worked here ended in peace: results are written at the end."""
    results, begun = folder / RESULTS, folder / RUN
    return results.exists() and results.stat().st_mtime >= begun.stat().st_mtime


def _parts(work: Work) -> tuple[tuple[Part, ...], tuple[Failure, ...]]:
    """Count the final trainings by rows, and all trials of searches as one part."""
    plan, records = work.plan, work.done()
    finals = {
        row: len(plan.asked_settings) * plan.splits * plan.members_of(row)
        for row in plan.asked_rows
    }
    parts = [
        _part(row, [one for one in records if one["kind"] == "final" and one["row"] == row], total)
        for row, total in finals.items()
    ]
    trials = work.planned() - sum(finals.values())
    if trials > 0:
        parts.insert(0, _part("search", [one for one in records if one["kind"] == "trial"], trials))
    failed = [
        Failure(str(_unit(one)), str(one["failed"])) for one in records if one["failed"] is not None
    ]
    return tuple(parts), tuple(failed)


def _part(name: str, records: Sequence[Mapping[str, Any]], total: int) -> Part:
    seconds = [float(one["seconds"]) for one in records if one["failed"] is None]
    mean = sum(seconds) / len(seconds) if seconds else None
    return Part(name, len(records), max(total, len(records)), mean)


def _unit(record: Mapping[str, Any]) -> Unit:
    return Unit(**{field.name: record[field.name] for field in fields(Unit)})
