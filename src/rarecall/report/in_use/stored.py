"""What is stored of a model in use, every piece of it typed, or None where it is missing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rarecall.report.in_use.cases import Case
from rarecall.report.records import Estimate, number, whole

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Self


@dataclass(frozen=True)
class Alarms:
    """Alarms to expect among ``per`` cases, a share ``prevalence`` of which is critical.

    ``own`` says that the threshold was placed on the samples that were measured: then nothing is
    promised, and the rates flatter it.
    """

    per: float
    flagged: float
    real: float
    false: float
    missed: float
    precision: float | None
    tpr: float
    fpr: float
    own: bool


@dataclass(frozen=True)
class Bin:
    """Some cases of about one probability: how many, their mean, the share that was critical."""

    n: int
    mean: float
    rate: Estimate


@dataclass(frozen=True)
class Probability:
    """How scores were turned into probabilities, and how good these are on test."""

    method: str
    fitted_on: str | None
    n: int | None
    brier: float | None
    reliability: float | None
    resolution: float | None
    uncertainty: float | None
    error: float | None
    bins: tuple[Bin, ...]


@dataclass(frozen=True)
class Decision:
    """Net benefit a case at every threshold probability: of the model, and of acting on all."""

    thresholds: tuple[float, ...]
    model: tuple[float, ...]
    everyone: tuple[float, ...]
    prevalence: float | None


@dataclass(frozen=True)
class Subgroup:
    """What the threshold does where ``column`` is ``value``."""

    column: str
    value: str
    n: int
    positives: int
    negatives: int
    tpr: Estimate
    fpr: Estimate
    few: bool


@dataclass(frozen=True)
class Claim:
    """How many cases stand behind one claim, and whether they carry it."""

    claim: str
    positives: int | None
    negatives: int | None
    enough: bool
    why: str


@dataclass(frozen=True)
class InUse:
    """The findings beyond the curves; any of them may be missing."""

    of: str
    confidence: float
    prevalence: float | None
    given: bool
    alarms: Alarms | None
    probability: Probability | None
    decision: Decision | None
    subgroups: tuple[Subgroup, ...]
    misses: tuple[Case, ...]
    false_alarms: tuple[Case, ...]
    claims: tuple[Claim, ...]

    @classmethod
    def read(cls, stored: Mapping[str, Any]) -> Self:
        """Type the ``insights`` of a document; ``given`` says that the prevalence is the user's.

        >>> InUse.read({"of": "bce", "prevalence": {"value": 0.02, "source": "given"}}).given
        True
        >>> InUse.read({}).alarms is None
        True
        """
        prevalence = _mapping(stored.get("prevalence"))
        return cls(
            of=str(stored.get("of") or ""),
            confidence=number(stored.get("confidence")) or 0.95,
            prevalence=number(prevalence.get("value")),
            given=prevalence.get("source") == "given",
            alarms=_alarms(_mapping(stored.get("alarms"))),
            probability=_probability(_mapping(stored.get("probability"))),
            decision=_decision(_mapping(stored.get("decision_curve"))),
            subgroups=tuple(_subgroup(one) for one in _listed(stored.get("subgroups"))),
            misses=tuple(Case.read(one) for one in _listed(stored.get("misses"))),
            false_alarms=tuple(Case.read(one) for one in _listed(stored.get("false_alarms"))),
            claims=tuple(_claim(one) for one in _listed(stored.get("claims"))),
        )


def _mapping(stored: object) -> dict[str, Any]:
    return stored if isinstance(stored, dict) else {}


def _listed(stored: object) -> list[dict[str, Any]]:
    return [one for one in stored if isinstance(one, dict)] if isinstance(stored, list) else []


def _alarms(stored: dict[str, Any]) -> Alarms | None:
    keys = ("per", "flagged", "real", "false", "missed", "tpr", "fpr")
    found = {key: value for key in keys if (value := number(stored.get(key))) is not None}
    if len(found) < len(keys):
        return None
    own = stored.get("source") == "test"
    return Alarms(**found, precision=number(stored.get("precision")), own=own)


def _probability(stored: dict[str, Any]) -> Probability | None:
    if not stored:
        return None
    brier = _mapping(stored.get("brier"))
    bins = []
    for one in _listed(stored.get("bins")):
        n, mean = whole(one.get("n")), number(one.get("mean"))
        rate = Estimate.read({**one, "value": one.get("rate")})
        if n and mean is not None and rate.value is not None:
            bins.append(Bin(n, mean, rate))
    return Probability(
        method=str(stored.get("method") or ""),
        fitted_on=stored.get("fitted_on") or None,
        n=whole(stored.get("n")),
        brier=number(brier.get("value")),
        reliability=number(brier.get("reliability")),
        resolution=number(brier.get("resolution")),
        uncertainty=number(brier.get("uncertainty")),
        error=number(stored.get("error")),
        bins=tuple(bins),
    )


def _decision(stored: dict[str, Any]) -> Decision | None:
    lines = [stored.get(key) for key in ("thresholds", "model", "everyone")]
    if not all(isinstance(line, list) for line in lines):
        return None
    points = [
        (at, model, everyone)
        for at, model, everyone in zip(*(map(number, line or ()) for line in lines), strict=False)
        if at is not None and model is not None and everyone is not None
    ]
    if len(points) < 2:
        return None
    thresholds, model, everyone = (tuple(line) for line in zip(*points, strict=True))
    return Decision(thresholds, model, everyone, number(stored.get("prevalence")))


def _subgroup(stored: dict[str, Any]) -> Subgroup:
    return Subgroup(
        column=str(stored.get("column", "")),
        value=str(stored.get("value", "")),
        n=whole(stored.get("n")) or 0,
        positives=whole(stored.get("positives")) or 0,
        negatives=whole(stored.get("negatives")) or 0,
        tpr=Estimate.read(stored.get("tpr")),
        fpr=Estimate.read(stored.get("fpr")),
        few=bool(stored.get("few")),
    )


def _claim(stored: dict[str, Any]) -> Claim:
    return Claim(
        claim=str(stored.get("claim", "")),
        positives=whole(stored.get("positives")),
        negatives=whole(stored.get("negatives")),
        enough=bool(stored.get("enough")),
        why=str(stored.get("why") or ""),
    )
