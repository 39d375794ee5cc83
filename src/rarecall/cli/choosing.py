"""What ``rarecall threshold`` was asked, and the answer in plain lines."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rarecall.data.columns import as_text
from rarecall.errors import ConfigurationError, RunError
from rarecall.metrics import expected_alarms, rate_interval, rates_at
from rarecall.metrics.inputs import as_percent, checked_share
from rarecall.roles import CalibrationScores
from rarecall.thresholds import (
    certify,
    cost_threshold,
    group_thresholds,
    threshold_between,
)
from rarecall.thresholds.untouched import refuse_used

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rarecall.data.score_tables import ScoreTable
    from rarecall.roles import TrainScores
    from rarecall.thresholds import Certificate

PER = 1000


@dataclass(frozen=True)
class Wanted:
    """Options of ``rarecall threshold``, checked against one another."""

    tpr: float | None = None
    fpr: float | None = None
    confidence: float = 0.95
    average: bool = False
    miss_cost: float | None = None
    alarm_cost: float | None = None
    prevalence: float | None = None
    by: str | None = None
    time_split: bool = False
    model: str | None = None
    out: str | None = None

    def __post_init__(self) -> None:
        problems = []
        if (self.miss_cost is None) != (self.alarm_cost is None):
            problems.append("Costs come in pairs: give --miss-cost and --alarm-cost.")
        if self.costs:
            others = {"--tpr": self.tpr, "--fpr": self.fpr, "--by": self.by, "--out": self.out}
            named = [name for name, value in others.items() if value is not None]
            named += ["--average"] if self.average else []
            if named:
                problems.append(
                    "A threshold of least cost promises no rate and has no certificate; leave out "
                    f"{', '.join(named)}, or the costs."
                )
        if self.average and self.fpr is not None:
            problems.append("On average a TPR alone can be promised; leave out --fpr.")
        if self.by is not None and (self.fpr is not None or self.average):
            problems.append("Subgroups (--by) are promised a TPR alone; leave out the others.")
        if problems:
            raise ConfigurationError(" ".join(problems))
        for name in ("tpr", "fpr", "prevalence"):
            value = getattr(self, name)
            if value is not None:
                checked_share(value, name, one=False)
        if self.out is not None and Path(self.out).exists():
            raise RunError(f"{self.out} is there already and is not overwritten. Choose another.")

    @property
    def costs(self) -> bool:
        """Whether the threshold of least cost is wanted."""
        return self.miss_cost is not None or self.alarm_cost is not None

    @property
    def asked_tpr(self) -> float | None:
        """The TPR to promise: 0.95 where nothing at all is asked."""
        return 0.95 if self.tpr is None and self.fpr is None else self.tpr


def choose(
    scores: CalibrationScores,
    table: ScoreTable,
    score: str,
    wanted: Wanted,
    seen: Sequence[TrainScores],
) -> Iterator[str]:
    """Choose the threshold and say what it is, what is promised, and what it does.

    Args:
        scores: Calibration samples.
        table: Where they come from.
        score: Name of the column of scores.
        wanted: What was asked.
        seen: Samples that training or tuning has seen.
    """
    refuse_used(scores, seen)
    if wanted.costs:
        yield from _of_least_cost(scores, wanted)
    elif wanted.by is not None:
        yield from _by_subgroup(scores, table, score, wanted, seen)
    else:
        yield from _promised(scores, score, wanted, seen)


def _promised(
    scores: CalibrationScores, score: str, wanted: Wanted, seen: Sequence[TrainScores]
) -> Iterator[str]:
    tpr, fpr = wanted.asked_tpr, wanted.fpr
    if tpr is not None and fpr is not None:
        both = threshold_between(scores, tpr=tpr, fpr=fpr, confidence=wanted.confidence)
        if not both.satisfiable:
            yield both.statement
            if wanted.out is not None:
                yield "No certificate was written: there is nothing to promise."
            return
    certificate = certify(
        scores,
        tpr=tpr,
        fpr=fpr,
        confidence=wanted.confidence,
        kind="average" if wanted.average else "guaranteed",
        model=wanted.model,
        used_before=seen,
        score_name=score,
        time_split=wanted.time_split,
    )
    yield _rule(certificate.threshold)
    yield certificate.statement
    if tpr is not None and fpr is None:
        yield _other_rate(scores, certificate.threshold, "fpr", wanted.confidence)
    elif tpr is None:
        yield _other_rate(scores, certificate.threshold, "tpr", wanted.confidence)
    yield _alarms(scores, certificate.threshold, wanted.prevalence)
    yield from (f"Assumed: {sentence}" for sentence in certificate.assumptions)
    yield _stored(certificate, wanted.out)


def _of_least_cost(scores: CalibrationScores, wanted: Wanted) -> Iterator[str]:
    assert wanted.miss_cost is not None  # they come in pairs
    assert wanted.alarm_cost is not None
    found = cost_threshold(
        scores,
        miss_cost=wanted.miss_cost,
        alarm_cost=wanted.alarm_cost,
        prevalence=wanted.prevalence,
    )
    yield _rule(found.value)
    yield found.statement
    yield f"On these samples its TPR is {found.tpr:.1%} and its FPR {found.fpr:.1%}."


def _by_subgroup(
    scores: CalibrationScores,
    table: ScoreTable,
    score: str,
    wanted: Wanted,
    seen: Sequence[TrainScores],
) -> Iterator[str]:
    if wanted.by not in table.rows:
        raise ConfigurationError(
            f"The column {wanted.by!r} plays another part already; name one of its own for --by."
        )
    names = as_text(table.rows[wanted.by])
    tpr = 0.95 if wanted.tpr is None else wanted.tpr
    found = group_thresholds(
        scores, names, tpr=tpr, confidence=wanted.confidence, time_split=wanted.time_split
    )
    for name, choice in found.choices.items():
        yield f"{wanted.by} {name}: flag a case when its score is {choice.value!r} or more."
    yield found.statement
    yield f"Assumed: {found.assumption}"
    if wanted.out is None:
        yield "Write the certificates with --out NAME.json, one file a subgroup."
        return
    for name, choice in found.choices.items():
        rows = names == name
        if scores.targets[rows].all():
            yield f"{wanted.by} {name}: no certificate, as it has no harmless samples."
            continue
        part = CalibrationScores(
            scores.scores[rows],
            scores.targets[rows],
            scores.ids[rows],
            None if scores.groups is None else scores.groups[rows],
        )
        certificate = certify(
            part,
            tpr=tpr,
            confidence=choice.confidence,
            model=wanted.model,
            used_before=seen,
            score_name=score,
            time_split=wanted.time_split,
            subgroup=f"{wanted.by} {name}",
        )
        yield _stored(certificate, _beside(wanted.out, name))


def _rule(value: float) -> str:
    return f"Threshold: {value!r}. Flag a case when its score is that or more."


def _other_rate(scores: CalibrationScores, value: float, rate: str, confidence: float) -> str:
    """Bound the rate that the threshold was not chosen by; the other class fixed the threshold."""
    units = scores if scores.groups is None else scores.by_group()
    rows = units.targets == (0 if rate == "fpr" else 1)
    flagged, n = int((units.scores[rows] >= value).sum()), int(rows.sum())
    if not n:
        return "Every group has a critical row, so no false alarm can be counted."
    interval = rate_interval(flagged, n, confidence)
    whom = "harmless" if rate == "fpr" else "critical"
    return (
        f"It flags {flagged:,} of the {n:,} {whom} calibration "
        f"{'samples' if scores.groups is None else 'groups'}: {rate.upper()} {flagged / n:.1%} "
        f"[{interval.low:.1%}, {interval.high:.1%}]."
    )


def _alarms(scores: CalibrationScores, value: float, prevalence: float | None) -> str:
    point = rates_at(scores.scores, scores.targets, value)
    share = float(scores.targets.mean()) if prevalence is None else prevalence
    found = expected_alarms(point.tpr, point.fpr, share, per=PER)
    return (
        f"Of {PER} cases, {as_percent(round(share, 4))} of them critical, expect "
        f"{found.flagged:.0f} flagged: {found.real:.1f} critical, {found.false:.1f} false alarms; "
        f"{found.missed:.1f} critical ones missed."
    )


def _stored(certificate: Certificate, out: str | None) -> str:
    if out is None:
        return "Write this as a certificate with --out certificate.json."
    certificate.save(out)
    return f"Certificate: {out}"


def _beside(out: str, name: str) -> str:
    path = Path(out)
    word = re.sub(r"[^\w.-]", "-", name)
    return str(path.with_name(f"{path.stem}-{word}{path.suffix}"))
