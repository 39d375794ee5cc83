"""The page of several classes or labels as strings in order; the template only lays it out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rarecall.report import sentences
from rarecall.report.data_view import data_content
from rarecall.report.in_use.sentences import plain
from rarecall.report.in_use.view import in_use_content
from rarecall.report.numbers import (
    UNKNOWN,
    bracket,
    count,
    duration,
    level,
    p_value,
    percent,
    share,
    share_digits,
    signed,
    signed_bracket,
)
from rarecall.report.several import sentences as words
from rarecall.report.table import comparison_table
from rarecall.report.texts import flat, join, names
from rarecall.report.view import as_yaml, details, seeds, threshold

if TYPE_CHECKING:
    from rarecall.report.records import Method
    from rarecall.report.several.stored import One, Several


def several_content(several: Several) -> dict[str, Any]:
    """Say everything on the page, apart from its drawings; nothing in it is escaped yet."""
    overall = several.overall
    raw = overall.raw
    places = words.digits(several)
    return {
        "title": str(raw["data"].get("name") or "comparison"),
        "kind": several.kind,
        "noun": several.noun,
        "critical": [one.name for one in several.classes],
        "target": str(raw["data"].get("target") or ""),
        "created": str(raw.get("created") or "")[:16].replace("T", " "),
        "version": str(raw.get("rarecall") or ""),
        "required": level(overall.tpr),
        "confidence": level(overall.confidence),
        "answer": answer(several),
        "ensemble": overall.seeds > 1,
        "grid": grid(several),
        "among": among(several),
        "classes": [of_class(one, several) for one in several.classes],
        "together": words.together(several),
        "assignment": words.assignment(several),
        "by_itself": words.by_itself(several),
        "data": {**data_content(overall), "classes": class_parts(several)},
        "details": [details(method, places) for method in overall.methods],
        "remarks": [(m.name, remark) for m in overall.methods for remark in m.remarks],
        "seeds": seeds(overall),
        "mean": "Mean FPR" if len(several.classes) > 1 else "FPR",
        "config": as_yaml(raw.get("config")),
        "environment": flat(raw.get("environment") or {}),
        "limits": [str(limit) for limit in raw.get("limits") or ()],
    }


def answer(several: Several) -> dict[str, Any]:
    """Say the finding, how sure it is, and four facts at a glance."""
    overall, places = several.overall, words.digits(several)
    winner, many = overall.winner, len(several.classes) > 1
    rates = [
        (rate, one.name)
        for one in several.classes
        if (rate := one.found.winner.fpr_at(overall.tpr).value) is not None
    ]
    at = f"at TPR >= {level(overall.tpr)}"
    facts = [
        (
            f"Mean false positive rate {at}" if many else f"False positive rate {at}",
            percent(winner.fpr_at(overall.tpr).value, places),
            f"over {several.nouns}" if many else f"of {several.classes[0].name}",
        )
    ]
    if many and rates:
        worst = max(rates)
        facts.append((f"Highest of them {at}", percent(worst[0], places), f"for {worst[1]}"))
    if several.kind == "multiclass":
        stored = several.stored(winner)
        balanced = percent(stored.get("balanced_accuracy"))
        facts.append(
            ("Accuracy over all classes", percent(stored.get("accuracy")), f"balanced: {balanced}")
        )
    else:
        facts.append(("Mean AUC", share(winner.auc.value, share_digits(overall)), "on test"))
    held = f"{several.guaranteed} of {len(several.classes)}"
    facts.append(
        (
            f"Guarantees of TPR >= {level(overall.tpr)}",
            held,
            f"each by itself, with {level(overall.confidence)} confidence",
        )
    )
    said = [
        ("Choice", sentences.choice(overall)),
        ("Certainty", words.certainty(several)),
        ("Reference", words.scale(several)),
        ("Thresholds", words.by_itself(several)),
        ("Together", words.together(several)),
    ]
    return {
        "lead": words.answer(several),
        "facts": facts,
        "said": [(head, text) for head, text in said if text],
        "message": overall.message,
    }


def grid(several: Several) -> dict[str, Any]:
    """Lay out methods against classes: FPR at the required TPR, with what was tested."""
    overall, places = several.overall, words.digits(several)
    many = len(several.classes) > 1
    head = [("Mean FPR", "over all of them")] * many
    head += [(f"FPR for {one.name}", "") for one in several.classes]
    head += [("Mean AUC" if many else "AUC", "")]
    if several.kind == "multiclass":
        head += [("Accuracy", "over all classes"), ("Balanced accuracy", "")]
    head += [("Time", "training + tuning")]
    rows = []
    for place, method in enumerate(overall.methods):
        cells = [(percent(method.fpr_at(overall.tpr).value, places), "")] * many
        cells += [_cell(one, place, places) for one in several.classes]
        cells.append((share(method.auc.value, share_digits(overall)), ""))
        if several.kind == "multiclass":
            stored = several.stored(method)
            cells.append((percent(stored.get("accuracy")), ""))
            cells.append((percent(stored.get("balanced_accuracy")), ""))
        tuning = f"+ {duration(method.tuning_seconds)} tuning" if method.tuning_seconds else ""
        cells.append((duration(method.seconds), tuning))
        rows.append({"name": method.name, "marks": method.marks, "cells": cells})
    return {"head": head, "rows": rows, "against": overall.baseline is not None}


def _cell(one: One, place: int, places: int) -> tuple[str, str]:
    method = one.found.methods[place]
    found, tested = method.fpr_at(one.found.tpr), method.difference
    verdict = ""
    if tested is not None and tested.verdict in ("lower", "higher"):
        verdict = f"{tested.verdict}, {p_value(tested.p)}"
    return percent(found.value, places), join(bracket(found, places), verdict, sep="; ")


def among(several: Several) -> dict[str, Any] | None:
    """Lay out what a multi-class method does with the other classes; None in multi-label work."""
    if several.kind != "multiclass":
        return None
    levels = list(several.classes[0].raw["methods"][0]["error_at_tpr"])
    head = [
        (f"Error at TPR {level(float(at))}", f"of {one.name}")
        for one in several.classes
        for at in levels
    ]
    head += [(f"Recognised as {one.name}", "by arg-max") for one in several.classes]
    rows = []
    for method in several.overall.methods:
        cells = [
            (percent(one.measures(method.name)["error_at_tpr"].get(at)), "")
            for one in several.classes
            for at in levels
        ]
        cells += [
            (percent(one.measures(method.name).get("accuracy")), "") for one in several.classes
        ]
        rows.append({"name": method.name, "marks": method.marks, "cells": cells})
    return {"head": head, "rows": rows}


def of_class(one: One, several: Several) -> dict[str, Any]:
    """Say of one class what a binary report says."""
    found, places = one.found, words.digits(several)
    rate = found.winner.fpr_at(found.tpr)
    return {
        "name": one.name,
        "lead": sentences.answer(found),
        "breadth": sentences.breadth(found),
        "certainty": sentences.certainty(found),
        "rate": percent(rate.value, places),
        "interval": bracket(rate, places),
        "difference": _difference(found.winner, places),
        "table": comparison_table(found),
        "threshold": threshold(found),
        "plain": plain(found),
        "in_use": in_use_content(found),
        "others": names([m.name for m in found.methods if not m.marks]),
    }


def _difference(method: Method, places: int) -> str:
    found = method.difference
    if found is None:
        return "is the baseline" if method.baseline else UNKNOWN
    points = f"{signed(found.estimate.value, places)} {signed_bracket(found.estimate, places)}"
    return f"{points.strip()}: {found.verdict}"


def class_parts(several: Several) -> dict[str, Any]:
    """Count the samples of every class in every part of the split."""
    roles = [part.role for part in several.overall.parts]
    rows = [
        (
            one.name,
            [count(part.positives) for part in one.found.parts],
            [count(part.n - part.positives) for part in one.found.parts],
        )
        for one in several.classes
    ]
    return {"roles": roles, "rows": rows}
