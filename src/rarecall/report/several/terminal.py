"""The end of ``rarecall compare`` for several classes or labels, readable at 80 columns."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

from rich import box
from rich.console import Group
from rich.table import Table
from rich.text import Text

from rarecall.report import sentences
from rarecall.report.numbers import (
    UNKNOWN,
    bracket,
    level,
    percent,
    share,
    share_digits,
    signed,
    signed_bracket,
)
from rarecall.report.several import sentences as words
from rarecall.report.several.stored import Several
from rarecall.report.terminal import clock, folded, name_of, two

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rich.console import RenderableType

    from rarecall.report.several.stored import One

_NAME_WIDTH, _NAME_LINES = 12, 4
_COLUMNS = 3
"""So many classes have a column of their own beside the mean."""


def terminal_several(results: Mapping[str, Any]) -> RenderableType:
    """Lay out a finished comparison of several classes or labels for the terminal.

    First the methods, then the classes with the winner's threshold for each.

    Args:
        results: The content of ``results.json``.

    Returns:
        A rich renderable; text from the user is never read as markup.

    Raises:
        RunError: The results are of another format or incomplete.
    """
    several = Several.read(results)
    overall = several.overall
    harmless = "known to be without the label"
    if several.kind == "multiclass":
        harmless = "of no critical class"
    note = (
        f"FPR: share of the harmless flagged, the cases {harmless}. [ ]: "
        f"{level(overall.confidence)} interval over test cases. Sorted by validation."
    )
    lines: list[RenderableType] = [
        _methods(several),
        Text(note, style="dim"),
        Text(),
        Text(words.answer(several), style="bold"),
    ]
    said = (
        f"{sentences.choice(overall)} {words.certainty(several)}",
        words.scale(several),
        overall.message or "",
    )
    lines += [Text(text) for text in said if text]
    lines += [Text(), _classes(several)]
    lines.append(Text("The report and the model's manifest have the exact scores.", style="dim"))
    lines += [
        Text(text)
        for text in (words.by_itself(several), words.together(several), words.assignment(several))
        if text
    ]
    return Group(*lines)


def _plain() -> Table:
    return Table(
        box=box.SIMPLE_HEAD, pad_edge=False, padding=0, collapse_padding=True, show_edge=False
    )


def _methods(several: Several) -> Table:
    overall, places = several.overall, words.digits(several)
    at = f">= {level(overall.tpr)}"
    table = _plain()
    table.add_column("\nmethod", overflow="fold", min_width=9)
    if len(several.classes) > 1:
        table.add_column(f"mean FPR\nat TPR {at}", justify="right", no_wrap=True)
    shown = several.classes if len(several.classes) <= _COLUMNS else ()
    for one in shown:
        head = Text("FPR for\n" if len(several.classes) > 1 else f"FPR at TPR {at} for\n")
        table.add_column(head.append(_short(one.name)), justify="right", no_wrap=True)
    if several.kind == "multiclass":
        table.add_column("accu-\nracy", justify="right", no_wrap=True)
    table.add_column("mean\nAUC" if len(several.classes) > 1 else "\nAUC", justify="right")
    table.add_column("\ntime", justify="right", no_wrap=True)
    for row, method in enumerate(overall.methods):
        cells = [name_of(method)]
        if len(several.classes) > 1:
            cells.append(Text(percent(method.fpr_at(overall.tpr).value, places)))
        for one in shown:
            found = one.found.methods[row].fpr_at(overall.tpr)
            cells.append(two(percent(found.value, places), bracket(found, places)))
        if several.kind == "multiclass":
            cells.append(Text(percent(several.stored(method).get("accuracy"))))
        cells.append(Text(share(method.auc.value, share_digits(overall))))
        table.add_row(*cells, Text(clock(method.seconds)))
    return table


def _classes(several: Several) -> Table:
    """Lay out the winner's thresholds, one a row."""
    overall = several.overall
    against = overall.baseline is not None and not overall.winner.baseline
    table = _plain()
    table.add_column(f"\n{several.noun}", overflow="fold")
    table.add_column(f"FPR of\n{folded(overall.winner.name)}", justify="right", no_wrap=True)
    if against:
        head = Text("points against\n").append(folded(overall.baseline or ""))
        table.add_column(head, justify="right", no_wrap=True)
    table.add_column("flag at a\nscore of", justify="right", no_wrap=True)
    table.add_column(f"TPR >= {level(overall.tpr)}\nguaranteed", justify="right", no_wrap=True)
    table.add_column("caught\non test", justify="right", no_wrap=True)
    table.add_column("flagged\non test", justify="right", no_wrap=True)
    for one in several.classes:
        table.add_row(*_class(one, words.digits(several), against=against))
    return table


def _class(one: One, places: int, *, against: bool) -> list[Text]:
    found, chosen = one.found, one.found.threshold
    rate = found.winner.fpr_at(found.tpr)
    cells = [Text(_short(one.name)), two(percent(rate.value, places), bracket(rate, places))]
    if against:
        cells.append(_difference(one, places))
    if chosen is None:
        return [*cells, *[Text(UNKNOWN)] * 4]
    held = "yes" if chosen.guaranteed else "no"
    needed = f"{chosen.positives} of {chosen.needed}"
    caught, flagged = UNKNOWN, UNKNOWN
    if chosen.test_positives is not None and chosen.test_misses is not None:
        caught = f"{chosen.test_positives - chosen.test_misses} of {chosen.test_positives}"
    if chosen.test_negatives is not None and chosen.test_false_alarms is not None:
        flagged = f"{chosen.test_false_alarms} of {chosen.test_negatives}"
    return [
        *cells,
        Text("all" if chosen.value is None else f"{chosen.value:.5g}"),
        Text(held, style="bold" if chosen.guaranteed else "").append(
            "" if chosen.guaranteed else f"\n{needed}", style="dim"
        ),
        two(caught, percent(chosen.test_tpr.value)),
        two(flagged, percent(chosen.test_fpr.value, places)),
    ]


def _difference(one: One, places: int) -> Text:
    found = one.found.winner.difference
    if found is None:
        return Text(UNKNOWN)
    shown = found.verdict in ("lower", "higher")
    text = Text(signed(found.estimate.value, places))
    text.append(f" {found.verdict if shown else 'not shown'}", "bold" if shown else "dim")
    interval = signed_bracket(found.estimate, places)
    if interval:
        text.append("\n" + interval, style="dim")
    return text


def _short(name: str) -> str:
    r"""Break a long name of a class or label over a few lines.

    >>> _short("pleural effusion, small")
    'pleural\neffusion,\nsmall'
    """
    lines = textwrap.wrap(name, _NAME_WIDTH, max_lines=_NAME_LINES, placeholder=" ...")
    return "\n".join(lines) or name
