"""What the data were, as texts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rarecall.report.numbers import UNKNOWN, count, percent
from rarecall.report.texts import flat, names, text_of

if TYPE_CHECKING:
    from rarecall.report.stored import Comparison

_MOST_COLUMNS = 60
USES = {
    "train": "fitting the models",
    "validation": "tuning, early stopping, choosing the winner",
    "calibration": "the threshold and its guarantee",
    "test": "measuring, once, at the end",
}
GIVEN_USES = {"calibration": USES["calibration"], "test": "measuring"}
_KNOWN_DATA = {
    "name", "kind", "n", "positives", "critical", "target",
    "fingerprint", "notes", "class_counts", "split", "columns", "task", "classes",
}  # fmt: skip


def data_content(comparison: Comparison) -> dict[str, Any]:
    """Say what the data were and how they were split."""
    stored = comparison.raw["data"]
    total = {"n": stored.get("n"), "positives": stored.get("positives")}
    facts = {
        "Critical class": str(stored.get("critical", UNKNOWN)),
        "Target": str(stored.get("target", UNKNOWN)),
        "Kind": str(stored.get("kind", UNKNOWN)),
        "Samples": f"{count(total['n'])}, of them {count(total['positives'])} critical",
        "Classes": names(
            [f"{label}: {count(n)}" for label, n in (stored.get("class_counts") or {}).items()]
        ),
    }
    extra = {key: value for key, value in stored.items() if key not in _KNOWN_DATA}
    if comparison.given:
        facts["Kind"] = "scores that were given; nothing was trained"
        extra = {key: value for key, value in extra.items() if value is not None}
    if isinstance(extra.get("image_size"), list):
        extra["image_size"] = " x ".join(map(str, extra["image_size"])) + " pixels"
    facts |= {
        key.replace("_", " ").replace(".", ", ").capitalize(): value for key, value in flat(extra)
    }
    facts["Split"] = str(stored["split"].get("how") or UNKNOWN)
    if stored["split"].get("seed") is not None and not comparison.given:
        facts["Split seed"] = str(stored["split"]["seed"])
    facts["Fingerprint"] = str(stored.get("fingerprint") or UNKNOWN)
    uses = GIVEN_USES if comparison.given else USES
    if comparison.given and len(comparison.parts) == 1:
        uses = uses | {"calibration": "choosing the threshold, and measuring on the same samples"}
    parts = [
        (
            part.role,
            count(part.n),
            count(part.positives),
            percent(part.positives / part.n if part.n else None),
            uses.get(part.role, ""),
        )
        for part in comparison.parts
    ]
    return {
        "facts": [(key, value) for key, value in facts.items() if value],
        "parts": parts,
        "columns": columns(stored.get("columns")),
        "notes": [str(note) for note in stored.get("notes") or ()],
    }


def columns(stored: Any) -> dict[str, Any] | None:
    """List the columns of a table and what was found in them; None without any."""
    if not isinstance(stored, dict) or not stored:
        return None
    found = {
        str(name): dict(flat(_with_percent(value)))
        if isinstance(value, dict)
        else {"value": text_of(value)}
        for name, value in list(stored.items())[:_MOST_COLUMNS]
    }
    head = list(dict.fromkeys(key for described in found.values() for key in described))
    return {
        "n": len(stored),
        "head": [key.replace("_", " ").capitalize() for key in head],
        "rows": [(name, [told.get(key, "") for key in head]) for name, told in found.items()],
        "hidden": len(stored) - len(found),
    }


def _with_percent(told: dict[str, Any]) -> dict[str, Any]:
    return {
        key: percent(value) if key.endswith("_share") and isinstance(value, float) else value
        for key, value in told.items()
    }
