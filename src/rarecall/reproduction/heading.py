"""How every document of results begins: which protocol it is of, and when it was made."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from rarecall import __version__
from rarecall.papers.printed import citation_of

if TYPE_CHECKING:
    from rarecall.reproduction.run_folder import Begun

FORMAT = 1
"""Of ``results.json``."""


def heading_of(begun: Begun) -> dict[str, Any]:
    """Give the opening of the results of a run."""
    plan = begun.plan
    return {
        "format": FORMAT,
        "kind": "reproduction",
        "protocol": plan["name"],
        "paper": plan.get("paper"),
        "citation": citation_of(str(plan.get("paper", ""))),
        "place": plan.get("place"),
        "title": plan.get("title"),
        "scale": plan.get("scale", "full"),
        "mode": plan.mode,
        "rarecall": __version__,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "begun": begun.created,
    }
