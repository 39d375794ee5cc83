"""The end of ``rarecall compare`` and ``evaluate``: a table and plain sentences, at 80 columns."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from rich import box
from rich.console import Group
from rich.table import Table
from rich.text import Text

from rarecall.report import promises, sentences
from rarecall.report.in_use import sentences as in_use
from rarecall.report.in_use.subgroups import low_subgroups
from rarecall.report.numbers import (
    UNKNOWN,
    bracket,
    level,
    percent,
    rate_digits,
    share,
    share_bracket,
    share_digits,
    signed,
    signed_bracket,
)
from rarecall.report.several.stored import is_several
from rarecall.report.stored import Comparison
from rarecall.report.texts import join

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rich.console import RenderableType

    from rarecall.report.records import Method


_NAME_WIDTH = 14


def terminal_table(results: Mapping[str, Any]) -> RenderableType:
    """Lay out a finished comparison for the terminal.

    Every method takes two lines: the values, and below them their intervals.

    Args:
        results: The content of ``results.json``.

    Returns:
        A rich renderable; text from the user is never read as markup.

    Raises:
        RunError: The results are of another format or incomplete.
    """
    if is_several(results):
        from rarecall.report.several.terminal import terminal_several

        return terminal_several(results)
    comparison = Comparison.read(results)
    confidence = level(comparison.confidence)
    explained = (
        "One seed: mean and standard deviation of single models. "
        if _has_spread(comparison)
        else ""
    )
    cases = f"{comparison.measured_on} cases"
    order = "The first is in use." if comparison.given else "Sorted by validation."
    note = (
        "FPR: share of the harmless flagged. "
        f"{f'[ ]: {confidence} interval over {cases}. ' if comparison.has_intervals else ''}"
        f"{explained}{order}"
    )
    lines: list[RenderableType] = [_table(comparison), Text(note, style="dim"), Text()]
    lines.append(Text(sentences.answer(comparison), style="bold"))
    said = (
        in_use.plain(comparison),
        in_use.own_threshold(comparison),
        sentences.breadth(comparison),
        join(sentences.choice(comparison), sentences.certainty(comparison)),
        sentences.scale(comparison),
        promises.threshold(comparison),
        promises.guarantee(comparison) if comparison.threshold or not comparison.given else "",
        " ".join(filter(None, (promises.achieved(comparison), promises.kept(comparison)))),
        low_subgroups(comparison),
        "" if comparison.in_use is None else in_use.weak_evidence(comparison.in_use),
        comparison.message or "",
    )
    lines += [Text(sentence) for sentence in said if sentence]
    return Group(*lines)


def _table(comparison: Comparison) -> Table:
    digits, auc_digits = rate_digits(comparison), share_digits(comparison)
    others = [value for value in comparison.levels if value != round(comparison.tpr, 9)]
    spread = _has_spread(comparison)
    against = comparison.baseline is not None and comparison.compared > 0
    table = Table(
        box=box.SIMPLE_HEAD, pad_edge=False, padding=0, collapse_padding=True, show_edge=False
    )
    table.add_column(f"\n{comparison.noun}", overflow="fold")
    table.add_column(f"FPR at TPR\n>= {level(comparison.tpr)}", justify="right", no_wrap=True)
    if spread:
        table.add_column("one\nseed", justify="right", no_wrap=True)
    if against:
        base = Text("points against\n").append(folded(comparison.baseline or ""))
        table.add_column(base, justify="right", no_wrap=True)
    if others:
        table.add_column(
            "\n".join(f"at {level(value)}" for value in others), justify="right", no_wrap=True
        )
    table.add_column("\nAUC", justify="right", no_wrap=True)
    if not comparison.given:
        table.add_column("\ntime", justify="right", no_wrap=True)
    for method in comparison.methods:
        found, sd = method.fpr_at(comparison.tpr), method.spread_at(comparison.tpr)
        cells = [name_of(method), two(percent(found.value, digits), bracket(found, digits))]
        if spread:
            around = "" if sd.sd is None else f"sd {100 * sd.sd:.{digits}f}"
            cells.append(two(percent(sd.mean, digits), around))
        if against:
            cells.append(_difference(method, digits))
        if others:
            rates = (percent(method.fpr_at(value).value, digits) for value in others)
            cells.append(Text("\n".join(rates)))
        cells.append(two(share(method.auc.value, auc_digits), _auc_bracket(method, auc_digits)))
        if not comparison.given:
            cells.append(Text(clock(method.seconds)))
        table.add_row(*cells)
    return table


def _has_spread(comparison: Comparison) -> bool:
    return any(m.spread_at(comparison.tpr).sd is not None for m in comparison.methods)


def name_of(method: Method) -> Text:
    """Show a method's name and what it is."""
    name = Text(folded(method.name), style="bold" if method.winner else "")
    if method.marks:
        name.append("\n" + "\n".join(method.labels), style="dim")
    return name


def folded(name: str) -> str:
    r"""Break a long method name after a ``+``.

    >>> folded("bce+alm+balanced")
    'bce+alm+\nbalanced'
    """
    lines = [""]
    for part in re.findall(r"[^+]+\+?|\+", name):
        if lines[-1] and len(lines[-1]) + len(part) > _NAME_WIDTH:
            lines.append("")
        lines[-1] += part
    return "\n".join(lines)


def two(value: str, small: str) -> Text:
    """Put small print below a value."""
    text = Text(value)
    if small:
        text.append("\n" + small, style="dim")
    return text


def _difference(method: Method, digits: int) -> Text:
    found = method.difference
    if found is None:
        return Text("" if method.baseline else UNKNOWN)
    shown = found.verdict in ("lower", "higher")
    text = Text(signed(found.estimate.value, digits))
    text.append(f" {found.verdict if shown else 'not shown'}", "bold" if shown else "dim")
    interval = signed_bracket(found.estimate, digits)
    if interval:
        text.append("\n" + interval, style="dim")
    return text


def _auc_bracket(method: Method, digits: int) -> str:
    return share_bracket(method.auc, digits).replace("0.", ".")


def clock(seconds: float | None) -> str:
    """Write a time in few columns.

    >>> clock(4.2), clock(67), clock(3840)
    ('4s', '1m07', '1h04')
    """
    if seconds is None:
        return UNKNOWN
    whole = round(seconds)
    if whole < 60:
        return f"{whole}s"
    return (
        f"{whole // 60}m{whole % 60:02d}"
        if whole < 3600
        else f"{whole // 3600}h{whole % 3600 // 60:02d}"
    )
