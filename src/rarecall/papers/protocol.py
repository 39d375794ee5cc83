"""Protocols: what a table, figure or analysis of a paper was made of, ready to be run.

A protocol says which data (``settings``), which methods (``rows``), what is measured, how a network
is trained, how many times, and how hyper-parameters are searched. Its settings, rows and measures
have the labels of the printed table, so that own numbers stand beside those of the paper.
"""

from __future__ import annotations

from copy import deepcopy
from dataclasses import fields
from functools import cache
from typing import TYPE_CHECKING, Any, Literal

from rarecall.errors import ConfigurationError, did_you_mean
from rarecall.papers.protocol_fields import Description, Protocol, ResolvedProtocol, Units
from rarecall.papers.protocol_files import (
    kept_stages,
    merged,
    names_of_files,
    picked,
    read_description,
)

if TYPE_CHECKING:
    from pathlib import Path

__all__ = [
    "MODES",
    "SCALES",
    "Protocol",
    "ResolvedProtocol",
    "Units",
    "protocol",
    "protocol_names",
    "read_protocol",
    "resolve",
]

Scale = Literal["full", "small", "smoke"]
Mode = Literal["strict", "as-published"]
SCALES: tuple[Scale, ...] = ("full", "small", "smoke")
MODES: tuple[Mode, ...] = ("strict", "as-published")


def protocol_names() -> tuple[str, ...]:
    """Name all protocols, paper by paper, in the papers' order.

    >>> protocol_names()[:2]
    ('alm-table-1', 'alm-table-2')
    """
    return names_of_files()


def protocol(name: str) -> Protocol:
    """Give a protocol by its name.

    Raises:
        ConfigurationError: There is no such protocol.

    >>> one = protocol("alm-table-1")
    >>> one.place, one.collections, one.rows["ALM + BCE"]["method"]
    ('Table 1', ('cifar10',), 'bce+alm')
    """
    known = protocol_names()
    if name not in known:
        raise ConfigurationError(
            f"There is no protocol {name!r}.{did_you_mean(name, known)} `rarecall reproduce list` "
            "shows all."
        )
    # A copy: the mappings in it are plain, and a caller may change its own.
    return deepcopy(_stored(name))


def read_protocol(path: str | Path) -> Protocol:
    """Read a protocol from a file of one's own, in the form of the built-in ones.

    Raises:
        DataError: There is no such file.
        ConfigurationError: Names every mistake in it.
    """
    return _checked(read_description(path))


def resolve(protocol: Protocol, scale: str = "full", mode: str = "strict") -> ResolvedProtocol:
    """Apply what a scale changes.

    Args:
        protocol: Of :func:`protocol`.
        scale: ``"full"`` is the paper's own, ``"small"`` fits two cores and an hour, ``"smoke"``
            shows in about a minute that everything runs.
        mode: ``"strict"`` or ``"as-published"``.

    Raises:
        ConfigurationError: The scale or mode is unknown, or what the scale changes is impossible.

    >>> small = resolve(protocol("alm-table-1"), "small")
    >>> list(small.settings), small.training["epochs"] < 100
    (['1:100'], True)
    """
    for given, known, what in ((scale, SCALES, "scale"), (mode, MODES, "mode")):
        if given not in known:
            raise ConfigurationError(
                f"The {what} must be {', '.join(known)}, not {given!r}.{did_you_mean(given, known)}"
            )
    described = {name: deepcopy(getattr(protocol, name)) for name in _COMMON}
    changes = dict(protocol.scales.get(scale) or {})
    for part in ("settings", "rows", "measures"):
        if changes.get(part) is not None:
            where = f"{protocol.name}, {part} of the scale {scale}"
            described[part] = picked(described[part], changes[part], where)
        changes.pop(part, None)
    described = merged(described, changes)
    if "steps" in (changes.get("training") or {}):
        described["training"].pop("epochs", None)
    kept = described["rows"]
    for row in kept.values():
        if row.get("baseline") not in kept:
            row.pop("baseline", None)
        # Rows alone say how they are trained: one place to look for whoever trains.
        before = row.pop("by_setting", {})
        own = {
            label: {**setting.get("training", {}), **before.get(label, {})}
            for label, setting in described["settings"].items()
        }
        if any(own.values()):
            row["by_setting"] = {label: values for label, values in own.items() if values}
    for setting in described["settings"].values():
        setting.pop("training", None)
    described["search"] = tuple(kept_stages(described["search"], kept))
    return ResolvedProtocol(**described, scale=scale, mode=mode)


_COMMON = tuple(each.name for each in fields(Description))


@cache
def _stored(name: str) -> Protocol:
    # Its own tests hold it to the checks, which would load half of the library here.
    return _made(read_description(name))


def _made(told: dict[str, Any]) -> Protocol:
    return Protocol(**told | {name: tuple(told.get(name) or ()) for name in _LISTS})


_LISTS = ("printed", "search", "doubts")


def _checked(told: dict[str, Any]) -> Protocol:
    from rarecall.papers.protocol_checks import mistakes_of

    mistakes = mistakes_of(told, tuple(each.name for each in fields(Protocol)))
    if not mistakes:
        made = _made(told)
        for scale in SCALES:
            try:
                resolve(made, scale)
            except ConfigurationError as error:
                mistakes.append(str(error))
    if mistakes:
        raise ConfigurationError(
            "\n  ".join([f"The protocol {told.get('name', '?')} cannot be used:", *mistakes])
        )
    return made
