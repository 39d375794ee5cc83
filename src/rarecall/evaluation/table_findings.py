"""Findings about a table of scores: measured, compared, certified, stored."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rarecall.data.score_parts import refuse_shared_samples
from rarecall.errors import ConfigurationError, DataError, RunError, did_you_mean
from rarecall.evaluation.document import evaluation_document, scored
from rarecall.evaluation.score_storage import StoredPart, store_scores
from rarecall.files import write_json
from rarecall.roles import CalibrationScores, Role, TestScores
from rarecall.thresholds import certify

if TYPE_CHECKING:
    from rich.console import RenderableType

    from rarecall.data.score_tables import ScoreTable
    from rarecall.evaluation.asking import Asked
    from rarecall.thresholds import Certificate


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Findings about given scores.

    Attributes:
        results: The document that the report is made of.
        certificate: What is promised for the first model's threshold, and which scores to expect;
            None without calibration data. With too few of them it promises nothing and says so.
        folder: Where it was stored, or None.
        report: The report, one HTML file, or None.
    """

    results: dict[str, Any]
    certificate: Certificate | None = None
    folder: Path | None = None
    report: Path | None = None

    @property
    def threshold(self) -> float | None:
        """The first model's threshold, where calibration data was given."""
        chosen = self.results["threshold"]
        return None if chosen is None else float(chosen["value"])

    def table(self) -> RenderableType:
        """Lay the findings out for the terminal."""
        from rarecall.report import terminal_table

        return terminal_table(self.results)


def evaluate_table(
    table: ScoreTable,
    asked: Asked,
    *,
    calibration: ScoreTable | None = None,
    role: Role = Role.TEST,
    out: str | Path | None = None,
) -> Evaluation:
    """Measure the scores of a table that is read already.

    Args:
        table: Labelled samples.
        asked: What is asked of them.
        calibration: Other samples, used for nothing else, with scores of the first model.
        role: What ``table`` may be used for; calibration samples give a threshold too.
        out: Folder to write into, or None.

    Raises:
        As :func:`evaluate`.
    """
    first = next(iter(table.scores))
    baseline = first if asked.baseline is None else asked.baseline
    if baseline not in table.scores:
        raise ConfigurationError(
            f"The baseline {baseline!r} is not among the scores ({', '.join(table.scores)})."
            f"{did_you_mean(baseline, table.scores)}"
        )
    _check_parts(table, calibration, first, role)
    folder = None if out is None else _free_folder(Path(out))
    apart = role is Role.TEST
    calibrating = calibration if apart else table
    if calibrating is not None and calibrating.weights is not None:
        calibrating = None
    files = {name: f"scores/scores-{k}.npz" for k, name in enumerate(table.scores)}
    document, choice = evaluation_document(
        table,
        calibrating,
        asked.wishes,
        baseline=baseline,
        apart=apart,
        files=files if folder is not None else {},
        options=asked.options,
        seed=asked.seed,
    )
    certificate = None
    if calibrating is not None and choice is not None:
        certificate = _certificate(calibrating, table if apart else None, first, asked)
    if folder is None:
        return Evaluation(document, certificate)
    for name, file in files.items():
        store_scores(folder / file, _stored(table, calibrating if apart else None, name))
    if certificate is not None:
        certificate.save(folder / "certificate.json")
    write_json(folder / "results.json", document)
    from rarecall.report import write_report

    return Evaluation(document, certificate, folder, write_report(folder))


def _check_parts(table: ScoreTable, calibration: ScoreTable | None, first: str, role: Role) -> None:
    if role not in (Role.TEST, Role.CALIBRATION):
        raise ConfigurationError(
            f"Scores of the {role} part cannot be judged: the model has seen those samples. Give "
            "test or calibration."
        )
    if calibration is None:
        return
    if role is Role.CALIBRATION:
        raise ConfigurationError(
            "These samples are calibration data, by the role given, and others were given too. "
            "Leave one of the two out."
        )
    if first not in calibration.scores:
        raise DataError(
            f"The threshold is chosen for {first!r}, the first of the scores, but the calibration "
            f"data has {', '.join(calibration.scores)}. Name its column as in the other data."
        )
    refuse_shared_samples(calibration, table, use="are those that the threshold is measured on")


def _certificate(
    calibration: ScoreTable, test: ScoreTable | None, first: str, asked: Asked
) -> Certificate:
    seen = [] if test is None else [scored(test, first, TestScores)]
    if test is not None and not (test.named and calibration.named):
        seen = []  # row numbers: that no sample is shared was seen by content
    mine = scored(calibration, first, CalibrationScores)
    return certify(
        replace(mine, ids=calibration.unique_ids),
        tpr=asked.tpr,
        confidence=asked.confidence,
        used_before=seen,
        score_name=first,
    )


def _stored(table: ScoreTable, calibration: ScoreTable | None, name: str) -> dict[Role, StoredPart]:
    assert table.targets is not None
    parts = {Role.TEST: StoredPart(table.scores[name], table.targets, table.ids)}
    if calibration is not None and name in calibration.scores:
        assert calibration.targets is not None
        parts[Role.CALIBRATION] = StoredPart(
            calibration.scores[name], calibration.targets, calibration.ids
        )
    return parts


def _free_folder(folder: Path) -> Path:
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise RunError(
            f"{folder} is there already and nothing in it is overwritten. Choose another folder "
            "(--out)."
        )
    return folder
