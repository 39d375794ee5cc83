"""``rarecall threshold``: choose a threshold on calibration scores and certify it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from rarecall.cli.choosing import Wanted

_DATA, _ASK, _RUN = "Data", "Question", "Run"


def _option(help: str, panel: str, *names: str, default: str | bool = True) -> Any:  # noqa: A002
    return typer.Option(*names, help=help, rich_help_panel=panel, show_default=default)


def threshold(  # noqa: PLR0917  (typer calls it by name)
    data: Annotated[
        str,
        typer.Argument(
            help="Table of calibration samples: scores and labels, used for nothing else."
        ),
    ],
    score: Annotated[
        str | None, _option("Column of scores; higher is more critical.", _DATA)
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
    weight: Annotated[
        str | None, _option("Column of weights, for costs only: a guarantee refuses them.", _DATA)
    ] = None,
    used: Annotated[
        str | None,
        _option("Tables that training or tuning has seen: their samples are refused.", _DATA),
    ] = None,
    time_split: Annotated[
        bool, _option("The data was split by time; said beside the promise.", _DATA, "--time-split")
    ] = False,
    tpr: Annotated[
        float | None,
        _option("True positive rate to promise.", _ASK, default="0.95 if nothing is asked"),
    ] = None,
    fpr: Annotated[
        float | None, _option("Highest false positive rate to promise, also beside --tpr.", _ASK)
    ] = None,
    confidence: Annotated[float, _option("Confidence of the promise.", _ASK)] = 0.95,
    average: Annotated[
        bool, _option("Promise the TPR on average only: fewer samples.", _ASK, "--average")
    ] = False,
    miss_cost: Annotated[
        float | None, _option("Cost of a missed critical case, with --alarm-cost.", _ASK)
    ] = None,
    alarm_cost: Annotated[
        float | None, _option("Cost of a false alarm, in the same currency.", _ASK)
    ] = None,
    prevalence: Annotated[
        float | None,
        _option("Share of critical cases where it is used.", _ASK, default="that of DATA"),
    ] = None,
    by: Annotated[
        str | None, _option("Column of subgroups: a threshold each, all promised at once.", _ASK)
    ] = None,
    model: Annotated[
        str | None, _option("Text that names the model, for the certificate.", _RUN)
    ] = None,
    out: Annotated[str | None, _option("File to write the certificate into.", _RUN)] = None,
) -> None:
    """Choose a threshold on scores that were used for nothing else, and say what is promised.

    Example: rarecall threshold calibration.csv --score risk --target ill --tpr 0.95 --out c.json
    """
    from rarecall.cli.choosing import Wanted
    from rarecall.errors import ConfigurationError

    if score is None or target is None:
        lacking = "--score" if score is None else "--target"
        raise ConfigurationError(f"Say which column holds what: {lacking} is needed.")
    wanted = Wanted(
        tpr=tpr,
        fpr=fpr,
        confidence=confidence,
        average=average,
        miss_cost=miss_cost,
        alarm_cost=alarm_cost,
        prevalence=prevalence,
        by=by,
        time_split=time_split,
        model=model,
        out=out,
    )
    columns = {"target": target, "critical": critical, "id": id, "group": group, "weight": weight}
    _choose(data, score, columns, wanted, used)


def _choose(
    data: str, score: str, columns: dict[str, Any], wanted: Wanted, used: str | None
) -> None:
    from rarecall.cli.choosing import choose
    from rarecall.cli.evaluate import words
    from rarecall.cli.seen import seen_samples
    from rarecall.data.score_tables import read_score_table
    from rarecall.roles import CalibrationScores

    by = [] if wanted.by is None else [wanted.by]
    table = read_score_table(data, scores=[score], **columns, subgroups=by)
    seen = seen_samples(words(used), table, columns, score)
    assert table.targets is not None  # a target was named
    scores = CalibrationScores(
        table.scores[score], table.targets, table.unique_ids, table.groups, table.weights
    )
    for note in table.notes:
        typer.echo(f"Note: {note}")
    for line in choose(scores, table, score, wanted, seen):
        typer.echo(line)
