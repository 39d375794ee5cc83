"""``rarecall evaluate``: measure and compare scores that any model gave."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from pathlib import Path

_DATA, _ASK, _RUN = "Data", "Question", "Run"


def _option(help: str, panel: str, *names: str, default: str | bool = True) -> Any:  # noqa: A002
    return typer.Option(*names, help=help, rich_help_panel=panel, show_default=default)


def evaluate(  # noqa: PLR0917  (typer calls it by name)
    data: Annotated[
        str, typer.Argument(help="Table with scores and labels: CSV, TSV (also .gz) or Parquet.")
    ],
    score: Annotated[
        list[str] | None,
        _option("Columns of scores, comma-separated; the first is the model in use.", _DATA),
    ] = None,
    target: Annotated[str | None, _option("Column that holds the label.", _DATA)] = None,
    critical: Annotated[
        str | None,
        _option("Label that must not be missed; not needed for 0 and 1.", _DATA),
    ] = None,
    id: Annotated[str | None, _option("Column that names a row.", _DATA)] = None,  # noqa: A002
    group: Annotated[
        str | None, _option("Column of groups (patient, account): counted as one.", _DATA)
    ] = None,
    weight: Annotated[str | None, _option("Column of weights.", _DATA)] = None,
    calibration: Annotated[
        str | None,
        _option("Table of other samples, of the same columns: the threshold's.", _DATA),
    ] = None,
    split_column: Annotated[
        str | None, _option("Column that says calibration or test, in place of that.", _DATA)
    ] = None,
    role: Annotated[
        str, _option("What DATA may be used for: test, or calibration (threshold too).", _DATA)
    ] = "test",
    subgroups: Annotated[
        str | None, _option("Columns (site, sex) whose values are reported apart.", _ASK)
    ] = None,
    tpr: Annotated[float, _option("Required true positive rate.", _ASK)] = 0.95,
    confidence: Annotated[float, _option("Confidence of guarantee and intervals.", _ASK)] = 0.95,
    prevalence: Annotated[
        float | None,
        _option("Share of critical cases where the model is used.", _ASK, default="that of DATA"),
    ] = None,
    baseline: Annotated[
        str | None,
        _option("Score that the others are compared with.", _ASK, default="the first"),
    ] = None,
    probabilities: Annotated[
        bool, _option("The scores are probabilities already.", _ASK, "--probabilities")
    ] = False,
    cases: Annotated[
        int, _option("Misses and false alarms in the report, of each; 0 stores none.", _RUN)
    ] = 8,
    seed: Annotated[int, _option("Of the resamples.", _RUN)] = 0,
    out: Annotated[
        str | None, _option("Folder of the report.", _RUN, default="runs/evaluate-<data>-<time>")
    ] = None,
    quiet: Annotated[bool, _option("Only where the report lies.", _RUN, "--quiet", "-q")] = False,
) -> None:
    """Measure the scores in DATA, whatever model gave them, and compare several.

    Example: rarecall evaluate scores.csv --score new,old --target ill --calibration more.csv
    """
    given = dict(locals())
    for name in ("data", "out", "quiet"):
        del given[name]
    given["score"] = scores = words(score)

    from dataclasses import replace

    from rarecall.data.score_parts import part_by_role
    from rarecall.data.score_tables import read_score_table
    from rarecall.errors import ConfigurationError
    from rarecall.evaluation.asking import Asked
    from rarecall.evaluation.table_findings import evaluate_table
    from rarecall.roles import Role

    if target is None:
        raise ConfigurationError("Say which column holds the label: give --target.")
    if split_column is not None and (calibration is not None or role != "test"):
        raise ConfigurationError(
            "--split-column says what every row is used for; leave out --calibration and --role."
        )
    if role not in ("test", "calibration"):
        raise ConfigurationError(f"--role must be test or calibration, not {role!r}.")
    asked = Asked(
        tpr=tpr,
        confidence=confidence,
        prevalence=prevalence,
        baseline=baseline,
        cases=cases,
        probabilities=probabilities,
        seed=seed,
        options={"data": data, **{key: v for key, v in given.items() if v is not None}},
    )
    columns: dict[str, Any] = {"target": target, "critical": critical, "id": id, "group": group}
    table = read_score_table(
        data,
        scores=scores,
        **columns,
        weight=weight,
        split=split_column,
        subgroups=words(subgroups),
    )
    other = None
    if calibration is not None:
        other = read_score_table(calibration, scores=scores[:1], **columns)
    if split_column is not None:
        parts, notes = part_by_role(table)
        table = replace(parts[Role.TEST], notes=(*table.notes, *notes))
        other = parts.get(Role.CALIBRATION)
    folder = _folder(data, out)
    found = evaluate_table(table, asked, calibration=other, role=Role(role), out=folder)

    from rich.console import Console

    # A pipe has no width; 80 columns would cut the table.
    console = Console() if sys.stdout.isatty() else Console(width=120)
    if not quiet:
        for note in table.notes:
            typer.echo(f"Note: {note}")
        console.print(found.table())
    typer.echo(f"Report: {found.report}")
    if found.certificate is not None:
        typer.echo(f"Certificate: {folder / 'certificate.json'}")


def words(given: list[str] | str | None) -> list[str]:
    """Part words at commas, in one option or several.

    >>> words(["a,b", "c"]), words(None)
    (['a', 'b', 'c'], [])
    """
    texts = [given] if isinstance(given, str) else given or []
    return [word.strip() for text in texts for word in text.split(",") if word.strip()]


def _folder(data: str, out: str | None) -> Path:
    from datetime import datetime
    from pathlib import Path

    if out is not None:
        return Path(out)
    at = datetime.now().astimezone().strftime("%Y%m%d-%H%M%S")
    name = Path(data).name.split(".")[0] or "scores"
    folder = Path("runs") / f"evaluate-{name}-{at}"
    number = 2
    while folder.exists():  # two within one second
        folder = folder.with_name(f"evaluate-{name}-{at}-{number}")
        number += 1
    return folder
