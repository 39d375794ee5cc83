"""Mistakes of a protocol that show before anything is read or trained."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from rarecall.data.imbalance import check_imbalance
from rarecall.errors import RarecallError, did_you_mean
from rarecall.methods import parse
from rarecall.reproduction.measures import measures_of
from rarecall.reproduction.plan import TRAINING
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
    weights = plan.get("network", {}).get("weights")
    if weights is not None and not Path(weights).is_file():
        found.append(f"weights: there is no file {weights}.")
    return found


def _row(plan: Plan, label: str, found: list[str]) -> None:
    from rarecall.reproduction.schedules import train_settings

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
        train_settings(plan.training_of(label, setting, row.given(setting)), _ROWS)


def _of(stage: Any) -> Iterable[str]:
    of = stage.get("of") or []
    return [of] if isinstance(of, str) else of
