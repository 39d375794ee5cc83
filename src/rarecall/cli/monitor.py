"""``rarecall monitor``: are new scores still like the old ones, and does the promise stand."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rarecall.data.score_tables import ScoreTable
    from rarecall.monitoring import Drift, Review

_DATA, _ASK, _RUN = "Data", "Question", "Run"


def _option(help: str, panel: str, *names: str, default: str | bool = True) -> Any:  # noqa: A002
    return typer.Option(*names, help=help, rich_help_panel=panel, show_default=default)


def monitor(  # noqa: PLR0917  (typer calls it by name)
    data: Annotated[str, typer.Argument(help="Table of new samples' scores, labelled or not.")],
    certificate: Annotated[
        str, _option("Certificate that `rarecall threshold --out` wrote.", _DATA, default=False)
    ],
    score: Annotated[
        str | None,
        _option("Column of scores.", _DATA, default="the one that the certificate names"),
    ] = None,
    target: Annotated[
        str | None,
        _option("Column that holds the label, where one is confirmed; else empty.", _DATA),
    ] = None,
    critical: Annotated[
        str | None,
        _option("Label that must not be missed; not needed for 0 and 1.", _DATA),
    ] = None,
    id: Annotated[str | None, _option("Column that names a row.", _DATA)] = None,  # noqa: A002
    group: Annotated[
        str | None, _option("Column of groups (patient, account), if they are promised.", _DATA)
    ] = None,
    level: Annotated[float, _option("Chance of calling a drift where there is none.", _ASK)] = 0.01,
    alpha: Annotated[
        float, _option("Chance of ever calling a promise broken that holds.", _ASK)
    ] = 0.05,
    out: Annotated[str | None, _option("File to write the findings into, as JSON.", _RUN)] = None,
    strict: Annotated[
        bool, _option("Leave with exit code 4 if a promise is broken.", _RUN, "--strict")
    ] = False,
) -> None:
    """Hold a certificate against new samples: drift of all scores, and confirmed cases.

    Example: rarecall monitor new.csv --certificate c.json --target ill
    """
    from rarecall.errors import RunError
    from rarecall.files import write_json
    from rarecall.monitoring import review
    from rarecall.thresholds import Certificate

    if out is not None and Path(out).exists():
        raise RunError(f"{out} is there already and is not overwritten. Choose another.")
    held = Certificate.load(certificate)
    column = _score_column(score, held.score_name)
    table = _read(data, column, {"target": target, "critical": critical, "id": id, "group": group})
    labels = None if target is None else _labels(table, column, target, critical, data)
    found = review(held, table.scores[column], labels, table.groups, level=level, alpha=alpha)
    typer.echo(f"Promised {held.created[:10]}: {held.statement}")
    for line in _lines(found):
        typer.echo(line)
    if labels is None:
        typer.echo(
            "Promise: not checked; that takes confirmed cases. Name their column (--target)."
        )
    if out is not None:
        write_json(out, {**found.to_dict(), "certificate": held.seal, "score": column})
        typer.echo(f"Findings: {out}")
    if strict and found.broken:
        raise RunError("A promise of the certificate is broken (--strict).")


def _score_column(given: str | None, named: str | None) -> str:
    from rarecall.errors import ConfigurationError

    if given is None and named is None:
        raise ConfigurationError(
            "Say which column holds the scores (--score): the certificate names none."
        )
    return given or named or ""


def _read(data: str, score: str, columns: dict[str, Any]) -> ScoreTable:
    from rarecall.data.score_tables import read_score_table
    from rarecall.errors import ConfigurationError

    target, critical = columns["target"], columns["critical"]
    if critical is not None and target is None:
        raise ConfigurationError("--critical names a label; say which column holds it (--target).")
    parts: dict[str, Any] = {"id": columns["id"], "group": columns["group"]}
    table = read_score_table(data, scores=[score], **parts, judge=False)
    if target is not None and target not in table.rows:
        # Not there, or playing another part: the reader says which.
        read_score_table(data, scores=[score], target=target, **parts, judge=False)
    return table


def _labels(table: ScoreTable, score: str, target: str, critical: str | None, data: str) -> Any:
    """Give 1, 0, or NaN where the label is not known yet."""
    import numpy as np
    import pandas as pd

    from rarecall.data.score_tables import read_score_table

    column = table.rows[target]
    empty = column.isna() | column.astype(str).str.strip().eq("")
    confirmed = (~empty).to_numpy(dtype=bool)
    labels = np.full(len(table), np.nan)
    if confirmed.any():
        part = pd.DataFrame({score: table.scores[score][confirmed], target: column[confirmed]})
        read = read_score_table(
            part, scores=[score], target=target, critical=critical, judge=False, name=data
        )
        labels[confirmed] = read.targets
    return labels


def _lines(found: Review) -> Iterator[str]:
    drift = found.drift
    yield f"Drift: {'found' if drift.drifted else 'none found'} ({_figures(drift)})."
    yield f"  {drift.meaning}"
    yield f"  {drift.advice}"
    for check in found.promises:
        yield f"Promise: {check.statement}"
    for note in found.notes:
        yield f"  {note}"


def _figures(drift: Drift) -> str:
    parts = [
        f"p = {drift.p_value:.2g}",
        f"Kolmogorov–Smirnov distance {drift.distance:.3f}",
        f"population stability index {drift.stability:.3f}, by chance about "
        f"{drift.stability_by_chance:.3f}",
    ]
    now, before = drift.flagged_now, drift.flagged_before
    if now is not None and before is not None:
        parts.append(
            f"flagged {now.value:.1%} [{now.low:.1%}, {now.high:.1%}] now, {before.value:.1%} then"
        )
    if drift.below + drift.above:
        parts.append(f"{drift.below + drift.above:.2%} beyond all calibration scores")
    return "; ".join(parts)
