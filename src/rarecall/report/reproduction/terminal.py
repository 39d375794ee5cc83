"""The end of ``rarecall reproduce``: paper and own numbers side by side, readable at 80 columns."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

from rich import box
from rich.console import Group
from rich.table import Table
from rich.text import Text

from rarecall.report.numbers import UNKNOWN, duration, level, plural
from rarecall.report.reproduction.amounts import between, digits, gap, plain, signed
from rarecall.report.terminal import two
from rarecall.reproduction.judging import of_setting
from rarecall.reproduction.stored import Reproduction
from rarecall.reproduction.verdicts import conditions, tag, warnings, whole

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.console import Console, RenderableType

    from rarecall.reproduction.stored import Row, Setting
    from rarecall.reproduction.stored_values import Measure

_COLUMNS = 4
"""Measures of one table, so that it fits 80 columns; more of them make a second one."""

_NAME, _NAME_LINES = 17, 3
_MOST_VERDICTS, _MOST_DOUBTS = 8, 2
"""Verdicts of one setting, and doubts; the page has all of them."""


def print_reproduction(results: Mapping[str, Any], console: Console) -> None:
    """Print a reproduction, finished or not.

    Args:
        results: The content of ``results.json``.
        console: Where it goes; text from the results is never read as markup.

    Raises:
        RunError: The results are no reproduction, of another format, or incomplete.
    """
    console.print(reproduction_table(results))


def reproduction_table(results: Mapping[str, Any]) -> RenderableType:
    """Lay out a reproduction for the terminal: a table a setting, then what it shows."""
    found = Reproduction.read(results)
    lines: list[RenderableType] = [
        Text(f"{found.protocol}: {found.head}", style="bold"),
        Text(found.title),
        *([Text(found.citation, style="dim")] if found.citation else []),
        Text(conditions(found), style="dim"),
    ]
    lines += [Text(text, style="bold") for text in warnings(found)]
    for setting in found.settings:
        lines += _setting(found, setting)
    lines += [Text(text, style="bold") for text in whole(found)]
    return Group(*lines, *_asides(found))


def _asides(found: Reproduction) -> list[RenderableType]:
    """Name the first doubts about what is printed, and count the rest."""
    doubts = [str(text) for text in found.raw.get("doubts") or ()]
    said: list[RenderableType] = [
        Text(f"Doubt about the print: {text}.", style="dim") for text in doubts[:_MOST_DOUBTS]
    ]
    rest = len(doubts) - _MOST_DOUBTS
    if rest > 0:
        told = plural(rest, "more doubt is", "more doubts are")
        said.append(Text(f"{told} in the report.", style="dim"))
    return said


def _setting(found: Reproduction, setting: Setting) -> list[RenderableType]:
    told = tag(found, setting, *setting.rows)
    lines: list[RenderableType] = [Text(), Text(f"{setting.name} ({told})", style="bold")]
    lines += [
        _table(found, setting, found.measures[first : first + _COLUMNS])
        for first in range(0, len(found.measures), _COLUMNS)
    ]
    brackets = f"[ ]: {level(found.confidence)} interval over test samples. "
    lines.append(
        Text(f"Own value, then the paper's in ( ) and own minus paper. {brackets}", style="dim")
    )
    seconds = sum(row.seconds or 0.0 for row in setting.rows)
    trainings = sum(row.trainings or 0 for row in setting.rows)
    if trainings:
        lines.append(
            Text(
                f"{plural(trainings, 'training', 'trainings')} took {duration(seconds)}.",
                style="dim",
            )
        )
    first_measure = found.measures[:1]
    judged = [one for one in of_setting(found, setting) if one.measure in first_measure]
    lines += [Text(f"- {one.sentence}") for one in judged[:_MOST_VERDICTS]]
    if len(judged) > _MOST_VERDICTS:
        lines.append(
            Text(f"{len(judged) - _MOST_VERDICTS} more verdicts are in the report.", style="dim")
        )
    return lines


def _table(found: Reproduction, setting: Setting, measures: Sequence[Measure]) -> Table:
    table = Table(
        box=box.SIMPLE_HEAD, pad_edge=False, padding=0, collapse_padding=True, show_edge=False
    )
    table.add_column("row", overflow="fold")
    for measure in measures:
        head = "\n".join(textwrap.wrap(measure.title, 14))
        table.add_column(Text(head), justify="right", no_wrap=True)
    for row in setting.rows:
        cells = [_cell(row, measure, digits(found, measure)) for measure in measures]
        table.add_row(_name(row), *cells)
    return table


def _name(row: Row) -> Text:
    lines = textwrap.wrap(row.label, _NAME, max_lines=_NAME_LINES, placeholder=" ...")
    return two("\n".join(lines), "\n".join(textwrap.wrap(row.unfinished, _NAME)))


def _cell(row: Row, measure: Measure, places: int) -> Text:
    printed, value = row.printed_value(measure), row.own_value(measure)
    paper = plain(printed, measure, 1 if measure.percent else 3)
    text = Text(plain(value, measure, places), style="bold" if value is not None else "")
    text.append(f" ({paper})" if printed is not None else f" ({UNKNOWN})", style="not bold")
    below = [between(*row.interval(measure), measure, places)]
    below.append(signed(gap(value, printed), measure, places) if value is not None else "")
    for line in filter(None, below):
        text.append("\n" + line, style="not bold dim")
    return text
