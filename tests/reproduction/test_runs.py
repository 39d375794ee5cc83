from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rarecall.data.collections import find_source
from rarecall.data.imbalance import Manifest
from rarecall.errors import ConfigurationError, DataError, Interrupted, RunError
from rarecall.reproduction import Watch, run_plan
from rarecall.reproduction.plan import Plan
from rarecall.reproduction.units import Unit
from rarecall.reproduction.worker import Events
from reproduction.problem import IMBALANCE, description, plan_of, same, ways


@pytest.fixture(scope="module")
def whole(root: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """A run that nobody disturbed."""
    folder = tmp_path_factory.mktemp("whole") / "run"
    return folder, run_plan(plan_of(), folder, ways(root))


def counting(seen: list[Unit]) -> Watch:
    return Watch(events=Events(began=seen.append))


def test_a_run_leaves_scores_records_and_results(whole: tuple[Path, dict[str, Any]]) -> None:
    folder, results = whole
    unit = Unit("1:100", "BCE", member=1).folder(folder)
    record = json.loads((unit / "record.json").read_text())
    with np.load(unit / "scores.npz") as stored:
        assert stored["test_scores"].dtype == np.float64
        assert len(stored["test_scores"]) == len(stored["test_targets"])
        assert len(stored["validation_scores"]) == 2 * IMBALANCE["validation"]
    assert record["failed"] is None
    assert record["steps"] == 4
    assert not list(folder.rglob("checkpoint.pt"))
    manifest = Manifest.load(next((folder / "manifests").rglob("*.json")))
    assert manifest.digest == record["manifest"]
    assert json.loads((folder / "results.json").read_text()) == results


def test_results_have_the_paper_beside_own_numbers(whole: tuple[Path, dict[str, Any]]) -> None:
    _, results = whole
    assert not results["unfinished"]
    assert results["data"]["cifar10"]["made_up"]
    bce, alm = results["settings"][0]["rows"]
    assert bce["printed"]["fpr@98"]["value"] == 0.56
    assert alm["against"]["auc"]["baseline"] == "BCE"
    assert alm["units"] == {"wanted": 2, "done": 2, "failed": 0}
    own = alm["own"]["fpr@98"]
    assert 0 <= own["low"] <= own["ensemble"] <= own["high"] <= 1
    assert own["splits"] == [own["ensemble"]]
    # Both rows start from the same weights and see the same batches; only the constraint differs.
    assert bce["training"]["rows"] == alm["training"]["rows"]


def test_an_ensemble_is_the_mean_of_its_members_scores(
    whole: tuple[Path, dict[str, Any]],
) -> None:
    folder, results = whole
    members = []
    for member in (0, 1):
        with np.load(Unit("1:100", "BCE", member=member).folder(folder) / "scores.npz") as stored:
            members.append(stored["test_scores"])
            targets = stored["test_targets"]
    mean = (members[0] + members[1]) / 2
    pairs = mean[targets == 1][:, None] - mean[targets == 0][None, :]
    by_hand = float((pairs > 0).mean() + (pairs == 0).mean() / 2)
    own = results["settings"][0]["rows"][0]["own"]["auc"]["ensemble"]
    assert own == pytest.approx(by_hand, abs=1e-12)


def test_a_finished_run_trains_nothing_again(
    whole: tuple[Path, dict[str, Any]], root: Path
) -> None:
    folder, results = whole
    seen: list[Unit] = []
    again = run_plan(plan_of(), folder, ways(root), watch=counting(seen))
    assert not seen
    assert same(again, results)


def test_all_rows_can_be_compared_with_another_one_afterwards(
    whole: tuple[Path, dict[str, Any]], root: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    shutil.copytree(whole[0], folder)
    usual = whole[1]["settings"][0]["rows"][1]["against"]["auc"]
    results = run_plan(plan_of(), folder, ways(root), against="alm+bce")
    bce, alm = results["settings"][0]["rows"]
    assert (bce["baseline"], alm["baseline"]) == ("ALM + BCE", None)
    assert not alm["against"]
    assert bce["against"]["auc"]["difference"] == pytest.approx(-usual["difference"], abs=1e-12)
    assert bce["against"]["auc"]["low"] == pytest.approx(-usual["high"], abs=1e-9)
    with pytest.raises(ConfigurationError, match="no row 'LDAM'"):
        run_plan(plan_of(), folder, ways(root), against="LDAM")


def test_a_stopped_run_goes_on_to_the_same_numbers(
    whole: tuple[Path, dict[str, Any]], root: Path, tmp_path: Path
) -> None:
    asked = 0

    def stop() -> bool:
        nonlocal asked
        asked += 1
        return asked > 9  # within the second training

    with pytest.raises(Interrupted):
        run_plan(plan_of(), tmp_path / "run", ways(root), should_stop=stop)
    stored = json.loads((tmp_path / "run" / "results.json").read_text())
    assert stored["unfinished"]
    assert list((tmp_path / "run").rglob("checkpoint.pt"))
    results = run_plan(plan_of(), tmp_path / "run", ways(root))
    assert same(results, whole[1])


def test_rows_may_be_added_to_a_run(
    whole: tuple[Path, dict[str, Any]], root: Path, tmp_path: Path
) -> None:
    first = run_plan(plan_of(["bce"]), tmp_path / "run", ways(root))
    assert [row["label"] for row in first["settings"][0]["rows"]] == ["BCE"]
    seen: list[Unit] = []
    both = run_plan(plan_of(["ALM+BCE"]), tmp_path / "run", ways(root), watch=counting(seen))
    assert {unit.row for unit in seen} == {"ALM + BCE"}
    assert same(both, whole[1])


def test_a_time_limit_leaves_an_unfinished_result_and_no_error(root: Path, tmp_path: Path) -> None:
    results = run_plan(plan_of(), tmp_path / "run", ways(root, minutes=1e-6))
    assert results["unfinished"]
    assert results["settings"][0]["rows"][0]["own"]["auc"]["ensemble"] is None


def test_another_protocol_in_the_folder_is_refused(
    whole: tuple[Path, dict[str, Any]], root: Path
) -> None:
    with pytest.raises(RunError, match=r"begun otherwise:\n- mode: strict before, as-published"):
        run_plan(plan_of(mode="as-published"), whole[0], ways(root))


def test_a_folder_of_other_things_is_refused(root: Path, tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("dear")
    with pytest.raises(RunError, match=r"holds no run \(letter.txt is there\)"):
        run_plan(plan_of(), tmp_path, ways(root))


def test_other_data_than_the_runs_is_refused(
    whole: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    find_source("cifar10").tiny(tmp_path / "data" / "cifar10", seed=7)
    shutil.copytree(whole[0], tmp_path / "run")
    shutil.rmtree(Unit("1:100", "BCE").folder(tmp_path / "run"))
    with pytest.raises(DataError, match="started with other data: cifar10 was"):
        run_plan(plan_of(), tmp_path / "run", ways(tmp_path / "data"))


def test_absent_data_is_told_with_where_to_get_it(tmp_path: Path) -> None:
    told = plan_of(scale="small")
    with pytest.raises(DataError, match="CIFAR-10 is not in"):
        run_plan(told, tmp_path / "run", ways(tmp_path / "data"))


def test_at_smoke_scale_absent_data_is_made_up(tmp_path: Path) -> None:
    results = run_plan(plan_of(["bce"]), tmp_path / "run", ways(tmp_path / "data"))
    assert results["data"]["cifar10"]["made_up"]
    assert "The data are made up: the numbers mean nothing." in results["notes"]


def test_a_training_that_diverges_is_told_and_the_others_go_on(root: Path, tmp_path: Path) -> None:
    rows = description()["rows"]
    rows["ALM + BCE"]["parameters"]["learning_rate"] = 1e30
    results = run_plan(plan_of(rows=rows), tmp_path / "run", ways(root))
    bce, alm = results["settings"][0]["rows"]
    assert bce["units"]["done"] == 2
    assert alm["units"] == {"wanted": 2, "done": 0, "failed": 2}
    assert "diverged" in alm["remarks"][0]
    assert alm["own"]["auc"]["ensemble"] is None
    assert not results["unfinished"]


def test_as_published_members_draw_their_own_positives(root: Path, tmp_path: Path) -> None:
    run_plan(plan_of(["bce"], mode="as-published"), tmp_path / "run", ways(root))
    manifests = [Manifest.load(p) for p in sorted((tmp_path / "run/manifests").rglob("*.json"))]
    assert len(manifests) == 2
    assert set(manifests[0].train) != set(manifests[1].train)


def test_mistakes_of_a_plan_are_told_at_once(root: Path, tmp_path: Path) -> None:
    told = description(measures={"x": {"measure": "acu"}})
    told["rows"]["BCE"]["parameters"] = {"alm.margin": 1}
    told["settings"]["1:100"]["imbalance"]["rato"] = 3
    with pytest.raises(ConfigurationError) as caught:
        run_plan(Plan.of(told), tmp_path / "run", ways(root))
    text = str(caught.value)
    assert "'acu'" in text
    assert "'alm.margin' is no parameter of bce" in text
    assert "rato" in text
    assert not (tmp_path / "run").exists()
