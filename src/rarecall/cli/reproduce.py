"""``rarecall reproduce``: the papers' tables and figures, run and set beside what was printed."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from rarecall.reproduction.plan import Plan


def _words(given: str | None) -> list[str] | None:
    """Part at commas; the plan puts labels together that hold one."""
    if given is None:
        return None
    return [part.strip() for part in given.split(",") if part.strip()]


def reproduce(  # noqa: PLR0917  (typer calls it by name)
    name: Annotated[
        str,
        typer.Argument(
            help="A protocol, such as alm-table-1, or a YAML file; `list` shows all.",
            show_default=False,
        ),
    ],
    rows: Annotated[
        str | None,
        typer.Option(
            help="Rows, comma-separated: as printed, or names of methods.",
            show_default="all",
        ),
    ] = None,
    settings: Annotated[
        str | None,
        typer.Option(help="Settings as printed, comma-separated.", show_default="all"),
    ] = None,
    scale: Annotated[
        str, typer.Option(help="smoke (a minute), small (an hour on two cores) or full.")
    ] = "smoke",
    mode: Annotated[
        str, typer.Option(help="strict, or as-published: members re-draw, TPR is rounded.")
    ] = "strict",
    data_root: Annotated[
        Path | None,
        typer.Option(
            help="Folder of the data sets, one folder each.", show_default="RARECALL_DATA, or data"
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Run folder.", show_default="runs/NAME-SCALE-MODE")
    ] = None,
    jobs: Annotated[int, typer.Option(help="Processes that train at once.")] = 1,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1 or mps.")] = "auto",
    threads: Annotated[
        int | None,
        typer.Option(help="Processor threads of a process.", show_default="cores / jobs"),
    ] = None,
    minutes: Annotated[
        float | None,
        typer.Option(
            help="Stop at a safe place after so long; the same command goes on.",
            show_default="no limit",
        ),
    ] = None,
    weights: Annotated[
        Path | None,
        typer.Option(
            help="Pre-trained weights (.safetensors, .pth) that networks start from, or a folder "
            "with a file of each network's name.",
            show_default="as the protocol says",
        ),
    ] = None,
    storage: Annotated[
        str | None,
        typer.Option(
            help="Database of the queue, for many machines.", show_default="a file in the run"
        ),
    ] = None,
    against: Annotated[
        str | None,
        typer.Option(
            help="Row that all others are compared with, also in a run that is finished.",
            show_default="each row's own baseline",
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be trained, and on what.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Only the result.")] = False,
) -> None:
    """Reproduce a table, figure or analysis of the papers: own numbers beside the printed ones.

    Example: rarecall reproduce alm-table-1 --rows bce,bce+alm --scale small
    """
    from rich.console import Console

    console = Console() if sys.stdout.isatty() else Console(width=140)
    if name == "list":
        _list(console, data_root)
        return
    from rarecall.reproduction.plan import Plan
    from rarecall.reproduction.reproducing import describe, usual_folder

    # Mistakes are told at once, before the seconds that the heavy imports take.
    told = describe(name, scale=scale, mode=mode, weights=weights)
    plan = Plan.of(told, _words(rows), _words(settings))
    if not plan.get("analysis"):
        plan.check()
    folder = out if out is not None else usual_folder(name, scale, mode)
    if dry_run:
        _dry_run(console, plan, folder, data_root)
        return

    from rarecall.cli.reproduction_progress import reproduction_progress
    from rarecall.cli.stopping import stopping
    from rarecall.report.reproduction import print_reproduction, write_reproduction_report
    from rarecall.reproduction import Ways, run_plan

    ways = Ways(data_root, jobs, device, threads, minutes, storage)
    with (
        reproduction_progress(Console(stderr=True), quiet=quiet) as watch,
        stopping("What was finished is kept; the same command goes on.") as stop,
    ):
        results = run_plan(plan, folder, ways, should_stop=stop, watch=watch, against=against)
    report = write_reproduction_report(results, folder)
    print_reproduction(results, console)
    if results["unfinished"]:
        console.print("Unfinished: the same command goes on.", highlight=False)
    console.print(f"Report:  {report}", soft_wrap=True, highlight=False)
    console.print(f"Results: {folder / 'results.json'}", soft_wrap=True, highlight=False)


def _list(console: Console, root: Path | None) -> None:
    from rich.table import Table

    from rarecall.reproduction.listing import how_to_get, listed

    found = listed(root)
    table = Table(box=None, pad_edge=False)
    for title in ("protocol", "paper", "place", "data", "", "GPU h, full", "CPU h, small"):
        table.add_column(title, justify="right" if title.endswith(("full", "small")) else "left")
    for one in found:
        table.add_row(
            one.name,
            one.paper,
            one.place,
            ", ".join(one.collections),
            one.state,
            _hours(one.gpu_hours),
            _hours(one.cpu_hours_small),
        )
    console.print(table)
    console.print(
        "Hours are estimates: of one H200-class card at full scale, of two cores at small."
    )
    lacking = tuple(dict.fromkeys(name for one in found for name in one.missing))
    if lacking:
        console.print("\nData sets that are not here, each in a folder of its name below the root:")
        for line in how_to_get(lacking):
            console.print(f"  {line}", soft_wrap=True, highlight=False, markup=False, emoji=False)


def _hours(value: float | None) -> str:
    return "" if value is None else f"{value:g}"


def _dry_run(console: Console, plan: Plan, folder: Path, root: Path | None) -> None:
    from rarecall.data.collections import presence
    from rarecall.reproduction.searching import Work

    def say(text: Any) -> None:
        console.print(text, soft_wrap=True, highlight=False, markup=False)

    work = Work(plan, folder)
    planned = work.planned()
    say(f"{plan['name']}: {plan.get('place')}, {plan.get('title')}")
    say(f"Scale {plan.get('scale')}, mode {plan.mode}, run folder {folder}")
    say(f"Settings: {', '.join(plan.asked_settings)}")
    for label in plan.asked_rows:
        say(f"  {label}: {plan.row(label).method}, {plan.members_of(label)} networks a split")
    say(f"{planned} trainings, {planned - len(work.todo())} of them done; splits: {plan.splits}")
    for name in dict.fromkeys(plan["settings"][s]["collection"] for s in plan.asked_settings):
        look = presence(name, root)
        told = "made up" if look.made_up else "here"
        say(f"Data {name}: {told if look.present else ' '.join(look.problems)}")
