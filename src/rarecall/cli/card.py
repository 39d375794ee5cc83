"""``rarecall card``: write the model card of a delivered model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer


def _option(help: str, *names: str, default: str | bool = True) -> Any:  # noqa: A002
    return typer.Option(*names, help=help, show_default=default)


def card(
    model: Annotated[Path, typer.Argument(help="Model folder, as RUN/model.")],
    out: Annotated[
        Path, _option("File to write; a .json one holds the facts as values.", "--out", "-o")
    ] = Path("model-card.md"),
    overwrite: Annotated[
        bool, _option("Replace the file, what was filled in included.", "--overwrite")
    ] = False,
) -> None:
    """Write the model card of MODEL: data, measures, threshold, promise, limits, versions.

    Example: rarecall card runs/claims/model --out card.md
    """
    from rarecall.errors import ConfigurationError

    if out.suffix.lower() not in (".md", ".json"):
        raise ConfigurationError(f"A model card is written as .md or .json, not as {out.name!r}.")
    if out.is_dir() or (out.exists() and not overwrite):
        raise ConfigurationError(
            f"{out} is there already, maybe with what somebody filled in. Choose another --out, "
            "or give --overwrite."
        )
    from rarecall.delivery.cards import model_card
    from rarecall.delivery.delivered import Delivered
    from rarecall.delivery.facts import card_facts
    from rarecall.files import write_json, write_text

    found = Delivered.load(model)
    if out.suffix.lower() == ".json":
        write_json(out, card_facts(found))
    else:
        write_text(out, model_card(found))
    typer.echo(f"Model card: {out}")
    if out.suffix.lower() == ".md":
        typer.echo("Its section Intended use is yours to fill in.")
