"""``rarecall methods``: the names that ``compare`` understands."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from rarecall._asked import Kind
    from rarecall.methods import Component, Parameter

_KINDS = {"loss": "Losses", "term": "Terms", "option": "Options"}
_TASKS = {"binary": "b", "multiclass": "c", "multilabel": "l"}
_INTRODUCTION = (
    "A method is\n"
    "[pretrain>]loss[+term...][+lct|+lct-nofilm][+sam|+pesg][+balanced][+blend][+swa],\n"
    "as bce, a-fl+alm, vs+lct+sam or bce>auc-margin+pesg.\n"
    "For: b binary, c multi-class, l multi-label."
)
_CLOSING = (
    "Any loss goes with any terms and options that share a kind of problem. Parameters are given\n"
    "in YAML (--config run.yaml). In braces: the values that --tune tries.\n"
    "`rarecall methods vs+lct` shows one method in full, `rarecall methods recommended` what\n"
    "to take where nothing is known yet."
)


def methods(
    name: Annotated[
        str | None, typer.Argument(help="A method, such as vs+lct, to show in full.")
    ] = None,
) -> None:
    """List the losses, terms and options that a method name is made of, or show one method."""
    from rich.console import Console

    console = Console()
    if name is not None:
        _show(name, console)
        return
    from rich.table import Table

    from rarecall.methods import all_methods

    typer.echo(_INTRODUCTION)
    for role, title in _KINDS.items():
        table = Table(title=f"\n{title}", title_justify="left", show_edge=False, pad_edge=False)
        for column in ("name", "for", "what it does", "parameters"):
            table.add_column(column)
        for component in (word for word in all_methods() if word.role == role):
            table.add_row(*_row(component))
        console.print(table)
    typer.echo("\n" + _CLOSING)


def _row(component: Component) -> tuple[str, str, str, str]:
    kinds = "".join(_TASKS[kind] for kind in component.tasks)
    needs = f" (needs {component.needs})" if component.needs else ""
    parameters = ", ".join(
        f"{name}={_value(parameter.default)}{_searched(parameter)}"
        for name, parameter in component.parameters.items()
    )
    return component.name, kinds, component.summary + needs, parameters


def _show(name: str, console: Console) -> None:
    from rich.table import Table

    from rarecall.methods import parse
    from rarecall.recipes import RECIPES, find_recipe

    if name in RECIPES:
        typer.echo(f"{name} is a recipe: a method, an ensemble, an augmentation and views.")
        problems: tuple[Kind, ...] = ("binary", "multiclass", "multilabel")
        for spec in ({"kind": "table"}, {"kind": "images", "size": (32, 32)}):
            for problem in problems:
                typer.echo(f"{spec['kind']}, {problem}: {find_recipe(name, spec, problem).told()}")
        typer.echo("What is given beside it, as --learning-rate, wins; --members may ask for more.")
        return
    method = parse(name)
    typer.echo(f"{method.name}: {method.summary}.")
    typer.echo(f"Kinds of problem: {', '.join(method.tasks)}.")
    parts = (method.loss, *method.terms, *method.options)
    for part in parts:
        if part.needs:
            typer.echo(f"{part.name} needs {part.needs}.")
    table = Table(show_edge=False, pad_edge=False)
    for column in ("parameter", "default", "tried by --tune", "what it is"):
        table.add_column(column)
    for key, parameter in method.parameters.items():
        tried = _searched(parameter).strip(" {}")
        table.add_row(key, _value(parameter.default), tried, parameter.doc)
    if method.parameters:
        typer.echo("")
        console.print(table)


def _searched(parameter: Parameter) -> str:
    if not parameter.search:
        return ""
    return " {" + ", ".join(_value(value) for value in parameter.search) + "}"


def _value(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
