"""What the page of a reproduction shows, as plain texts in the order of the page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rarecall.report.numbers import count, duration, level, plural
from rarecall.report.reproduction.amounts import unit
from rarecall.report.reproduction.tables import against_table, cost_table, side_table, spread_table
from rarecall.report.texts import flat, text_of
from rarecall.reproduction.judging import of_setting
from rarecall.reproduction.verdicts import conditions, summary, tag, warnings, whole

if TYPE_CHECKING:
    from rarecall.reproduction.stored import Reproduction, Setting

_FEW = 6
"""So many verdicts on the first measure stand open on the page."""


def reproduction_content(found: Reproduction) -> dict[str, Any]:
    """Give the template everything but the drawings."""
    raw = found.raw
    said = whole(found)
    return {
        "title": f"{found.head}: {found.title}",
        "head": found.head,
        "shows": found.title,
        "citation": found.citation,
        "version": found.version,
        "created": found.created[:16].replace("T", " "),
        "protocol": found.protocol,
        "scale": found.scale,
        "mode": found.mode,
        "conditions": conditions(found),
        "warnings": warnings(found),
        "lead": said[0] if said else _nothing(found),
        "said": said[1:],
        "facts": _facts(found),
        "made_up": found.made_up,
        "confidence": level(found.confidence),
        "unit": unit(found.measures),
        "settings": [_setting(found, setting) for setting in found.settings],
        "doubts": [str(one) for one in raw.get("doubts") or ()],
        "notes": [str(one) for one in raw.get("notes") or ()],
        "search": _search(found),
        "data": _data(found),
        "environment": flat(raw.get("environment") or {}),
    }


def _nothing(found: Reproduction) -> str:
    if found.made_up:
        return "This run shows that the protocol can be run, and nothing about the methods."
    if not any(row.own for setting in found.settings for row in setting.rows):
        return "Nothing has been measured yet."
    return "The paper prints no number that own ones could be held against."


def _facts(found: Reproduction) -> list[tuple[str, str, str]]:
    rows = [row for setting in found.settings for row in setting.rows]
    wanted, done, failed = found.units
    trainings = sum(row.trainings or 0 for row in rows)
    seconds = sum(row.seconds or 0.0 for row in rows)
    state = "unfinished" if found.unfinished or done + failed < wanted else "complete"
    return [
        ("Scale", found.scale, "the paper's own" if found.scale == "full" else "not the paper's"),
        ("Mode", found.mode, "how data is drawn and FPR read"),
        (
            "Units done",
            f"{count(done)} of {count(wanted)}",
            f"{state}, {count(failed)} failed" if failed else state,
        ),
        ("Training", duration(seconds), f"{plural(trainings, 'training', 'trainings')}, summed"),
    ]


def _setting(found: Reproduction, setting: Setting) -> dict[str, Any]:
    judged = of_setting(found, setting)
    first = found.measures[0].label if found.measures else ""
    few = sum(one.measure.label == first for one in judged) <= _FEW
    return {
        "name": setting.name,
        "tag": tag(found, setting, *setting.rows),
        "made_up": setting.made_up,
        "counts": _counts(setting),
        "compared": _compared(found, setting),
        "squares": any(row.baseline for row in setting.rows),
        "sides": side_table(found, setting),
        "against": against_table(found, setting, judged),
        "spread": spread_table(found, setting),
        "cost": cost_table(setting),
        "summary": summary(found, setting) if len(found.settings) > 1 else "",
        "verdicts": [one.sentence for one in judged if few and one.measure.label == first],
        "more": [one.sentence for one in judged if not few or one.measure.label != first],
        "remarks": [(row.label, remark) for row in setting.rows for remark in row.remarks],
    }


def _counts(setting: Setting) -> str:
    """Tell how many samples of which kind every part holds, in a sentence."""
    counts = {part: numbers for part, numbers in setting.counts.items() if numbers}
    if not counts:
        return ""
    if setting.task == "multilabel":
        sizes = "; ".join(f"{part} {count(n)}" for part, n in setting.sizes.items())
        places = range(max(len(numbers) for numbers in counts.values()))
        named = len(setting.labels) == len(places)
        names = setting.labels if named else tuple(f"label {k}" for k in places)
        labels = "; ".join(
            f"{name} {', '.join(count(numbers[k]) for numbers in counts.values())}"
            for k, name in zip(places, names, strict=True)
        )
        whole_parts = f"Samples: {sizes}. " if sizes else ""
        return f"{whole_parts}Positives in {', '.join(counts)}: {labels}."
    listed = "; ".join(f"{part} {', '.join(map(count, n))}" for part, n in counts.items())
    two = all(len(numbers) == 2 for numbers in counts.values())
    return f"{'Negatives and positives' if two else 'Samples by class'}: {listed}."


def _compared(found: Reproduction, setting: Setting) -> str:
    """Say how differences are tested; DeLong's test is one of two classes."""
    aucs = setting.task == "binary" and any(measure.kind == "auc" for measure in found.measures)
    others = not aucs or any(measure.kind != "auc" for measure in found.measures)
    if aucs and others:
        return (
            "AUC is compared by DeLong's test, other measures by paired resampling of the test "
            "samples."
        )
    how = "DeLong's test" if aucs else "paired resampling of the test samples"
    return f"Differences are tested by {how}."


def _search(found: Reproduction) -> list[tuple[str, str, str, str, str]]:
    return [
        (
            str(one.get("stage") or ""),
            str(one.get("setting") or "all"),
            str(one.get("row") or ""),
            ", ".join(f"{key} {text_of(value)}" for key, value in (one.get("chosen") or {}).items())
            or "none",
            text_of(one.get("trials")),
        )
        for one in found.raw.get("search") or ()
    ]


def _data(found: Reproduction) -> list[tuple[str, str]]:
    said = []
    for name, one in (found.raw.get("data") or {}).items():
        facts = [f"{key} {value}" for key, value in flat(one.get("counts") or {})]
        mark = "MADE UP: the numbers mean nothing" if one.get("made_up") else ""
        fingerprint = f"fingerprint {one.get('fingerprint')}" if one.get("fingerprint") else ""
        said.append((str(name), "; ".join(filter(None, [mark, ", ".join(facts), fingerprint]))))
    return said
