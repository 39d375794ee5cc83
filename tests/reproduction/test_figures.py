"""The papers' figures from own runs: each kind of drawing, and the numbers in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from rarecall.report.charts.figures import figure_chart
from rarecall.reproduction import run_plan
from rarecall.reproduction.figure_points import correlation
from rarecall.reproduction.plan import Plan
from rarecall.reproduction.reproducing import describe
from reproduction.problem import IMBALANCE, plan_of, ways

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Draw = Callable[[dict[str, Any]], tuple[list[dict[str, Any]], dict[str, Any]]]

DENSITIES = {"vs.gamma": [0.0, 0.3, 0.0], "vs.tau": [0.0, 3.0, 0.0]}
GRID = {"vs.gamma": [0.0, 0.1, 0.2], "vs.tau": [0.0, 3.0]}
ROWS: dict[str, Any] = {
    "a": {"method": "vs", "parameters": {"vs.gamma": 0.0, "vs.tau": 1.0}},
    "b": {"method": "vs", "baseline": "a", "parameters": {"vs.gamma": 0.2, "vs.tau": 1.0}},
    "c": {"method": "vs", "baseline": "a", "parameters": {"vs.gamma": 0.2, "vs.tau": 3.0}},
    "LCT": {
        "method": "vs+lct",
        "baseline": "a",
        "parameters": {"lct.densities": DENSITIES, "lct.grid": GRID},
    },
}
SETTINGS = {
    name: {
        "collection": "cifar10",
        "task": "binary",
        "imbalance": {**IMBALANCE, **more},
    }
    for name, more in (("0", {}), ("0.2", {"label_noise": 0.2}))
}
MEASURES = {
    "auc": {"measure": "auc"},
    "fpr": {"measure": "fpr_at_tpr", "tpr": 0.9},
    "brier": {"measure": "brier_score"},
}


@pytest.fixture(scope="module")
def draw(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Draw:
    """One run, drawn in different ways: what a figure shows is no part of what was trained."""
    folder = tmp_path_factory.mktemp("figures") / "run"

    def drawn(curves: dict[str, Any]) -> tuple[list[dict[str, Any]], dict[str, Any]]:
        plan = plan_of(rows=ROWS, settings=SETTINGS, measures=MEASURES, members=1, curves=curves)
        results = run_plan(plan, folder, ways(root))
        for number, figure in enumerate(results["figures"]):
            assert figure_chart(figure, f"f{number}") is not None
        return results["figures"], results

    return drawn


def own(results: dict[str, Any], setting: int, row: int, measure: str) -> float:
    value: float = results["settings"][setting]["rows"][row]["own"][measure]["ensemble"]
    return value


def test_lines_over_settings(draw: Draw) -> None:
    x = {"label": "noise", "of": "settings", "values": [0.0, 0.2]}
    figures, results = draw({"kind": "lines", "x": x, "y": ["auc", "fpr"], "series": ["a", "b"]})
    assert [figure["y"]["label"] for figure in figures] == ["auc", "fpr"]
    first = figures[0]
    assert first["x"]["values"] == [0.0, 0.2]
    assert [one["label"] for one in first["series"]] == ["a", "b"]
    assert first["series"][1]["values"] == [own(results, k, 1, "auc") for k in (0, 1)]
    assert all(
        low <= value <= high
        for one in first["series"]
        for low, value, high in zip(one["low"], one["values"], one["high"], strict=True)
    )


def test_bars_over_settings(draw: Draw) -> None:
    x = {"label": "set", "of": "settings"}
    (figure,), _ = draw({"kind": "bars", "x": x, "y": "auc", "series": "rows"})
    assert figure["kind"] == "bars"
    assert len(figure["series"]) == len(ROWS)


def test_lines_over_measures_with_the_best_row_at_each(draw: Draw) -> None:
    x = {"label": "measure", "of": "measures", "values": [1, 2, 3]}
    figures, results = draw({"kind": "lines", "x": x, "series": "rows", "best_of": "rows"})
    best = figures[0]["series"][0]["values"]
    aucs = [own(results, 0, row, "auc") for row in range(len(ROWS))]
    fprs = [own(results, 0, row, "fpr") for row in range(len(ROWS))]
    assert best[:2] == [max(aucs), min(fprs)]


def test_courses_over_epochs(draw: Draw) -> None:
    x = {"label": "epoch", "of": "epochs"}
    figures, _ = draw({"kind": "lines", "x": x, "y": "auc", "series": ["a", "LCT"]})
    assert len(figures) == len(SETTINGS)
    assert figures[0]["x"]["values"] == [1]
    assert len(figures[0]["series"][0]["values"]) == 1


def test_scatter_of_baselines_and_gains_with_their_correlation(draw: Draw) -> None:
    x = {"label": "AUC of the baseline", "of": "baseline"}
    told = {"kind": "scatter", "x": x, "y": "auc", "series": "rows", "correlation": True}
    (figure,), results = draw(told)
    (points,) = figure["series"]
    assert len(points["x"]) == 3 * len(SETTINGS)
    assert points["x"][0] == own(results, 0, 0, "auc")
    assert points["y"][0] == pytest.approx(own(results, 0, 1, "auc") - own(results, 0, 0, "auc"))
    told = correlation(points["x"], points["y"])
    assert told == pytest.approx(np.corrcoef(points["x"], points["y"])[0, 1])
    assert f"{told:.2f}" in points["label"]


def test_scatter_of_every_condition(draw: Draw) -> None:
    told = {"x": {"of": "measures", "values": ["brier", "fpr"]}, "y": "auc", "series": ["a", "LCT"]}
    figures, results = draw({"kind": "scatter", **told})
    assert len(figures) == 2 * len(SETTINGS)
    alone, every = figures[0]["series"]
    assert (alone["x"], alone["y"]) == (
        [own(results, 0, 0, "brier")],
        [own(results, 0, 0, "auc")],
    )
    assert len(every["x"]) == len(every["y"]) == 6


def test_heatmap_of_rows_by_their_parameters(draw: Draw) -> None:
    axes = {
        "x": {"label": "gamma", "parameter": "vs.gamma"},
        "y": {"label": "tau", "parameter": "vs.tau"},
    }
    figures, results = draw({"kind": "heatmap", **axes, "z": "auc", "of": "rows"})
    first = figures[0]
    assert (first["x"]["values"], first["y"]["values"]) == ([0.0, 0.2], [1.0, 3.0])
    a, b, c = (own(results, 0, row, "auc") for row in range(3))
    assert first["z"] == [[a, b], [None, c]]
    assert first["better"] == "higher"


def test_heatmap_of_conditions_has_every_value_of_lambda_at_its_place(draw: Draw) -> None:
    axes = {
        "x": {"label": "tau", "parameter": "vs.tau"},
        "y": {"label": "gamma", "parameter": "vs.gamma"},
    }
    figures, _ = draw({"kind": "heatmap", **axes, "z": "auc", "of": "conditions"})
    assert len(figures) == len(SETTINGS)
    first = figures[0]
    assert (first["x"]["values"], first["y"]["values"]) == (GRID["vs.tau"], GRID["vs.gamma"])
    assert np.shape(first["z"]) == (3, 2)
    turned = {"x": axes["y"], "y": axes["x"]}
    other, _ = draw({"kind": "heatmap", **turned, "z": "auc", "of": "conditions"})
    assert np.array_equal(np.transpose(first["z"]), other[0]["z"])


def test_heatmap_where_rows_hold_what_lambda_does_not(root: Path, tmp_path: Path) -> None:
    def row(tau: float) -> dict[str, Any]:
        own = {"lct.densities": {"vs.gamma": [0.0, 0.3, 0.0]}, "vs.tau": tau}
        return {"method": "vs+lct", "parameters": {**own, "lct.grid": {"vs.gamma": [0, 0.1, 0.3]}}}

    rows = {"LCT, tau 1": row(1.0), "LCT, tau 3": row(3.0)}
    gamma, tau = {"parameter": "vs.gamma"}, {"parameter": "vs.tau"}
    maps = []
    for x, y in ((gamma, tau), (tau, gamma)):
        curves = {"kind": "heatmap", "x": x, "y": y, "z": "auc", "of": "conditions"}
        plan = plan_of(rows=rows, members=1, measures=MEASURES, curves=curves)
        (found,) = run_plan(plan, tmp_path / "run", ways(root))["figures"]
        maps.append(found)
    assert maps[0]["title"] == "Table 1: LCT"
    assert maps[0]["x"]["values"] == maps[1]["y"]["values"] == [0, 0.1, 0.3]
    assert maps[0]["y"]["values"] == maps[1]["x"]["values"] == [1.0, 3.0]
    assert np.array_equal(np.transpose(maps[0]["z"]), maps[1]["z"])


def test_histograms_count_both_classes(draw: Draw) -> None:
    figures, _ = draw({"kind": "histogram", "series": ["a"]})
    assert len(figures) == len(SETTINGS)
    assert all(sum(one["values"]) == pytest.approx(1.0) for one in figures[0]["series"])


def test_tables_draw_nothing(draw: Draw) -> None:
    assert draw({})[0] == []


@pytest.mark.parametrize(("name", "axis"), [("lct-figure-6", "x"), ("lct-figure-7", "y")])
def test_figures_of_networks_that_take_one_of_two_parameters_are_drawn_at_smoke(
    name: str, axis: str, tmp_path: Path
) -> None:
    plan = Plan.of(describe(name, scale="smoke"))
    (figure,) = run_plan(plan, tmp_path / "run", ways(tmp_path / "data"))["figures"]
    assert len(figure[axis]["values"]) > 1
    assert len(figure["y" if axis == "x" else "x"]["values"]) == 1
    assert figure_chart(figure, "f") is not None
