"""``rarecall methods``: the names that ``compare`` understands."""

from __future__ import annotations

import typer


def methods() -> None:
    """List the losses, terms and options that a method name is made of."""
    from rich.console import Console
    from rich.table import Table

    from rarecall.methods import all_methods

    table = Table(show_edge=False, pad_edge=False)
    for column in ("name", "kind", "what it does", "parameters (default)"):
        table.add_column(column)
    for component in all_methods():
        parameters = ", ".join(
            f"{name} ({parameter.default})" for name, parameter in component.parameters.items()
        )
        table.add_row(component.name, component.role, component.summary, parameters)
    typer.echo("A method is loss[+term...][+balanced], as bce, a-fl+alm or bce+balanced.\n")
    Console().print(table)
    typer.echo("\nAny loss goes with any terms. Parameters are given in YAML: --config run.yaml.")
