"""The findings of several classes or labels in plain words; ASCII, as the binary ones are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rarecall.report import promises
from rarecall.report.numbers import count, level, percent, rate_digits
from rarecall.report.texts import join

if TYPE_CHECKING:
    from rarecall.report.several.stored import One, Several

_FEW = 4
"""So many classes are named one by one in a sentence."""


def digits(several: Several) -> int:
    """Choose the decimals of every FPR: 2 where some are below 1%, else 1."""
    return max(rate_digits(one.found) for one in several.classes)


def answer(several: Several) -> str:
    """Say what the winner costs at the required TPR of every class."""
    overall, places = several.overall, digits(several)
    mean = overall.winner.fpr_at(overall.tpr).value
    rates = [(one.found.winner.fpr_at(overall.tpr).value, one.name) for one in several.classes]
    whom = rates[0][1] if len(rates) == 1 else f"each of {several.nouns}"
    at = f"At TPR >= {level(overall.tpr)} for {whom}, {overall.winner.name}"
    if len(rates) == 1:
        return f"{at} flags {percent(mean, places)} of the harmless."
    if len(rates) <= _FEW:
        said = ", ".join(f"{percent(rate, places)} for {name}" for rate, name in rates)
        return f"{at} flags on average {percent(mean, places)} of the harmless: {said}."
    known = sorted((rate, name) for rate, name in rates if rate is not None)
    return (
        f"{at} flags on average {percent(mean, places)} of the harmless, from "
        f"{percent(known[0][0], places)} for {known[0][1]} to {percent(known[-1][0], places)} for "
        f"{known[-1][1]}."
    )


def certainty(several: Several) -> str:
    """Say for which classes the winner is shown to differ from the baseline."""
    overall = several.overall
    if overall.winner.baseline:
        return f"{overall.winner.name} is the baseline itself."
    if overall.baseline is None:
        return "There is no baseline in this run, so no difference was tested."
    named: dict[str, list[str]] = {"lower": [], "higher": [], "": []}
    for one in several.classes:
        found = one.found.winner.difference
        verdict = "" if found is None or found.verdict not in ("lower", "higher") else found.verdict
        named[verdict].append(one.name)
    words = {"lower": "fewer false alarms for", "higher": "more false alarms for", "": ""}
    shown = [
        f"{words[verdict]} {', '.join(names)}"
        for verdict, names in named.items()
        if verdict and names
    ]
    rest = named[""]
    if not shown:
        where = f"any {several.noun}" if len(rest) > 1 else rest[0]
        return f"No difference shown to the baseline {overall.baseline} for {where}."
    last = f"; no difference shown for {', '.join(rest)}" if rest else ""
    adjusted = "adjusted for the number of methods within a class"
    if several.kind == "multilabel":
        adjusted = "adjusted for the number of methods within a label"
    said = " and ".join(shown)
    return f"Against the baseline {overall.baseline}: {said}{last} ({adjusted})."


def thresholds(one: One) -> str:
    """Say one class's threshold, what it promises and what it did on test."""
    return join(
        promises.threshold(one.found),
        promises.guarantee(one.found),
        promises.achieved(one.found),
        promises.kept(one.found),
    )


def by_itself(several: Several) -> str:
    """Say what several guarantees do not promise."""
    if len(several.classes) == 1:
        return ""
    held = several.guaranteed
    if not held:
        return "No threshold carries a guarantee."
    of = (
        "All thresholds carry"
        if held == len(several.classes)
        else (f"{held} of {len(several.classes)} thresholds {'carries' if held == 1 else 'carry'}")
    )
    return (
        f"{of} a guarantee. Each holds by itself, not all at once: the chance that one of several "
        "fails is larger than that of one."
    )


def together(several: Several) -> str:
    """Say what all thresholds at once did on test; empty where there is one."""
    found = several.together
    if len(several.classes) == 1:
        return ""
    hits = found["positives"] - found["misses"]
    harmless = "cases of no critical class"
    if several.kind == "multilabel":
        harmless = "cases known to have no label"
    alarms = ""
    if found["negatives"]:
        rate = percent(found["false_alarms"] / found["negatives"], digits(several))
        alarms = (
            f", and {count(found['false_alarms'])} of {count(found['negatives'])} {harmless} "
            f"({rate})"
        )
    twice = found["flagged_for_several"]
    more = f" {count(twice)} of the flagged were flagged for more than one." if twice else ""
    return (
        f"On test, all thresholds together flagged {count(hits)} of {count(found['positives'])} "
        f"critical cases for at least one {several.noun}{alarms}.{more}"
    )


def assignment(several: Several) -> str:
    """Say how samples given to one class each fared on test; empty in multi-label work."""
    found = several.assignment
    if found is None:
        return ""
    rule = (
        "Where every case must go to one class, a flagged one goes to the critical class whose "
        "threshold it exceeds most, and any other to the best-scored of the rest"
    )
    if len(several.classes) == 1:
        rule = (
            "Where every case must go to one class, a flagged one goes to the critical class, and "
            "any other to the best-scored of the rest"
        )
    shares = [f"{percent(found['classes'].get(one.name))} of {one.name}" for one in several.classes]
    kept = ", ".join(shares[:_FEW]) + (" and so on" if len(shares) > _FEW else "")
    return (
        f"{rule}. On test that gave {percent(found['accuracy'])} of all cases their own class "
        f"({kept}), and {percent(found['error_on_others'])} of the cases of no critical class a "
        "wrong one."
    )


def scale(several: Several) -> str:
    """Say what the references show; empty without any."""
    overall, said = several.overall, []
    average = "on average " if len(several.classes) > 1 else ""
    mine = overall.winner.fpr_at(overall.tpr).value
    for reference in overall.references:
        rate = reference.fpr_at(overall.tpr).value
        if rate is None:
            continue
        beside = ""
        if mine is not None and rate < mine:
            beside = f", fewer than {overall.winner.name}: look at them before you settle"
        said.append(
            f"{reference.name.capitalize()} (a reference, not a candidate) flag {average}"
            f"{percent(rate, digits(several))} of the harmless{beside}."
        )
    return " ".join(said)
