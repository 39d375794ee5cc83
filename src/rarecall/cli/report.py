"""``rarecall report``: write the report of a finished run anew from its stored results."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rarecall.errors import RunError


def report(
    run: Annotated[Path, typer.Argument(help="Run folder of `rarecall compare`.")],
) -> None:
    """Write RUN/report.html anew from the stored results; nothing is trained."""
    if not (run / "results.json").is_file():
        if (run / "config.yaml").is_file():
            raise RunError(
                f"{run} holds an unfinished run: it has no results.json yet. "
                f"Finish it with: rarecall compare --resume --out {run}"
            )
        raise RunError(f"{run} is not the folder of a run: it has no results.json.")
    from rarecall.report import write_report

    typer.echo(f"Report: {write_report(run)}")
