"""The page's content as strings in order; the template only lays it out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml

from rarecall.report import promises, sentences
from rarecall.report.data_view import data_content
from rarecall.report.in_use.sentences import plain, weak_evidence
from rarecall.report.in_use.view import in_use_content
from rarecall.report.numbers import (
    bracket,
    count,
    duration,
    level,
    p_value,
    percent,
    plural,
    rate_digits,
    share,
    share_bracket,
    share_digits,
    signed,
    signed_bracket,
)
from rarecall.report.table import comparison_table
from rarecall.report.texts import flat, join, names

if TYPE_CHECKING:
    from rarecall.report.records import Method
    from rarecall.report.stored import Comparison


def page_content(comparison: Comparison) -> dict[str, Any]:
    """Say everything on the page, apart from its drawings; nothing in it is escaped yet."""
    raw = comparison.raw
    return {
        "title": str(raw["data"].get("name") or "comparison"),
        "critical": str(raw["data"].get("critical", "")),
        "target": str(raw["data"].get("target") or ""),
        "created": str(raw.get("created") or "")[:16].replace("T", " "),
        "version": str(raw.get("rarecall") or ""),
        "required": level(comparison.tpr),
        "given": comparison.given,
        "noun": comparison.noun,
        "intervals": comparison.has_intervals,
        "many": len(comparison.methods) > 1,
        "measured_on": comparison.measured_on,
        "whose": comparison.winner.name if comparison.given else "the winner",
        "in_use": in_use_content(comparison),
        "confidence": level(comparison.confidence),
        "answer": answer(comparison),
        "others": names([m.name for m in comparison.methods if not m.marks]),
        "ensemble": comparison.seeds > 1,
        "table": comparison_table(comparison),
        "threshold": threshold(comparison),
        "data": data_content(comparison),
        # Of a given model nothing is known but its scores.
        "details": []
        if comparison.given
        else [details(method, rate_digits(comparison)) for method in comparison.methods],
        "remarks": [(m.name, remark) for m in comparison.methods for remark in m.remarks],
        "seeds": seeds(comparison),
        "config": as_yaml(raw.get("config")),
        "environment": flat(raw.get("environment") or {}),
        "limits": [str(limit) for limit in raw.get("limits") or ()],
    }


def answer(comparison: Comparison) -> dict[str, Any]:
    """Say the finding, how sure it is, and four facts at a glance."""
    chosen, digits = comparison.threshold, rate_digits(comparison)
    found = comparison.winner.fpr_at(comparison.tpr)
    facts = [
        (
            f"False positive rate at TPR >= {level(comparison.tpr)}",
            percent(found.value, digits),
            f"{bracket(found, digits)} {level(comparison.confidence)} interval"
            if found.has_interval
            else "no interval stored",
        ),
        _fact_of_auc(comparison) if comparison.given else _fact_of_difference(comparison),
    ]
    if chosen is not None:
        value = "flag all" if chosen.value is None else f"{chosen.value:.4g}"
        facts.append(("Threshold on the score", value, "flag at this score or above"))
        have = "?" if chosen.positives is None else count(chosen.positives)
        unit = "groups" if chosen.unit == "group" else "cases"
        of = f"{have} critical calibration {unit}, {count(chosen.needed)} needed"
        kept = f"TPR >= {level(chosen.tpr)}" if chosen.guaranteed else "none"
        sure = f" with {level(chosen.confidence)} confidence" if chosen.guaranteed else ""
        facts.append((f"Guarantee{sure}", kept, of))
    evidence = "" if comparison.in_use is None else weak_evidence(comparison.in_use)
    said = [
        ("Range", sentences.breadth(comparison)),
        ("Choice", sentences.choice(comparison)),
        ("Certainty", sentences.certainty(comparison)),
        ("Reference", sentences.scale(comparison)),
        ("Threshold", promises.guarantee(comparison) if chosen else promises.threshold(comparison)),
        ("On test", join(promises.achieved(comparison), promises.kept(comparison))),
        ("Evidence", evidence),
    ]
    return {
        "lead": sentences.answer(comparison),
        "plain": plain(comparison),
        "facts": facts,
        "said": [(head, text) for head, text in said if text],
        "message": comparison.message,
    }


def _fact_of_auc(comparison: Comparison) -> tuple[str, str, str]:
    found, digits = comparison.winner.auc, share_digits(comparison)
    interval = share_bracket(found, digits)
    sure = f"{interval} {level(comparison.confidence)} interval" if interval else ""
    return "AUC", share(found.value, digits), sure or "no interval stored"


def _fact_of_difference(comparison: Comparison) -> tuple[str, str, str]:
    found, digits = comparison.winner.difference, rate_digits(comparison)
    head = f"Against the baseline {comparison.baseline or ''}".strip()
    if comparison.winner.baseline:
        return head, "is the baseline", "no method did better on validation"
    if found is None or comparison.baseline is None:
        return head, "not tested", "no paired difference stored"
    if found.verdict not in ("lower", "higher"):
        interval = signed_bracket(found.estimate, digits)
        points = f"{signed(found.estimate.value, digits)} points {interval}".strip()
        return head, "no difference shown", points
    value = f"{signed(found.estimate.value, digits)} points"
    return head, value, join(signed_bracket(found.estimate, digits), p_value(found.p))


def threshold(comparison: Comparison) -> dict[str, Any]:
    """Say the threshold with its promise and what it did on test."""
    chosen = comparison.threshold
    return {
        "any": chosen is not None,
        "value": None if chosen is None or chosen.value is None else promises.exact(chosen.value),
        "rule": promises.threshold(comparison),
        "guaranteed": chosen is not None and chosen.guaranteed,
        "guarantee": promises.guarantee(comparison),
        "more": promises.more_needed(comparison),
        "assumption": "" if chosen is None else chosen.assumption,
        "achieved": join(promises.achieved(comparison), promises.kept(comparison)),
        "alarms": promises.real_alarms(comparison),
        "other_rate": promises.other_rate(comparison),
    }


def details(method: Method, digits: int) -> dict[str, Any]:
    """List a method's settings and cost."""
    tuned = f"tuned, {plural(method.trials, 'trial', 'trials')}" if method.tuned else "defaults"
    return {
        "name": method.name,
        "marks": method.marks,
        "labels": method.labels,
        "parameters": flat(method.parameters),
        "tuned": tuned,
        "validation": percent(method.validation_fpr, digits),
        "steps": count(method.steps),
        "rows": count(method.rows),
        "seconds": duration(method.seconds),
        "tuning": duration(method.tuning_seconds) if method.tuning_seconds else "none",
    }


def seeds(comparison: Comparison) -> list[tuple[str, ...]]:
    """List every single model: method, seed, FPR, AUC, best epoch, steps, time."""
    digits, auc_digits = rate_digits(comparison), share_digits(comparison)
    return [
        (
            method.name,
            str(seed.number),
            percent(seed.fpr, digits),
            share(seed.auc, auc_digits),
            count(seed.best_epoch),
            count(seed.steps),
            duration(seed.seconds),
        )
        for method in comparison.methods
        for seed in method.seeds
    ]


def as_yaml(config: Any) -> str:
    """Write the configuration as its file would."""
    if not config:
        return ""
    return yaml.safe_dump(config, sort_keys=False, allow_unicode=True, width=88)
