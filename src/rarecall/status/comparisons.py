"""How a comparison stands, from its folder."""

from __future__ import annotations

import json
import shlex
from typing import TYPE_CHECKING, Any

from rarecall.comparison.run_folder import RunFolder, read_result
from rarecall.comparison.units_left import UnitsLeft, WorkRecord
from rarecall.errors import RarecallError, RunError
from rarecall.files import read_json
from rarecall.status.model import Failure, Part, RunStatus, part_of, settled_state
from rarecall.status.signs import last_sign
from rarecall.work.claims import SILENT, clock
from rarecall.work.presence import workers_of

if TYPE_CHECKING:
    from pathlib import Path


def comparison_status(folder: Path) -> RunStatus:
    """Say how the comparison in a folder stands."""
    run, workers = RunFolder(folder), tuple(workers_of(folder))
    again = f"rarecall compare --resume --out {shlex.quote(str(folder))}"
    name = folder.name
    try:
        stored = run.stored_config()
        name = str(stored.get("data", name))
        left = UnitsLeft(folder, _record(folder, stored))
        parts = _parts(left)
        failed = [Failure(str(piece), told["text"]) for piece, told in left.failures().items()]
        told = _told(folder)
    except (RarecallError, OSError) as error:
        return RunStatus(
            str(folder), "comparison", name, "damaged", workers=workers, problem=str(error)
        )
    if run.finished:
        return RunStatus(str(folder), "comparison", name, "finished", parts)
    sign = last_sign(folder)
    state = settled_state(
        told,
        alive=any(worker.alive for worker in workers),
        lost=any(not worker.alive for worker in workers),
        fresh=sign is not None and clock(folder) - sign < SILENT,
    )
    return RunStatus(
        str(folder),
        "comparison",
        name,
        state,
        parts,
        workers,
        tuple(failed),
        again=None if state == "running" else told.get("resume", again),
        problem=told.get("reason") if state == "failed" else None,
    )


def _record(folder: Path, stored: dict[str, Any]) -> WorkRecord:
    try:
        return WorkRecord.read(folder)
    except FileNotFoundError:
        # The run of an older version: its log tells the methods.
        methods: list[str] = []
        try:
            with (folder / "log.jsonl").open(encoding="utf-8") as log:
                methods = json.loads(log.readline())["methods"]
        except (OSError, ValueError, KeyError):
            methods = list(stored.get("methods") or [])
        trials, seeds = int(stored.get("tune", 0)), int(stored.get("seeds", 5))
        return WorkRecord("", tuple(methods), trials, seeds)


def _parts(left: UnitsLeft) -> tuple[Part, ...]:
    record, parts, done = left.record, [], left.done()
    for method in record.methods:
        mine = [piece for piece in done if piece.method == method]
        results = [read_result(piece.folder(left.run)) for piece in mine]
        seconds = [float(result["seconds"]) for result in results if result is not None]
        trials = sum(piece.kind == "trial" for piece in mine)
        total = record.trials + record.seeds
        # Its trials wait for one another, and then the seeds go side by side.
        chain = record.trials - trials + (1 if len(mine) - trials < record.seeds else 0)
        parts.append(part_of(method, seconds, total, chain))
    return tuple(parts)


def _told(folder: Path) -> dict[str, Any]:
    path = folder / "status.json"
    try:
        told = read_json(path)
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise RunError(f"{path} is damaged ({error}).") from error
    if not isinstance(told, dict):
        raise RunError(f"{path} is damaged: it holds no mapping.")
    return told
