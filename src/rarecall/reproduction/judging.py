"""One row against its baseline, judged and put into words; ASCII.

A difference counts as *shown* when its interval over test samples leaves 0 out and, where several
rows were compared, its p-value adjusted for their number allows it too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from rarecall.reproduction.stored import Reproduction, Row, Setting
    from rarecall.reproduction.stored_values import Against, Measure


@dataclass(frozen=True)
class Verdict:
    """One difference of a row to its baseline, beside the paper's.

    Attributes:
        difference: Own value of the row minus that of the baseline.
        printed: The same of the printed values; None where the paper prints one of them not.
        outcome: ``"lower"`` or ``"higher"`` where a difference is shown, ``"open"`` where none is,
            ``"missing"`` where none was measured.
        text: In words, without the conditions.
    """

    setting: str
    row: str
    measure: Measure
    difference: float | None
    printed: float | None
    outcome: Literal["lower", "higher", "open", "missing"]
    text: str

    @property
    def sentence(self) -> str:
        """The text with its full stop; a row's label keeps its letters."""
        ours = self.text.startswith("no difference ")
        return f"{capital(self.text) if ours else self.text}."

    @property
    def agrees(self) -> bool | None:
        """Whether a shown difference points where the paper's does; None where that is open."""
        if self.outcome not in ("lower", "higher") or not self.printed:
            return None
        return (self.printed < 0) == (self.outcome == "lower")

    @property
    def better(self) -> bool | None:
        """Whether a shown difference favours the row; None where none is shown."""
        if self.outcome not in ("lower", "higher"):
            return None
        return (self.outcome == "lower") == self.measure.lower


def of_setting(found: Reproduction, setting: Setting) -> list[Verdict]:
    """Judge every row of a setting that has a baseline, measure by measure.

    Tests are of ensembles; columns of single networks have none.
    """
    alpha = 1 - found.confidence
    return [
        judge(setting, row, measure, alpha)
        for row in setting.rows
        if row.baseline is not None
        for measure in found.measures
        if not measure.single
        and (measure.label in row.against or measure.label in row.own or not row.own)
    ]


def judge(setting: Setting, row: Row, measure: Measure, alpha: float) -> Verdict:
    """Judge one difference to the baseline.

    Args:
        setting: Where the row stands.
        row: With a baseline.
        measure: One of the table's.
        alpha: 1 minus the confidence of the intervals; adjusted p-values above it show nothing.
    """
    tested = row.against.get(measure.label)
    name = row.baseline or "" if tested is None else tested.baseline
    printed = _printed(setting, row, name, measure)
    if tested is None or tested.difference is None:
        text = f"no difference measured between {row.label} and {name} {measure.place}"
        return Verdict(setting.name, row.label, measure, None, printed, "missing", text)
    down = tested.difference < 0
    shown, why = _shown(tested, alpha)
    size = amount(tested.difference, measure, _digits(tested, measure))
    around = _interval(tested, measure, down=down)
    paper = _paper(printed, measure, down=down)
    if shown:
        side = "below" if down else "above"
        text = f"{row.label} {side} {name} by {size} {measure.place}{around}; {paper}"
        outcome: Literal["lower", "higher", "open"] = "lower" if down else "higher"
    else:
        side = f"{size} {'below' if down else 'above'}" if tested.difference else "none at all"
        text = (
            f"no difference shown between {row.label} and {name} {measure.place}: {side}{around}"
            f"{why}; {paper}"
        )
        outcome = "open"
    return Verdict(setting.name, row.label, measure, tested.difference, printed, outcome, text)


def amount(value: float, measure: Measure, digits: int = 1) -> str:
    """Write a difference without its sign: in percentage points, or as it is."""
    size = f"{abs(value) * (100 if measure.percent else 1):.{digits}f}"
    return f"{size} points" if measure.percent else size


def _digits(tested: Against, measure: Measure) -> int:
    if not measure.percent:
        return 3
    sizes = [abs(x) for x in (tested.difference, tested.low, tested.high) if x is not None]
    return 2 if max(sizes) < 0.01 else 1


def _shown(tested: Against, alpha: float) -> tuple[bool, str]:
    if tested.low is None or tested.high is None:
        return False, " without an interval"
    if tested.low <= 0 <= tested.high:
        return False, ""
    if tested.adjusted is not None and tested.adjusted > alpha:
        return False, f", p = {tested.adjusted:.2g} once adjusted for the number of comparisons"
    return True, ""


def _interval(tested: Against, measure: Measure, *, down: bool) -> str:
    if tested.low is None or tested.high is None:
        return ""
    ends = (-tested.high, -tested.low) if down else (tested.low, tested.high)
    scale, digits = 100 if measure.percent else 1, _digits(tested, measure)
    low, high = (_signless_zero(f"{end * scale:.{digits}f}") for end in ends)
    return f", interval [{low}, {high}]"


def _signless_zero(text: str) -> str:
    return text.removeprefix("-") if float(text) == 0 else text


def _paper(printed: float | None, measure: Measure, *, down: bool) -> str:
    if printed is None:
        return "the paper prints none"
    digits = 1 if measure.percent else 3
    size = amount(printed, measure, digits).removesuffix(" points")
    if float(size) == 0:
        return "the paper: no difference"
    if (printed < 0) == down:
        return f"the paper: {size}"
    return f"the paper: {size} {'below' if printed < 0 else 'above'}"


def _printed(setting: Setting, row: Row, baseline: str, measure: Measure) -> float | None:
    other = setting.row(baseline)
    mine = row.printed_value(measure)
    base = None if other is None else other.printed_value(measure)
    return None if mine is None or base is None else mine - base


def capital(text: str) -> str:
    """Begin a sentence."""
    return text[:1].upper() + text[1:]
