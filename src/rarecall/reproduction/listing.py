"""What can be reproduced: every protocol with what it needs, and whether that is here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rarecall.data.collections import find_source, presence
from rarecall.errors import ConfigurationError
from rarecall.papers.protocol import protocol, protocol_names

if TYPE_CHECKING:
    from pathlib import Path

    from rarecall.data.collections import Presence


@dataclass(frozen=True)
class Listed:
    """One protocol.

    Attributes:
        name: As the command calls it.
        paper: The paper's text.
        place: As the paper calls it.
        title: What it shows.
        collections: Data sets that it needs.
        networks: Networks that it trains.
        missing: Of the data sets, those that are not here or not whole.
        made_up: Of the data sets, those that are made up.
        gpu_hours: Estimate at full scale, or None.
        cpu_hours_small: Estimate at small scale on two cores, or None.
    """

    name: str
    paper: str
    place: str
    title: str
    collections: tuple[str, ...]
    networks: tuple[str, ...]
    missing: tuple[str, ...]
    made_up: tuple[str, ...]
    gpu_hours: float | None
    cpu_hours_small: float | None

    @property
    def state(self) -> str:
        """Whether its data is here, in words."""
        if self.missing:
            return f"lacks {', '.join(self.missing)}"
        if self.made_up:
            return f"made up: {', '.join(self.made_up)}"
        return "here" if self.collections else "needs none"


def listed(root: str | Path | None = None) -> list[Listed]:
    """List all protocols; data sets are looked at, not read.

    Args:
        root: Folder of the data sets; see :func:`rarecall.data.collections.data_root`.
    """
    seen: dict[str, Presence | None] = {}
    found = []
    for name in protocol_names():
        one = protocol(name)
        for collection in one.collections:
            if collection not in seen:
                seen[collection] = _look(collection, root)
        looks = {collection: seen[collection] for collection in one.collections}
        found.append(
            Listed(
                name,
                one.paper,
                one.place,
                one.title,
                one.collections,
                one.networks,
                tuple(c for c, look in looks.items() if look is None or not look.present),
                tuple(c for c, look in looks.items() if look is not None and look.made_up),
                one.cost.get("gpu_hours"),
                one.cost.get("cpu_hours_small"),
            )
        )
    return found


def how_to_get(collections: tuple[str, ...]) -> list[str]:
    """Say, a line a data set, where it is to be had and what to accept."""
    lines = []
    for name in collections:
        source = find_source(name)
        lines.append(f"{name}: {source.title}. {source.origin} Layout: {source.layout}")
    return lines


def _look(name: str, root: str | Path | None) -> Presence | None:
    try:
        return presence(name, root)
    except ConfigurationError:
        return None
