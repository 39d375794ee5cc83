"""The stored results of a reproduction read into typed records, whatever is missing.

Rates, areas, differences and spreads lie in [0, 1] or [-1, 1], the printed ones too.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from rarecall.errors import RunError
from rarecall.reproduction.stored_values import (
    MEAN_AUC,
    Against,
    Measure,
    Own,
    brief,
    number,
    numbers,
    read_against,
    read_measure,
    read_own,
    whole,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Self

FORMAT = 1


@dataclass(frozen=True)
class Row:
    """One row of a setting.

    ``printed`` holds value and spread by measure label; ``fpr`` at every ``tpr`` is the mean of
    ``curves`` splits, which lie between ``fpr_low`` and ``fpr_high``.
    """

    label: str
    method: str
    parameters: dict[str, Any]
    baseline: str | None
    printed: dict[str, tuple[float | None, float | None]]
    own: dict[str, Own]
    against: dict[str, Against]
    trainings: int | None
    steps: int | None
    samples: int | None
    seconds: float | None
    wanted: int
    done: int
    failed: int
    fpr: tuple[float, ...]
    tpr: tuple[float, ...]
    fpr_low: tuple[float, ...]
    fpr_high: tuple[float, ...]
    curves: int
    remarks: tuple[str, ...]

    @property
    def unfinished(self) -> str:
        """Say what is still to be run; empty where all is."""
        if self.done >= self.wanted and not self.failed:
            return ""
        failed = f", {self.failed} failed" if self.failed else ""
        if not self.done:
            return f"not run yet{failed}" if self.failed < self.wanted else f"all {failed[2:]}"
        return f"{self.done} of {self.wanted} units done{failed}"

    def printed_value(self, measure: Measure) -> float | None:
        """Give the paper's value, or None where it prints none."""
        return self.printed.get(measure.label, (None, None))[0]

    def own_value(self, measure: Measure) -> float | None:
        """Give the value to stand beside the paper's, or None."""
        own = self.own.get(measure.label)
        if own is None:
            return None
        return own.single_mean if measure.single else own.value

    def interval(self, measure: Measure) -> tuple[float | None, float | None]:
        """Give its interval over test samples; there is none for a mean over single networks."""
        own = self.own.get(measure.label)
        return (None, None) if own is None or measure.single else (own.low, own.high)


@dataclass(frozen=True)
class Setting:
    """One block of the table.

    ``counts`` holds negatives and positives by part (samples of every class; in multi-label work
    positives of every label, which ``labels`` names); ``sizes`` all samples of a part.
    """

    name: str
    counts: dict[str, tuple[int | None, ...]]
    rows: tuple[Row, ...]
    made_up: bool
    task: str = "binary"
    labels: tuple[str, ...] = ()
    sizes: dict[str, int | None] = field(default_factory=dict)

    def row(self, label: str) -> Row | None:
        """Find a row by its label."""
        return next((row for row in self.rows if row.label == label), None)


@dataclass(frozen=True)
class Reproduction:
    """A protocol as it was run here, whole or in part; ``raw`` is the stored document."""

    protocol: str
    paper: str
    citation: str
    place: str
    title: str
    scale: str
    mode: str
    version: str
    created: str
    unfinished: bool
    confidence: float
    measures: tuple[Measure, ...]
    settings: tuple[Setting, ...]
    made_up: bool
    raw: Mapping[str, Any] = field(repr=False)

    @classmethod
    def read(cls, results: Mapping[str, Any]) -> Self:
        """Order and type the content of ``results.json``.

        Raises:
            RunError: The content is no reproduction, of another format, or incomplete.
        """
        if results.get("kind") != "reproduction" or results.get("format") != FORMAT:
            raise RunError(
                f"Needed are the results of a reproduction in format {FORMAT}; what came is "
                f"{results.get('kind')!r} in format {results.get('format')!r}. Run `rarecall "
                "reproduce` with this version of rarecall to write them."
            )
        try:
            return cls._read(results)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise RunError(
                f"The results are incomplete or damaged: cannot use {error}. Run the same "
                "`rarecall reproduce` command again; it keeps what is done and writes them anew."
            ) from error

    @classmethod
    def _read(cls, results: Mapping[str, Any]) -> Self:
        invented = {
            str(name): bool(one.get("made_up")) for name, one in (results.get("data") or {}).items()
        }
        settings = tuple(_setting(one, invented) for one in results["settings"])
        return cls(
            protocol=str(results["protocol"]),
            paper=str(results["paper"] or ""),
            citation=str(results.get("citation") or ""),
            place=str(results["place"] or ""),
            title=str(results["title"] or ""),
            scale=str(results["scale"]),
            mode=str(results["mode"]),
            version=str(results.get("rarecall") or "unknown"),
            created=str(results.get("created") or ""),
            unfinished=bool(results.get("unfinished")),
            confidence=float(results.get("confidence") or 0.95),
            measures=tuple(_of_labels(read_measure(one), settings) for one in results["measures"]),
            settings=settings,
            made_up=any(invented.values()),
            raw=results,
        )

    @property
    def head(self) -> str:
        """Name the place in the paper, the paper by authors, venue and year where it is known."""
        return f"{self.place} of {brief(self.citation) or self.paper}"

    @property
    def units(self) -> tuple[int, int, int]:
        """Units wanted, done and failed."""
        rows = [row for setting in self.settings for row in setting.rows]
        return sum(r.wanted for r in rows), sum(r.done for r in rows), sum(r.failed for r in rows)


def _of_labels(measure: Measure, settings: tuple[Setting, ...]) -> Measure:
    """Call an AUC of several labels the mean that it is."""
    of_labels = [one.task == "multilabel" for one in settings if measure.kind == "auc"]
    return replace(measure, kind=MEAN_AUC) if of_labels and all(of_labels) else measure


def _setting(stored: Mapping[str, Any], invented: Mapping[str, bool]) -> Setting:
    # A setting that names its collection is judged by it alone, any other by all of them.
    own = invented.get(str(stored.get("collection")), any(invented.values()))
    counts = {
        str(part): tuple(whole(n) for n in found or ())
        for part, found in (stored.get("counts") or {}).items()
    }
    return Setting(
        str(stored["name"]),
        counts,
        tuple(_row(one) for one in stored["rows"]),
        own,
        str(stored.get("task") or "binary"),
        tuple(str(label) for label in stored.get("labels") or ()),
        {str(part): whole(n) for part, n in (stored.get("sizes") or {}).items()},
    )


def _row(stored: Mapping[str, Any]) -> Row:
    training, units = stored.get("training") or {}, stored.get("units") or {}
    roc = stored.get("roc") or {}
    baseline = stored.get("baseline")
    return Row(
        label=str(stored["label"]),
        method=str(stored.get("method") or ""),
        parameters=dict(stored.get("parameters") or {}),
        baseline=None if baseline is None else str(baseline),
        printed={
            str(label): (number(cell.get("value")), number(cell.get("spread")))
            for label, cell in (stored.get("printed") or {}).items()
            if cell
        },
        own={
            str(k): own
            for k, cell in (stored.get("own") or {}).items()
            if cell and (own := read_own(cell)).value is not None
        },
        against={
            str(k): read_against(cell, baseline)
            for k, cell in (stored.get("against") or {}).items()
            if cell
        },
        trainings=whole(training.get("trainings")),
        steps=whole(training.get("steps")),
        samples=whole(training.get("rows")),
        seconds=number(training.get("seconds")),
        wanted=whole(units.get("wanted")) or 0,
        done=whole(units.get("done")) or 0,
        failed=whole(units.get("failed")) or 0,
        fpr=numbers(roc.get("fpr")),
        tpr=numbers(roc.get("tpr")),
        fpr_low=numbers(roc.get("low")),
        fpr_high=numbers(roc.get("high")),
        curves=whole(roc.get("splits")) or 1,
        remarks=tuple(str(remark) for remark in stored.get("remarks") or ()),
    )
