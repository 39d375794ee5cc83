"""The program: its commands, version and exit codes. Imports nothing heavy."""

from __future__ import annotations

from typing import Annotated

import typer

from rarecall import __version__
from rarecall.cli.card import card
from rarecall.cli.compare import compare
from rarecall.cli.evaluate import evaluate
from rarecall.cli.export import export_model
from rarecall.cli.methods import methods
from rarecall.cli.monitor import monitor
from rarecall.cli.predict import predict
from rarecall.cli.report import report
from rarecall.cli.reproduce import reproduce
from rarecall.cli.status import status
from rarecall.cli.threshold import threshold

EXIT_CODES = (
    "Exit codes: 0 done; 1 unexpected fault; 2 an option cannot be used; "
    "3 the data cannot be used; 4 a run or model folder or a certificate is in the way, "
    "incomplete or not what it should be; "
    "5 a file cannot be written; 130 stopped by Ctrl-C, 143 by SIGTERM (what was finished is kept)."
)

app = typer.Typer(
    name="rarecall",
    help="Classifiers whose rare class must not be missed: compare, choose, and guarantee.",
    epilog=EXIT_CODES,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command(epilog=EXIT_CODES)(compare)
app.command(epilog=EXIT_CODES)(evaluate)
app.command(epilog=EXIT_CODES)(threshold)
app.command(epilog=EXIT_CODES)(monitor)
app.command(epilog=EXIT_CODES)(predict)
app.command("export", epilog=EXIT_CODES)(export_model)
app.command(epilog=EXIT_CODES)(reproduce)
app.command(epilog=EXIT_CODES)(status)
app.command()(card)
app.command()(report)
app.command()(methods)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"rarecall {__version__}")
        raise typer.Exit


@app.callback()
def _program(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_version, is_eager=True, help="Show the version and leave."
        ),
    ] = False,
) -> None:
    """Classifiers whose rare class must not be missed: compare, choose, and guarantee."""
