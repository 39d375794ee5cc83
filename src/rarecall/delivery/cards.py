"""The model card: what a model is, what it was measured to do and what it promises."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from rarecall.delivery.facts import card_facts
from rarecall.metrics.inputs import as_percent

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from rarecall.delivery.delivered import Delivered

_FILL_IN = """\
> **To be filled in by whoever puts the model to use.** Nothing in this section was written by
> rarecall, and a model card without it is not complete.
>
> - Who uses the model, for which decision, and what happens to what is flagged?
> - Where may it *not* be used (other sites, devices, ages, times)?
> - Who looks at rows that cannot be scored, and who answers for what is missed?
> - When is the promise checked again, with which newly confirmed cases?"""


_KINDS = {"table": "a table", "images": "images", "images+table": "images with a row of data each"}


def model_card(model: Delivered) -> str:
    """Write the model card of a delivered model.

    Everything in it comes from the model folder. The intended use, which no program can know, is
    left open and marked.

    Args:
        model: The delivered model.

    Returns:
        Markdown.
    """
    facts = card_facts(model)
    parts = [
        f"# Model card: {_text(facts['name'])}",
        "## Intended use\n\n" + _FILL_IN,
        "## The model\n\n" + "\n".join(_model(facts)),
        "## Data\n\n" + "\n".join(_data(facts)),
    ]
    several = len(facts["classes"]) > 1
    parts += ["\n\n".join(_class(one, facts, several=several)) for one in facts["classes"]]
    if facts["limits"]:
        parts.append("## Limits\n\n" + _bullets(facts["limits"]))
    parts.append("## Versions\n\n" + "\n".join(_versions(facts)))
    return "\n\n".join(parts) + "\n"


def _model(facts: Mapping[str, Any]) -> Iterator[str]:
    model = facts["model"]
    yield f"- Method: `{_code(model['method'])}`"
    built = f"{_code(model['network']['built'])}, {model['network']['weights']:,} weights"
    yield (f"- Network: `{_code(model['network']['name'])}` ({built}), for {_KINDS[model['kind']]}")
    members = model["members"]
    yield (
        f"- Members: {members}"
        + (", whose scores are averaged" if members > 1 else "")
        + _seeds(model["seeds"])
    )
    if model["tta"] != "none":
        yield f"- Test-time augmentation: {model['tta']}, views are averaged"
    yield f"- Fingerprint: `{model['fingerprint']}`"
    yield "- Scores are raw, higher is more critical; they do not depend on other rows."
    check = facts["check"]
    if check is not None:
        largest = check["largest_difference"]
        differ = f"differ by up to {largest:.2g}" if largest else "are the same to the last bit"
        yield (
            f"- Scored again from its folder, {check['rows']:,} calibration scores {differ}; "
            f"decisions changed: {check['decisions_changed']}."
        )


def _seeds(seeds: Sequence[int | None]) -> str:
    known = list(dict.fromkeys(str(seed) for seed in seeds if seed is not None))
    return f"; seed{'s' if len(known) > 1 else ''} {', '.join(known)}" if known else ""


def _data(facts: Mapping[str, Any]) -> Iterator[str]:
    data = facts["data"]
    yield f"- Source: {_text(data.get('name', 'not named'))}"
    if data.get("fingerprint"):
        yield f"- Fingerprint: `{data['fingerprint']}`"
    yield f"- Label: {_text(data['target'])}; must not be missed: {_text(data['critical'])}"
    if data.get("class_counts"):
        counts = (f"{_text(name)} {n:,}" for name, n in data["class_counts"].items())
        yield f"- Samples: {', '.join(counts)}"
    parts = (data.get("split") or {}).get("parts") or {}
    if parts:
        sizes = (
            f"{role} {part['n']:,} ({part['positives']:,} critical)" for role, part in parts.items()
        )
        yield f"- Parts: {', '.join(sizes)}"
        yield f"- Split: {_text(data['split'].get('how', ''))}"
    inputs = data["inputs"]
    shown = ", ".join(_text(name) for name in inputs[:30])
    yield f"- Inputs: {shown}" + (f" and {len(inputs) - 30} more" if len(inputs) > 30 else "")
    for note in data.get("notes") or []:
        yield f"- Note: {_text(note)}"


def _class(one: Mapping[str, Any], facts: Mapping[str, Any], *, several: bool) -> Iterator[str]:
    yield f"## Operating point{': ' + _text(one['name']) if several else ''}"
    yield (
        f"A sample is flagged as **{_text(one['name'])}** when its score is at least "
        f"`{one['threshold']!r}`."
    )
    promise = one["promise"]
    yield f"**{_text(one['statement'] if promise is None else promise['statement'])}**"
    if promise is None:
        yield "There is no certificate for this threshold."
    else:
        if promise["made"]:
            yield "It holds only if:\n\n" + _bullets(promise["assumptions"])
        yield (
            f"Calibration samples: {promise['n']:,}, {promise['positives']:,} of them critical; "
            f"fingerprint `{promise['data_fingerprint']}`; certified {promise['created']}."
        )
    if one["test"] or one["at_threshold"]:
        yield f"### Measured on the test part{': ' + _text(one['name']) if several else ''}"
        yield _measures(one, facts)
    if one["alarms"]:
        yield _alarms(one)
    if one["probability"]:
        yield _probability(one["probability"])
    if one["subgroups"]:
        yield f"### Subgroups{': ' + _text(one['name']) if several else ''}"
        yield _subgroups(one["subgroups"])
    weak = [claim for claim in one["claims"] if not claim["enough"]]
    if weak:
        yield "Claims with too few cases behind them:\n\n" + _bullets(
            [f"{claim['claim']}: {claim['why']}" for claim in weak]
        )


def _measures(one: Mapping[str, Any], facts: Mapping[str, Any]) -> str:
    confidence = (facts["question"] or {}).get("confidence", 0.95)
    rows = []
    at = one["at_threshold"]
    if at:
        missed = f"{at['misses']:,} of {at['positives']:,} missed"
        alarms = f"{at['false_alarms']:,} of {at['negatives']:,} flagged"
        rows += [
            ("TPR at the threshold", at["tpr"], missed),
            ("FPR at the threshold", at["fpr"], alarms),
        ]
    test = one["test"] or {}
    rows += [
        (f"FPR at TPR {as_percent(float(level))}", value, "threshold from the test part itself")
        for level, value in (test.get("fpr") or {}).items()
    ]
    lines = ["| measure | value | interval | |", "|---|---|---|---|"]
    for name, value, note in rows:
        interval = f"{value['low']:.1%} to {value['high']:.1%}"
        lines.append(f"| {name} | {value['value']:.1%} | {interval} | {note} |")
    if test.get("auc"):
        auc = test["auc"]
        lines.append(f"| AUC | {auc['value']:.3f} | {auc['low']:.3f} to {auc['high']:.3f} | |")
    return "\n".join(lines) + f"\n\nIntervals have confidence {as_percent(confidence)}."


def _alarms(one: Mapping[str, Any]) -> str:
    alarms, prevalence = one["alarms"], one["prevalence"] or {}
    per = alarms["per"]
    source = "as given" if prevalence.get("source") == "given" else "as in the test part"
    return (
        f"Of {per:,} cases of which {prevalence.get('value', 0.0):.2%} are critical ({source}), "
        f"about {alarms['flagged']:.0f} are flagged, {alarms['real']:.0f} of them rightly; about "
        f"{alarms['missed']:.1f} critical ones are missed."
    )


def _probability(found: Mapping[str, Any]) -> str:
    told = (
        f"Probabilities come from a {found['method']} map, fitted on {found['n']:,} samples of the "
        f"{found['fitted_on']} part ({found['positives']:,} critical)"
    )
    if found["error"] is not None and found["brier"]:
        told += (
            f"; on test their Brier score is {found['brier']['value']:.4f}, their calibration "
            f"error {found['error']:.4f}"
        )
    return told + ". They hold at the prevalence of that part."


def _subgroups(rows: Sequence[Mapping[str, Any]]) -> str:
    lines = ["| group | samples | critical | TPR | FPR |", "|---|---|---|---|---|"]
    for row in rows:
        few = " (few)" if row.get("few") else ""
        lines.append(
            f"| {_text(row['column'])} = {_text(row['value'])}{few} | {row['n']:,} "
            f"| {row['positives']:,} | {_rate(row['tpr'])} | {_rate(row['fpr'])} |"
        )
    return "\n".join(lines)


def _rate(rate: Mapping[str, Any] | None) -> str:
    if rate is None:
        return "–"
    told = f"{rate['value']:.1%}"
    if rate.get("low") is not None:
        told += f" ({rate['low']:.1%} to {rate['high']:.1%})"
    return told


def _versions(facts: Mapping[str, Any]) -> Iterator[str]:
    for name, value in facts["versions"].items():
        if value is not None:
            yield f"- {_text(name)}: {_text(value)}"


def _bullets(sentences: Sequence[str]) -> str:
    return "\n".join(f"- {_text(sentence)}" for sentence in sentences)


def _text(value: object) -> str:
    """Keep what a user wrote from being taken for Markdown or HTML."""
    flat = " ".join(str(value).split())
    return re.sub(r"([\\`*_\[\]<>|#~])", r"\\\1", flat)


def _code(value: object) -> str:
    return " ".join(str(value).split()).replace("`", "'")
