"""``rarecall predict``: score new rows with a delivered model and write a row for each."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from collections.abc import Callable


def _option(help: str, *names: str, default: str | bool = True) -> Any:  # noqa: A002
    return typer.Option(*names, help=help, show_default=default)


def predict(  # noqa: PLR0917  (typer calls it by name)
    model: Annotated[str, typer.Argument(help="Model folder, as RUN/model.")],
    data: Annotated[
        str,
        typer.Argument(
            help="Table (CSV, TSV, Parquet, also .gz), image folder, or table of image paths."
        ),
    ],
    out: Annotated[
        str, _option("File to write: .csv, .csv.gz or .parquet.", "--out", "-o")
    ] = "predictions.csv",
    id: Annotated[  # noqa: A002
        str | None, _option("Column that names a row.", default="row number, or image path")
    ] = None,
    keep: Annotated[str | None, _option("Columns to copy into the file, comma-separated.")] = None,
    chunk_rows: Annotated[
        int | None, _option("Rows held at once, about.", default="what takes little memory")
    ] = None,
    threads: Annotated[
        int | None, _option("Threads for the CPU.", default="1 for tables, else all")
    ] = None,
    overwrite: Annotated[bool, _option("Replace the file if it is there.", "--overwrite")] = False,
    quiet: Annotated[bool, _option("Show no progress.", "--quiet", "-q")] = False,
) -> None:
    """Score every row of DATA with MODEL; a row that cannot be scored says why and stays in place.

    Example: rarecall predict runs/claims/model new.csv --id account --out predictions.csv
    """
    from rarecall.cli.stopping import stopping
    from rarecall.delivery.predicting import predict as run

    with stopping("Nothing was written; run it again.") as stop:
        found = run(
            model,
            data,
            out,
            id=id,
            keep=[word for word in (keep or "").split(",") if word],
            rows=chunk_rows,
            threads=threads,
            overwrite=overwrite,
            watch=None if quiet else _told(),
            should_stop=stop,
        )
    for line in found.lines():
        typer.echo(line)


def _told() -> Callable[[float, int], None]:
    """Tell the share that is done: over itself on a screen, else every tenth part."""
    screen = sys.stderr.isatty()
    last = [-1]

    def tell(done: float, rows: int) -> None:
        step = int(done * (100 if screen else 10))
        if step == last[0] or not (step or screen):
            return
        last[0] = step
        line = f"{done:4.0%}  {rows:,} rows"
        sys.stderr.write(f"\r{line}{chr(10) if done >= 1 else ''}" if screen else f"{line}\n")
        sys.stderr.flush()

    return tell
