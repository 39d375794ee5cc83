"""The papers' figures, redrawn from own numbers: data for charts, one entry a drawing.

What a protocol's ``curves`` say becomes entries of kind ``lines``, ``bars``, ``scatter`` or
``heatmap``, which the report draws. ROC curves are stored with the rows themselves.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from rarecall.reproduction.figure_points import (
    by_epoch,
    correlation,
    densities,
    mean_conditions,
    number,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from rarecall.reproduction.cells import Cell
    from rarecall.reproduction.plan import Plan

Entry = dict[str, Any]
_RATES = {"percent": True}


def draw_figures(
    plan: Plan, document: Mapping[str, Any], cells: Mapping[tuple[str, str], Cell], run: Path
) -> list[Entry]:
    """Give the drawings of a protocol as data; none for tables.

    Args:
        plan: Says under ``curves`` what is drawn.
        document: The results, but for the figures.
        cells: All that was trained.
        run: The run folder.
    """
    told = plan.get("curves")
    if not told:
        return []
    drawer = _Drawer(plan, document, cells, run, told)
    return list(drawer.entries())


class _Drawer:
    def __init__(
        self,
        plan: Plan,
        document: Mapping[str, Any],
        cells: Mapping[tuple[str, str], Cell],
        run: Path,
        told: Mapping[str, Any],
    ) -> None:
        self.plan, self.cells, self.run, self.told = plan, cells, run, told
        self.settings = {entry["name"]: entry for entry in document["settings"]}
        self.measures = [entry["label"] for entry in document["measures"]]
        self.better = {entry["label"]: entry["better"] for entry in document["measures"]}
        self.x: Mapping[str, Any] = told.get("x") or {}

    def entries(self) -> Iterator[Entry]:
        kind, along = self.told.get("kind"), self.x.get("of")
        if kind in ("lines", "bars"):
            if along == "epochs":
                yield from self._epochs()
            elif along == "measures":
                yield from self._measures(kind)
            else:
                yield from self._settings(kind)
        elif kind == "scatter":
            yield from self._of_measures() if along == "measures" else self._of_baselines()
        elif kind == "heatmap":
            yield from self._conditions() if self.told.get("of") == "conditions" else self._rows()
        elif kind == "histogram":
            yield from self._histograms()

    # Lines and bars ---------------------------------------------------------------------------

    def _settings(self, kind: str) -> Iterator[Entry]:
        """One drawing a measure, settings along x, a series a row."""
        names = list(self.settings)
        for measure in self._y():
            series = []
            for label in self._series():
                rows = [self._row(name, label) for name in names]
                own = [row["own"][measure] for row in rows]
                printed = [(row["printed"].get(measure) or {}).get("value") for row in rows]
                series.append(
                    {
                        "label": label,
                        "values": [one["ensemble"] for one in own],
                        "low": [one["low"] for one in own],
                        "high": [one["high"] for one in own],
                        "printed": printed if any(v is not None for v in printed) else None,
                    }
                )
            x = {"label": self.x.get("label", "setting"), "values": [number(n) for n in names]}
            y = {"label": measure, **_RATES}
            yield {"kind": kind, "title": self._title(measure), "x": x, "y": y, "series": series}

    def _measures(self, kind: str) -> Iterator[Entry]:
        """One drawing a setting, measures along x, a series a row."""
        values = list(self.x.get("values") or self.measures)
        shown = values if len(values) == len(self.measures) else self.measures
        for name in self.settings:
            series = [
                {
                    "label": label,
                    "values": [self._own(name, label, measure) for measure in self.measures],
                }
                for label in self._series()
            ]
            if self.told.get("best_of"):
                columns = zip(*(one["values"] for one in series), strict=True)
                best = [
                    self._best(measure, column)
                    for measure, column in zip(self.measures, columns, strict=True)
                ]
                series.insert(0, {"label": "the best row at each", "values": best})
            x = {"label": self.x.get("label", "measure"), "values": shown}
            y = {"label": "value", **_RATES}
            yield {"kind": kind, "title": self._title(name), "x": x, "y": y, "series": series}

    def _epochs(self) -> Iterator[Entry]:
        """One drawing a setting: what validation told after each epoch, a series a row."""
        for name in self.settings:
            found = {label: by_epoch(self.cells[name, label], self.run) for label in self._series()}
            longest = max((len(values) for values in found.values()), default=0)
            series = [
                {"label": label, "values": [*values, *[None] * (longest - len(values))]}
                for label, values in found.items()
            ]
            x = {"label": self.x.get("label", "epoch"), "values": list(range(1, longest + 1))}
            y = {"label": f"validation {', '.join(self._y())}", **_RATES}
            yield {"kind": "lines", "title": self._title(name), "x": x, "y": y, "series": series}

    def _histograms(self) -> Iterator[Entry]:
        """One drawing a row and setting: how the test scores of both classes lie."""
        for name in self.settings:
            for label in self._series():
                found = densities(self.cells[name, label])
                if found is not None:
                    centres, shares = found
                    yield {
                        "kind": "lines",
                        "title": self._title(f"{label}, {name}"),
                        "x": {"label": "score", "values": centres},
                        "y": {"label": "share of the class", **_RATES},
                        "series": [{"label": k, "values": v} for k, v in shares.items()],
                    }

    # Points -----------------------------------------------------------------------------------

    def _of_baselines(self) -> Iterator[Entry]:
        """Place a point for every row: its baseline's value, and how far the row lies from it."""
        for measure in self._y():
            series = []
            for which, value in (("own", self._own), ("the paper's", self._printed)):
                points = [
                    (value(name, row["baseline"], measure), value(name, row["label"], measure))
                    for name, entry in self.settings.items()
                    for row in entry["rows"]
                    if row["baseline"] is not None
                ]
                pairs = [(a, b - a) for a, b in points if a is not None and b is not None]
                if pairs:
                    xs, ys = ([pair[k] for pair in pairs] for k in (0, 1))
                    told = correlation(xs, ys) if self.told.get("correlation") else None
                    more = "" if told is None else f", correlation {told:.2f} over {len(xs)}"
                    series.append({"label": f"{which}{more}", "x": xs, "y": ys})
            yield {
                "kind": "scatter",
                "title": self._title(measure),
                "x": {"label": self.x.get("label", f"{measure} of the baseline"), **_RATES},
                "y": {"label": f"{measure}, row less baseline", **_RATES},
                "series": series,
            }

    def _of_measures(self) -> Iterator[Entry]:
        """One drawing a measure and setting: it along x, another along y, a point a λ."""
        (y,) = self._y()
        for name in self.settings:
            for measure in self.x.get("values") or self.measures:
                series = []
                for label in self._series():
                    points = mean_conditions(self.cells[name, label])
                    if points is None or not {measure, y} <= points.values.keys():
                        own = self._own(name, label, measure), self._own(name, label, y)
                        series.append({"label": label, "x": [own[0]], "y": [own[1]]})
                    else:
                        xs, ys = points.values[measure], points.values[y]
                        series.append({"label": f"{label}, every λ", "x": xs, "y": ys})
                yield {
                    "kind": "scatter",
                    "title": self._title(f"{measure}, {name}"),
                    "x": {"label": measure, **_RATES},
                    "y": {"label": y, **_RATES},
                    "series": series,
                }

    # Heat maps --------------------------------------------------------------------------------

    def _rows(self) -> Iterator[Entry]:
        """One drawing a setting: every row at the place that its two parameters give it."""
        first, second = (self.told[axis]["parameter"] for axis in ("x", "y"))
        measure = self.told["z"]
        for name, entry in self.settings.items():
            placed = {
                (row["parameters"].get(first), row["parameters"].get(second)): row["own"][measure]
                for row in entry["rows"]
            }
            across = sorted({x for x, _ in placed if x is not None})
            up = sorted({y for _, y in placed if y is not None})
            z = [[(placed.get((x, y)) or {}).get("ensemble") for x in across] for y in up]
            yield self._heatmap(name, across, up, z)

    def _conditions(self) -> Iterator[Entry]:
        """One drawing a row and setting: its networks at every λ.

        Where λ holds only one of the two, rows that differ in the other stand in one drawing.
        """
        names = [self.told[axis]["parameter"] for axis in ("x", "y")]
        shared: dict[str, dict[float, tuple[Sequence[float], list[float]]]] = {}
        for name in self.settings:
            for label in self._series():
                points = mean_conditions(self.cells[name, label])
                if points is None or self.told["z"] not in points.values:
                    continue
                title = label if len(self.settings) == 1 else f"{label}, {name}"
                inside = [word for word in names if word in points.names]
                if len(inside) == 2:
                    axes = [points.axis(word) for word in names]
                    z = points.grid(self.told["z"], names[::-1]).tolist()
                    yield self._heatmap(title, axes[0], axes[1], z)
                elif inside:
                    (fixed,) = set(names) - set(inside)
                    parameters = self._row(name, label)["parameters"]
                    # The row's label but for what tells it from the others of its drawing.
                    word = f", {fixed.rpartition('.')[2]} {parameters[fixed]:g}"
                    values = points.grid(self.told["z"], inside).tolist()
                    found = shared.setdefault(title.replace(word, ""), {})
                    found[float(parameters[fixed])] = (points.axis(inside[0]), values)
        for title, found in shared.items():
            levels = sorted(found)
            along = found[levels[0]][0]
            z = [found[level][1] for level in levels]
            if names[0] in self._drawn_names():
                yield self._heatmap(title, along, levels, z)
            else:
                yield self._heatmap(title, levels, along, np.transpose(z).tolist())

    def _drawn_names(self) -> set[str]:
        """Give what λ holds in any cell."""
        found = [mean_conditions(cell) for cell in self.cells.values()]
        return {name for points in found if points is not None for name in points.names}

    def _heatmap(
        self, what: str, across: Sequence[float], up: Sequence[float], z: list[list[Any]]
    ) -> Entry:
        measure = self.told["z"]
        return {
            "kind": "heatmap",
            "title": self._title(what),
            "x": {"label": self.told["x"].get("label", "x"), "values": list(across)},
            "y": {"label": self.told["y"].get("label", "y"), "values": list(up)},
            "z": z,
            "z_label": measure,
            "percent": True,
            "better": self.better[measure],
        }

    # Reading ----------------------------------------------------------------------------------

    def _y(self) -> list[str]:
        y = self.told.get("y", self.measures)
        return [y] if isinstance(y, str) else [label for label in y if label in self.measures]

    def _series(self) -> list[str]:
        wanted, there = self.told.get("series", "rows"), self.plan.asked_rows
        return [row for row in there if wanted == "rows" or row in wanted]

    def _row(self, setting: str, label: str) -> Mapping[str, Any]:
        rows: list[Mapping[str, Any]] = self.settings[setting]["rows"]
        return next(row for row in rows if row["label"] == label)

    def _own(self, setting: str, label: str, measure: str) -> float | None:
        value: float | None = self._row(setting, label)["own"][measure]["ensemble"]
        return value

    def _printed(self, setting: str, label: str, measure: str) -> float | None:
        told = self._row(setting, label)["printed"].get(measure)
        return None if told is None else float(told["value"])

    def _best(self, measure: str, values: Sequence[float | None]) -> float | None:
        there = [value for value in values if value is not None]
        if not there:
            return None
        return max(there) if self.better[measure] == "higher" else min(there)

    def _title(self, what: str) -> str:
        return f"{self.plan.get('place')}: {what}"
