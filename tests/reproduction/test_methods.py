"""What the protocols' methods need: two stages, λ, several classes, a search in stages."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from rarecall.metrics import auc
from rarecall.reproduction import run_plan
from rarecall.reproduction.plan import Plan
from rarecall.reproduction.searching import Work
from rarecall.reproduction.units import Unit
from reproduction.problem import IMBALANCE, description, plan_of, ways

if TYPE_CHECKING:
    from pathlib import Path


LAMBDAS = {"vs.gamma": [0.0, 0.1, 0.2], "vs.tau": [0.0, 1.0, 3.0]}


def record_of(folder: Path, unit: Unit) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((unit.folder(folder) / "record.json").read_text())
    return found


def test_two_stages_take_the_steps_that_the_protocol_gives_each(root: Path, tmp_path: Path) -> None:
    rows = {"AUC-M": {"method": "bce>auc-margin+pesg"}}
    plan = plan_of(rows=rows, members=1, pretrain={"steps": 3, "learning_rate": 0.05})
    results = run_plan(plan, tmp_path, ways(root))
    assert results["settings"][0]["rows"][0]["training"]["steps"] == 3 + 4
    unit = Unit("1:100", "AUC-M")
    lines = (unit.folder(tmp_path) / "history.jsonl").read_text().splitlines()
    assert [json.loads(line)["stage"] for line in lines] == [1, 2]
    assert not (unit.folder(tmp_path) / "pretrain").exists()


def test_a_conditioned_network_chooses_on_validation_and_tells_all_of_test(
    root: Path, tmp_path: Path
) -> None:
    rows = {"VS + LCT": {"method": "vs+lct", "parameters": {"lct.grid": LAMBDAS}}}
    run_plan(plan_of(rows=rows, members=1), tmp_path, ways(root))
    conditions = record_of(tmp_path, Unit("1:100", "VS + LCT"))["conditions"]
    assert set(conditions) == {"validation", "test"}
    assert len(conditions["test"]["measures"]["auc"]) == 9
    # What was kept is measured among the others; the network used it.
    best = conditions["validation"]["best"]
    assert conditions["test"]["names"] == ["vs.gamma", "vs.tau"]
    assert conditions["test"]["axes"] == list(LAMBDAS.values())
    place = LAMBDAS["vs.gamma"].index(best["loss.gamma"]) * 3
    place += LAMBDAS["vs.tau"].index(best["loss.tau"])
    with np.load(Unit("1:100", "VS + LCT").folder(tmp_path) / "scores.npz") as stored:
        used = auc(stored["test_scores"], stored["test_targets"])
    assert conditions["test"]["measures"]["auc"][place] == pytest.approx(used, abs=1e-9)
    assert conditions["validation"]["samples"] == 2 * IMBALANCE["validation"]


def test_several_classes_are_measured_by_accuracy(root: Path, tmp_path: Path) -> None:
    told = description(
        settings={
            "1:10": {
                "collection": "cifar10",
                "task": "multiclass",
                "imbalance": {"protocol": "long_tailed", "ratio": 0.1, "validation": 5},
            }
        },
        measures={
            "accuracy": {"measure": "accuracy"},
            "9": {"measure": "class_accuracy", "class": 9},
        },
        rows={"CE": {"method": "ce"}, "FL": {"method": "s-fl", "baseline": "CE"}},
        splits=2,
        members=1,
    )
    results = run_plan(Plan.of(told), tmp_path, ways(root))
    ce, focal = results["settings"][0]["rows"]
    own = ce["own"]["accuracy"]
    assert 0 <= own["low"] <= own["ensemble"] <= own["high"] <= 1
    assert len(own["splits"]) == 2
    assert own["split_sd"] is not None
    assert ce["roc"] is None
    assert focal["against"]["accuracy"]["baseline"] == "CE"
    assert len(results["settings"][0]["counts"]["train"]) == 10


SEARCH = [
    {"stage": "baseline", "of": ["BCE"], "grid": {"learning_rate": [1e-4, 0.05]}, "measure": "auc"},
    {"stage": "penalty", "of": ["ALM + BCE"], "grid": {"alm.penalty": [1e-4, 1e-2]}},
    {"stage": "margin", "of": ["ALM + BCE"], "grid": {"alm.margin": [0.1, 0.2, 0.3]}},
]


def test_a_search_goes_by_stages_and_hands_on_what_it_chose(root: Path, tmp_path: Path) -> None:
    plan = plan_of(search=SEARCH, members=1)
    work = Work(plan, tmp_path)
    # The baseline's trials come first; nothing else can be trained before they are done.
    assert {(unit.row, unit.stage) for unit in work.todo()} == {("BCE", "baseline")}
    assert work.planned() == 2 + 2 + 3 + 2
    results = run_plan(plan, tmp_path, ways(root))
    chosen = {entry["stage"]: entry["chosen"] for entry in results["search"]}
    assert list(chosen) == ["baseline", "penalty", "margin"]
    alm = results["settings"][0]["rows"][1]["parameters"]
    assert alm == {**chosen["baseline"], **chosen["penalty"], **chosen["margin"]}
    trials = [record_of(tmp_path, unit) for unit in trials_of("margin", 3)]
    assert all(trial["parameters"]["learning_rate"] == alm["learning_rate"] for trial in trials)
    # Chosen by validation alone: a trial has no test scores.
    assert all(trial["test"] is None for trial in trials)


def trials_of(stage: str, count: int) -> list[Unit]:
    return [
        Unit("1:100", "ALM + BCE", kind="trial", stage=stage, number=number)
        for number in range(count)
    ]


def test_the_best_trial_is_the_one_with_the_best_validation_auc(root: Path, tmp_path: Path) -> None:
    plan = plan_of(["bce"], search=SEARCH[:1], members=1)
    results = run_plan(plan, tmp_path, ways(root))
    values = [
        record_of(tmp_path, Unit("1:100", "BCE", kind="trial", stage="baseline", number=number))
        for number in (0, 1)
    ]
    best = max(values, key=lambda record: record["selection"])
    assert results["search"][0]["chosen"]["learning_rate"] == best["parameters"]["learning_rate"]


def test_what_one_row_chose_can_be_taken_by_all(root: Path, tmp_path: Path) -> None:
    rows = {"BCE": {"method": "bce"}, "S-FL": {"method": "s-fl"}}
    stage = {"stage": "rate", "of": ["BCE"], "grid": {"learning_rate": [1e-4, 0.05]}, "for": "all"}
    results = run_plan(plan_of(rows=rows, search=[stage], members=1), tmp_path, ways(root))
    first, second = (row["parameters"] for row in results["settings"][0]["rows"])
    assert first == second == results["search"][0]["chosen"]


def test_parameters_may_differ_by_setting() -> None:
    rows = {"ALM": {"method": "bce+alm", "parameters": {"alm.margin": 1.0}}}
    rows["ALM"]["by_setting"] = {"1:100": {"alm.margin": 0.5}}  # type: ignore[assignment]
    assert plan_of(rows=rows).row("ALM").given("1:100") == {"alm.margin": 0.5}
    assert plan_of(rows=rows).row("ALM").given("1:200") == {"alm.margin": 1.0}


@pytest.mark.parametrize("measure", ["auc", "fpr@98"])
def test_a_failed_trial_is_never_chosen(root: Path, tmp_path: Path, measure: str) -> None:
    stage = {"stage": "rate", "of": ["BCE"], "grid": {"learning_rate": [1e30, 0.01]}}
    plan = plan_of(["bce"], search=[{**stage, "measure": measure}], members=1)
    results = run_plan(plan, tmp_path, ways(root))
    assert results["search"][0]["chosen"] == {"learning_rate": 0.01}


def test_easy_samples_are_those_that_a_trained_network_finds_easy(
    root: Path, tmp_path: Path
) -> None:
    halves = {"protocol": "halves", "share": 0.1, "validation_share": 0.1, "easy": 0.05}
    settings = {"easy": {"collection": "cifar10", "task": "binary", "imbalance": halves}}
    plan = plan_of(["bce"], settings=settings, members=1)
    results = run_plan(plan, tmp_path, ways(root))
    plain = {"easy": {**settings["easy"], "imbalance": {**halves, "easy": 0}}}
    without = run_plan(plan_of(["bce"], settings=plain, members=1), tmp_path / "b", ways(root))
    counts, before = (r["settings"][0]["counts"]["train"] for r in (results, without))
    assert counts[1] > before[1]
    assert counts[0] == before[0]
    assert len(list((tmp_path / "helpers").rglob("scores.npz"))) == 1
