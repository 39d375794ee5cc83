"""Mistakes of a protocol that show before anything is read or trained."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from rarecall.data.imbalance import check_imbalance
from rarecall.errors import RarecallError, did_you_mean
from rarecall.methods import parse
from rarecall.papers.protocol_checks import TRAINING
from rarecall.reproduction.measures import measures_of
from rarecall.reproduction.searching import Work

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from rarecall.reproduction.plan import Plan

_ROWS = 1000


def mistakes(plan: Plan) -> list[str]:
    """List what is wrong with a plan, a sentence each; empty if nothing is.

    >>> from rarecall.reproduction.plan import Plan
    >>> rows = {"BCE": {"method": "bce", "parameters": {"alm.margin": 1}}}
    >>> told = {"settings": {}, "rows": rows, "measures": {"AUC": {"measure": "auc"}}}
    >>> mistakes(Plan.of({**told, "training": {"epochs": 1}}))
    ["row 'BCE': 'alm.margin' is no parameter of bce, nor of the training."]
    """
    found: list[str] = []

    def attempt(what: str, act: Callable[[], Any]) -> None:
        try:
            act()
        except (RarecallError, KeyError, TypeError, ValueError) as error:
            told = f"{error} is missing" if isinstance(error, KeyError) else str(error)
            found.append(f"{what}: {told}")

    attempt("measures", lambda: measures_of(plan["measures"], plan.mode))
    attempt("search", lambda: Work(plan, Path("nowhere")))
    for name in plan.asked_settings:
        told = dict(plan["settings"][name].get("imbalance") or {})
        protocol = told.pop("protocol", None)
        attempt(f"setting {name!r}", lambda n=protocol, t=told: check_imbalance(n, t))  # type: ignore[misc]  # bound now
    for label in plan.asked_rows:
        attempt(f"row {label!r}", lambda label=label: _row(plan, label, found))  # type: ignore[misc]  # bound now
    found += _weights(plan)
    found += _views(plan)
    return found


def _weights(plan: Plan) -> list[str]:
    """Name the files of first weights that are not there, each once."""
    asked = [(row, setting) for row in plan.asked_rows for setting in plan.asked_settings]
    files = dict.fromkeys(plan.network_of(*one)[2] for one in asked)
    return [
        f"weights: there is no file {path}."
        for path in files
        if path is not None and not Path(path).is_file()
    ]


def _views(plan: Plan) -> list[str]:
    """Measures of augmented copies need copies, and copies need an augmentation."""
    wanted = [label for label, told in plan["measures"].items() if told.get("views")]
    if not wanted:
        return []
    if plan.test_views < 1:
        return [f"measures: {', '.join(wanted)} is of augmented copies; say test_views, how many."]
    asked = [(row, setting) for row in plan.asked_rows for setting in plan.asked_settings]
    plain = [
        row
        for row, setting in asked
        if (plan.training_of(row, setting, {}).get("augment") or "none") == "none"
    ]
    return [
        f"row {row!r}: {', '.join(wanted)} is of augmented copies, but its training has no augment."
        for row in dict.fromkeys(plain)
    ]


def _row(plan: Plan, label: str, found: list[str]) -> None:
    from rarecall.reproduction.jobs import own_parameters
    from rarecall.reproduction.schedules import train_settings
    from rarecall.training.technique import Technique

    row = plan.row(label)
    known = parse(row.method).parameters
    searched = [
        name for stage in plan.get("search", []) if label in _of(stage) for name in stage["grid"]
    ]
    own = [name for told in (row.parameters, *row.by_setting.values()) for name in told]
    for name in dict.fromkeys([*own, *searched]):
        if name not in known and name not in TRAINING:
            near = did_you_mean(name, [*known, *TRAINING])
            found.append(
                f"row {label!r}: {name!r} is no parameter of {row.method}, nor of the "
                f"training.{near}"
            )
    if row.baseline is not None and row.baseline not in plan["rows"]:
        found.append(f"row {label!r}: its baseline {row.baseline!r} is no row.")
    for setting in plan.asked_settings:
        told = plan.training_of(label, setting, row.given(setting))
        train_settings(told, _ROWS)
        method = parse(row.method)
        Technique.of(method, own_parameters(method, row.given(setting), told))


def _of(stage: Any) -> Iterable[str]:
    of = stage.get("of") or []
    return [of] if isinstance(of, str) else of
