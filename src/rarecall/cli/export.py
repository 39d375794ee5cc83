"""``rarecall export``: a delivered model for other runtimes, checked before it is given."""

from __future__ import annotations

from typing import Annotated, Any

import typer


def _option(help: str, *names: str, default: str | bool = True) -> Any:  # noqa: A002
    return typer.Option(*names, help=help, show_default=default)


def export_model(  # noqa: PLR0917  (typer calls it by name)
    model: Annotated[str, typer.Argument(help="Model folder, as RUN/model.")],
    to: Annotated[str, _option("onnx or torch-export.")] = "onnx",
    out: Annotated[
        str | None, _option("Folder to write.", "--out", "-o", default="<model>-<form>")
    ] = None,
    check: Annotated[
        str | None, _option("Data to compare both on.", default="2,000 made rows")
    ] = None,
    rows: Annotated[int, _option("At most as many rows of that data.")] = 100_000,
    overwrite: Annotated[bool, _option("Replace an export that is there.", "--overwrite")] = False,
) -> None:
    """Export MODEL, from encoded rows to decisions; refused if one decision differs.

    Example: rarecall export runs/claims/model --to onnx --check new.csv --out claims-onnx
    """
    from pathlib import Path

    from rarecall.delivery.exporting import export_model as run

    folder = Path(model)
    target = folder.resolve().with_name(f"{folder.resolve().name}-{to}") if out is None else out
    options: dict[str, Any] = {"to": to, "check": check, "rows": rows, "overwrite": overwrite}
    found = run(model, target, **options)
    for line in found.lines():
        typer.echo(line)
