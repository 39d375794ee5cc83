"""What a reproduction shows, in plain words; ASCII, from the stored results alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rarecall.reproduction.judging import capital, of_setting
from rarecall.reproduction.stored import Reproduction

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rarecall.reproduction.stored import Row, Setting

NOTHING = "made-up data: the numbers mean nothing"
_MODES = {
    "strict": (
        "one rare training set for all members of an ensemble, validation data apart from training "
        "data, and the exact FPR at a TPR"
    ),
    "as-published": (
        "as the papers' code does it: members draw their rare cases anew, validation data overlaps "
        "training data, and the TPR is rounded"
    ),
}
_SCALES = {
    "full": "the paper's own: its network, epochs and splits",
    "small": (
        "cut down from the paper's to fit a small machine, so own values need not come near the "
        "printed ones; the differences between rows are what can be compared"
    ),
    "smoke": "a check that everything runs, and no measurement",
}


def verdicts(results: Mapping[str, Any]) -> list[str]:
    """Say what was run and what it shows, the most important first.

    Args:
        results: The content of ``results.json``.

    Returns:
        Sentences: the conditions, warnings, the whole, then one for every difference to a baseline
        row. Each of those names scale and mode, and says so where the data is made up or work is
        left to do.

    Raises:
        RunError: The content is no reproduction, of another format, or incomplete.

    >>> values = {"BCE": (0.56, 0.521), "+RankReg": (0.471, 0.450)}
    >>> rows = [{"label": name, "printed": {"98": {"value": paper}}, "own": {"98": {"ensemble": x}},
    ...          "units": {"wanted": 1, "done": 1}} for name, (paper, x) in values.items()]
    >>> rows[1]["baseline"] = "BCE"
    >>> rows[1]["against"] = {"98": {"difference": -0.071, "low": -0.123, "high": -0.02}}
    >>> found = verdicts({
    ...     "format": 1, "kind": "reproduction", "protocol": "rankreg-table-1", "paper": "rankreg",
    ...     "place": "Table 1", "title": "CIFAR-10", "scale": "small", "mode": "strict",
    ...     "measures": [{"label": "98", "measure": "fpr_at_tpr", "tpr": 0.98, "better": "lower",
    ...                   "percent": True}],
    ...     "settings": [{"name": "1:100", "rows": rows}]})
    >>> print(found[-1])
    1:100: +RankReg below BCE by 7.1 points at 98% TPR, interval [2.0, 12.3]; the paper: 8.9 (scale
    small, strict).
    """
    found = Reproduction.read(results)
    said = [conditions(found), *warnings(found), *whole(found)]
    for setting in found.settings:
        for verdict in of_setting(found, setting):
            rows = [row for row in setting.rows if row.label == verdict.row]
            said.append(f"{setting.name}: {verdict.text} ({tag(found, setting, *rows)}).")
    return said


def conditions(found: Reproduction) -> str:
    """Say at which scale and in which mode the work was done."""
    scale = _SCALES.get(found.scale, "as the protocol file says")
    if found.made_up and all(setting.made_up for setting in found.settings):
        # Of made-up data even the differences mean nothing.
        scale = scale.partition(", so")[0]
    mode = _MODES.get(found.mode, "as the protocol file says")
    return f"{found.protocol} at scale {found.scale} ({scale}) in {found.mode} mode ({mode})."


def warnings(found: Reproduction) -> list[str]:
    """Say what forbids to read the numbers as they stand."""
    said = []
    if found.made_up:
        places = [setting.name for setting in found.settings if setting.made_up]
        where = "" if len(places) == len(found.settings) else f" in {', '.join(places)}"
        said.append(f"{capital(NOTHING)}{where}.")
    wanted, done, failed = found.units
    if failed and not found.unfinished and done + failed >= wanted:
        said.append(
            f"{failed:,} of {wanted:,} units failed, for the reasons under Remarks, and are not "
            "tried again: a row lacks its number, or has one of fewer networks."
        )
    elif found.unfinished or done < wanted:
        more = f"; {failed} failed" if failed else ""
        said.append(
            f"Unfinished: {done:,} of {wanted:,} units are done{more}. The same command goes on "
            "where it stopped; until then every number may still change."
        )
    return said


def whole(found: Reproduction) -> list[str]:
    """Sum up what became of the paper's differences, and of its values themselves."""
    if found.made_up and all(setting.made_up for setting in found.settings):
        return []
    return [text for text in (summary(found, *found.settings), _values(found)) if text]


def summary(found: Reproduction, *settings: Setting) -> str:
    """Count what became of the differences that the paper prints; empty where there is none."""
    judged = [
        verdict
        for setting in settings
        if not setting.made_up
        for verdict in of_setting(found, setting)
        if verdict.printed and verdict.outcome != "missing"
    ]
    if not judged:
        return ""
    same = sum(verdict.agrees is True for verdict in judged)
    opposite = sum(verdict.agrees is False for verdict in judged)
    rest = len(judged) - same - opposite
    if len(judged) == 1:
        way = "same" if same else "opposite"
        fate = f"shown here in the {way} direction" if same or opposite else "not shown here"
        return f"The one difference to a baseline that the paper prints is {fate}."
    return (
        f"Of {len(judged):,} differences to a baseline that the paper prints, {same:,} "
        f"{'is' if same == 1 else 'are'} shown here in the same direction, {opposite:,} in the "
        f"opposite one, and {rest:,} {'is' if rest == 1 else 'are'} not shown."
    )


def _values(found: Reproduction) -> str:
    inside, cells = 0, 0
    for setting in found.settings:
        for row in setting.rows:
            for measure in found.measures:
                printed, (low, high) = row.printed_value(measure), row.interval(measure)
                if printed is None or low is None or high is None or setting.made_up:
                    continue
                cells += 1
                inside += low <= printed <= high
    if not cells:
        return ""
    return (
        f"{inside:,} of {cells:,} printed values lie inside the own {100 * found.confidence:g}% "
        "interval over test samples; the paper's own uncertainty is not known."
    )


def tag(found: Reproduction, setting: Setting, *rows: Row) -> str:
    """Say in a few words under which conditions the numbers of rows stand."""
    said = [f"scale {found.scale}, {found.mode}"]
    left = [row.unfinished for row in rows if row.unfinished]
    if left:
        said.append(left[0] if len(rows) == 1 else f"{len(left)} of {len(rows)} rows unfinished")
    if setting.made_up:
        said.append(NOTHING)
    return "; ".join(said)
