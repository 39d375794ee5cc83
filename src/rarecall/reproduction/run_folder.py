"""The folder of a run: what was asked, which others may join, and where everything lies."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from rarecall import __version__
from rarecall.errors import RunError
from rarecall.files import read_json, write_json
from rarecall.reproduction.plan import Plan
from rarecall.work.claims import alone

if TYPE_CHECKING:
    from pathlib import Path

FORMAT = 1
RUN = "run.json"
RESULTS = "results.json"
_TOLD = ("doubts", "cost", "title", "place", "paper", "printed", "curves")
"""What may change within a run, since no training depends on it."""


@dataclass(frozen=True)
class Begun:
    """A run that was begun.

    Attributes:
        folder: Of the run.
        plan: What it consists of; rows and settings are those of everybody who joined.
        study: Name of its queue.
        created: When it was begun, UTC.
        begun_with: Version of rarecall that began it.
    """

    folder: Path
    plan: Plan
    study: str
    created: str
    begun_with: str


def begin(folder: Path, plan: Plan) -> Begun:
    """Begin a run in ``folder``, or join the one that is there.

    Joining adds the rows and settings asked for to those of the run; everything else must be the
    same.

    Raises:
        RunError: The folder holds another run, or something else.
        StorageError: It cannot be written.
    """
    with alone(folder / ".beginning") as mine:
        if not mine:
            raise RunError(f"Another process holds {folder / '.beginning'}. Try again.")
        stored = _stored(folder)
        if stored is None:
            begun = Begun(
                folder,
                plan,
                f"{plan['name']}-{uuid.uuid4().hex[:12]}",
                datetime.now(UTC).isoformat(timespec="seconds"),
                __version__,
            )
        else:
            begun = _opened(folder, stored)
            _refuse_other(folder, begun.plan, plan)
            told = {key: plan.description.get(key) for key in _TOLD}
            renewed = replace(begun.plan, description={**begun.plan.description, **told})
            begun = replace(begun, plan=renewed.with_asked(plan.asked_rows, plan.asked_settings))
        write_json(folder / RUN, _to_json(begun))
    return begun


def opened(folder: Path) -> Begun:
    """Read the run in ``folder``.

    Raises:
        RunError: There is none.
    """
    stored = _stored(folder)
    if stored is None:
        raise RunError(f"There is no run in {folder}: it has no {RUN}.")
    return _opened(folder, stored)


def _stored(folder: Path) -> dict[str, Any] | None:
    path = folder / RUN
    try:
        stored = read_json(path)
    except FileNotFoundError:
        others = [one.name for one in folder.iterdir() if not one.name.startswith(".")]
        if others:
            raise RunError(
                f"{folder} is not empty and holds no run ({others[0]} is there), so nothing is "
                "written there. Choose another --out."
            ) from None
        return None
    except (OSError, ValueError) as error:
        raise RunError(f"{path} is damaged ({error}). Choose another --out.") from error
    if not isinstance(stored, dict) or stored.get("format") != FORMAT:
        raise RunError(f"{path} is of another version of rarecall. Choose another --out.")
    return stored


def _opened(folder: Path, stored: dict[str, Any]) -> Begun:
    asked = stored["asked"]
    plan = Plan(stored["protocol"], tuple(asked["rows"]), tuple(asked["settings"]))
    return Begun(folder, plan, stored["study"], stored["created"], stored["rarecall"])


def _to_json(begun: Begun) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "kind": "reproduction",
        "study": begun.study,
        "created": begun.created,
        "rarecall": begun.begun_with,
        "asked": {
            "rows": list(begun.plan.asked_rows),
            "settings": list(begun.plan.asked_settings),
        },
        "protocol": begun.plan.description,
    }


def _refuse_other(folder: Path, before: Plan, now: Plan) -> None:
    told = before.description, now.description
    changed = [
        key
        for key in {**told[0], **told[1]}
        if key not in _TOLD and told[0].get(key) != told[1].get(key)
    ]
    if changed:
        lines = "\n".join(
            f"- {key}: {_short(told[0].get(key))} before, {_short(told[1].get(key))} now"
            for key in changed
        )
        raise RunError(
            f"The run in {folder} was begun otherwise:\n{lines}\n"
            "Join it with what it was begun with, or choose another --out."
        )


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= 90 else f"{text[:87]}..."
