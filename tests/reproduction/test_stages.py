"""What a row trains with: PESG's own rates and milestones, first weights, patients' data, views."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from rarecall.data.collections import find_source
from rarecall.errors import ConfigurationError, Interrupted
from rarecall.methods import parse
from rarecall.models import build_network, save_weights
from rarecall.papers.protocol import protocol, read_protocol, resolve
from rarecall.reproduction import run_plan
from rarecall.reproduction.grounds import Grounds
from rarecall.reproduction.jobs import Job, own_parameters
from rarecall.reproduction.patient_data import Held, fused, with_patient_data
from rarecall.reproduction.plan import Plan
from rarecall.reproduction.reproducing import describe
from rarecall.reproduction.schedules import stage_shares
from rarecall.reproduction.staging import Stages
from rarecall.reproduction.units import Unit
from reproduction.problem import plan_of, same, ways

PESG = {
    "auc-margin.normalize": "batch",
    "pesg.learning_rate": 0.02,
    "pesg.weight_decay": 0.0,
    "pesg.decay": 2.0,
    "pesg.milestones": {"epochs": [10, 20, 30], "of": 35},
}
SKIN: dict[str, Any] = {
    "settings": {
        "skin": {
            "collection": "siim-isic-2020",
            "task": "binary",
            "size": 16,
            "imbalance": {"protocol": "splits", "validation_share": 0.3, "test_share": 0.3},
        }
    },
    "printed": [],
    "rows": {
        "CE": {"method": "bce"},
        "Meta": {
            "method": "bce>auc-margin+pesg",
            "baseline": "CE",
            "metadata": ["sex", "age", "site"],
            "parameters": PESG,
        },
    },
    "measures": {"auc": {"measure": "auc"}, "auc views": {"measure": "auc", "views": True}},
    "training": {
        "optimizer": "adam",
        "learning_rate": 1e-3,
        "batch_size": 32,
        "steps": 6,
        "augment": "rotate:20",
    },
    "pretrain": {"steps": 4},
    "members": 1,
    "test_views": 3,
}


@pytest.fixture(scope="module")
def skin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("skin")
    find_source("siim-isic-2020").tiny(root / "siim-isic-2020", n=120)
    return root


@pytest.fixture(scope="module")
def whole(skin: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("meta") / "run"
    return folder, run_plan(plan_of(**SKIN), folder, ways(skin))


def stages(root: Path, folder: Path, row: str, **changes: Any) -> Stages:
    plan = plan_of(**{**SKIN, **changes})
    ground = Grounds(plan, root, folder).ground("skin", 0, 0)
    unit = Unit("skin", row, parameters=plan.row(row).given("skin"))
    return Stages(plan, Job(unit, ground, folder / "unit"), device="cpu", threads=1)


# Milestones and rates ---------------------------------------------------------------------------


def test_milestones_are_shares_of_what_the_paper_counts_or_of_the_own_training() -> None:
    assert stage_shares({"steps": [2000, 8000], "of": 16000}, {}) == [0.125, 0.5]
    assert stage_shares({"epochs": [1, 3]}, {"epochs": 4}) == [0.25, 0.75]
    assert stage_shares([0.5, 0.75], {}) == [0.5, 0.75]


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"epochs": [5]}, {"steps": 8}),
        ({"epochs": [5], "steps": [5], "of": 9}, {}),
        ({"epoch": [5], "of": 9}, {}),
        ({"epochs": [9], "of": 9}, {}),
        ({"epochs": [0, 3], "of": 9}, {}),
    ],
)
def test_milestones_of_nothing_or_beyond_it_are_refused(given: Any, told: Any) -> None:
    with pytest.raises(ConfigurationError, match="milestones"):
        stage_shares(given, told)


def test_a_stage_with_pesg_takes_its_own_rate_and_cuts_it_where_the_paper_does(
    skin: Path, tmp_path: Path
) -> None:
    rows = {"Two": {"method": "bce>auc-margin+pesg", "parameters": PESG}}
    told = stages(skin, tmp_path, "Two", rows=rows, training={**SKIN["training"], "steps": 35})
    early, late = told._both(told.method.pretrain, {})  # type: ignore[arg-type]
    assert (early.learning_rate, early.steps) == (1e-3, 4)
    assert (late.learning_rate, late.weight_decay, late.steps) == (0.02, 0.0, 35)
    history = told.run().fitted.history
    rates = [record.learning_rate for record in history if record.stage == 2]
    assert rates[-1] == pytest.approx(0.02 / 8)
    assert max(rates) == pytest.approx(0.02)


def test_mistaken_milestones_are_told_before_anything_is_trained(tmp_path: Path) -> None:
    rows = {"A": {"method": "auc-margin+pesg", "parameters": {"pesg.milestones": [0.7, 0.5]}}}
    with pytest.raises(ConfigurationError, match=r"row 'A': pesg.milestones must be ascending"):
        plan_of(rows=rows).check()


def test_the_protocols_cut_where_the_papers_print_it() -> None:
    table = protocol("deep-auc-table-4")
    own = own_parameters(
        parse(table.rows["AUC-M"]["method"]), table.parameters("AUC-M", "384 x 384"), {}
    )
    assert own["pesg.milestones"] == pytest.approx([10 / 35, 20 / 35, 30 / 35])
    assert protocol("deep-auc-table-1").rows["AUC-M"]["parameters"]["pesg.milestones"] == [
        0.5,
        0.75,
    ]
    chest = protocol("deep-auc-table-3").rows["DAM (Ours)"]["parameters"]
    assert chest["pesg.milestones"] == {"steps": [2000, 8000], "of": 13963}


# Patients' data ---------------------------------------------------------------------------------


def test_a_row_with_patients_data_is_trained_measured_and_told(
    whole: tuple[Path, dict[str, Any]],
) -> None:
    folder, results = whole
    plain, meta = results["settings"][0]["rows"]
    assert plain["units"]["failed"] == meta["units"]["failed"] == 0
    # Pre-training, the image network's second stage, and the other network's.
    assert meta["training"]["steps"] == 4 + 6 + 6
    assert not list(folder.rglob("checkpoint.pt"))
    record = next(p for p in folder.rglob("history.jsonl") if "Meta" in str(p))
    assert len(record.read_text().splitlines()) > 3


def test_a_stop_in_any_stage_goes_on_to_the_same_numbers(
    skin: Path, whole: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    for number, stop_after in enumerate((8, 14, 19)):
        asked = 0

        def stop(after: int = stop_after) -> bool:
            nonlocal asked
            asked += 1
            return asked > after

        folder = tmp_path / f"run{number}"
        with pytest.raises(Interrupted):
            run_plan(plan_of(**SKIN), folder, ways(skin), should_stop=stop)
        assert same(run_plan(plan_of(**SKIN), folder, ways(skin)), whole[1])


def test_the_image_network_is_held_while_the_other_one_learns(skin: Path, tmp_path: Path) -> None:
    told = stages(skin, tmp_path / "alone", "Meta")
    image, objective = told._images(told.job)
    before = {name: part.clone() for name, part in image.network.state_dict().items()}
    ground = with_patient_data(told.job.ground, "all")
    fusion = fused(image.network, ground, objective, 0)
    table = {name: part.clone() for name, part in fusion.table_network.state_dict().items()}
    outcome = stages(skin, tmp_path, "Meta").run()
    after = outcome.fitted.network.image_network.network.state_dict()  # type: ignore[union-attr]
    assert all(torch.equal(after[name], part) for name, part in before.items())
    learned = outcome.fitted.network.table_network.state_dict()  # type: ignore[union-attr]
    assert any(not torch.equal(learned[name], part) for name, part in table.items())
    inputs = outcome.ground.test.inputs
    with torch.no_grad():
        halves = outcome.fitted.network.image_network(inputs["image"])  # type: ignore[union-attr, operator]
        halves = (halves + outcome.fitted.network.table_network(inputs["table"])) / 2  # type: ignore[union-attr, operator]
        assert torch.allclose(outcome.fitted.network(inputs), halves)


def test_what_is_held_stays_in_evaluation_and_has_no_gradient() -> None:
    held = Held(nn.Sequential(nn.BatchNorm2d(1), nn.Flatten(0))).train()
    before = {name: part.clone() for name, part in held.state_dict().items()}
    assert not held(torch.rand(4, 1, 1, 1)).requires_grad
    assert all(torch.equal(held.state_dict()[name], part) for name, part in before.items())


def test_patients_columns_are_encoded_as_the_training_part_has_them(
    skin: Path, tmp_path: Path
) -> None:
    ground = stages(skin, tmp_path, "Meta").job.ground
    with_facts = with_patient_data(ground, ["sex", "age"])
    assert with_facts.spec["table"]["categorical_names"] == ["sex"]
    assert "age" in with_facts.spec["table"]["numeric_names"]
    assert len(with_facts.test.inputs["table"]["numeric"]) == len(ground.test)
    assert ground.facts is not None
    ages = ground.facts["train"]["age"].to_numpy()
    order = np.argsort(ages[np.isfinite(ages)], kind="stable")
    encoded = with_facts.train.inputs["table"]["numeric"][:, 0].numpy()[np.isfinite(ages)]
    assert (np.diff(encoded[order]) >= 0).all()


def test_unknown_columns_and_data_without_patients_are_refused(
    skin: Path, root: Path, tmp_path: Path
) -> None:
    ground = stages(skin, tmp_path, "Meta").job.ground
    with pytest.raises(ConfigurationError, match=r"knows nothing of 'agee'.*Did you mean 'age'"):
        with_patient_data(ground, ["agee"])
    plan = plan_of(rows={"M": {"method": "bce", "metadata": "all"}}, members=1)
    results = run_plan(plan, tmp_path / "run", ways(root))
    assert "has none beside its images" in results["settings"][0]["rows"][0]["remarks"][0]


def test_a_network_that_takes_lambda_cannot_have_patients_data(skin: Path, tmp_path: Path) -> None:
    rows = {"L": {"method": "vs+lct", "metadata": "all"}}
    with pytest.raises(ConfigurationError, match="Leave out the row's metadata"):
        stages(skin, tmp_path, "L", rows=rows).run()


# Views ------------------------------------------------------------------------------------------


def test_measures_of_views_are_of_the_mean_score_of_augmented_copies(
    whole: tuple[Path, dict[str, Any]],
) -> None:
    folder, results = whole
    unit = Unit("skin", "CE").folder(folder)
    with np.load(unit / "scores.npz") as stored:
        plain, averaged = stored["test_scores"], stored["test_view_scores"]
        targets = stored["test_targets"]
    assert plain.shape == averaged.shape
    assert not np.allclose(plain, averaged)
    own = results["settings"][0]["rows"][0]["own"]
    for label, scores in (("auc", plain), ("auc views", averaged)):
        pairs = scores[targets == 1][:, None] - scores[targets == 0][None, :]
        by_hand = float((pairs > 0).mean() + (pairs == 0).mean() / 2)
        assert own[label]["ensemble"] == pytest.approx(by_hand, abs=1e-12)
        assert own[label]["single_mean"] == pytest.approx(by_hand, abs=1e-12)
    assert "auc views" in results["settings"][0]["rows"][1]["against"]
    assert any("mean score of 3 copies" in note for note in results["notes"])
    assert results["measures"][1]["views"] is True


def test_without_such_a_measure_nothing_is_scored_twice(root: Path, tmp_path: Path) -> None:
    run_plan(plan_of(["bce"], test_views=5), tmp_path / "run", ways(root))
    with np.load(next((tmp_path / "run").rglob("scores.npz"))) as stored:
        assert "test_view_scores" not in stored


def test_views_without_a_number_or_an_augmentation_are_told_at_once() -> None:
    measures = {"v": {"measure": "auc", "views": True}}
    with pytest.raises(ConfigurationError, match="say test_views, how many"):
        plan_of(measures=measures).check()
    training = {"steps": 2, "batch_size": 8, "augment": "none"}
    with pytest.raises(ConfigurationError, match="row 'BCE': v is of augmented copies"):
        plan_of(measures=measures, test_views=4, training=training).check()


def test_the_melanoma_table_has_thirty_views_and_patients_rows() -> None:
    found = resolve(protocol("deep-auc-table-4"), "full")
    assert found.test_views == 30
    assert found.measures["auc private, 30 views"]["views"] is True
    assert found.rows["AUC-M (Meta)"]["metadata"] == ["sex", "age", "site"]
    # Its margin is what the search chose for the row that it is compared with.
    assert "auc-margin.margin" not in found.rows["AUC-M (Meta)"]["parameters"]
    assert any("AUC-M" in stage["of"] for stage in found.search)


# First weights ----------------------------------------------------------------------------------


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    spec = {"kind": "images", "channels": 3, "size": [32, 32], "mean": [0.5] * 3, "std": [0.2] * 3}
    for name, widths in (("resnet-small", [2, 2, 2]), ("other", [4, 4, 4])):
        network = build_network(spec, options={"widths": widths}, seed=91)
        save_weights(network, tmp_path / "weights" / f"{name}.safetensors")
    return tmp_path / "weights"


def test_a_protocols_weights_are_where_its_networks_start(
    weights: Path, root: Path, tmp_path: Path
) -> None:
    small = {"name": "resnet-small", "options": {"widths": [2, 2, 2]}}
    own = {"network": {"weights": str(weights / "resnet-small.safetensors")}}
    rows = {"Fresh": {"method": "bce"}, "Begun": {"method": "bce", **own}}
    plan = plan_of(rows=rows, network=small, members=1)
    fresh, begun = run_plan(plan, tmp_path / "run", ways(root))["settings"][0]["rows"]
    assert fresh["remarks"] == []
    assert begun["remarks"][0].startswith("Started from ")
    assert "resnet-small.safetensors" in begun["remarks"][0]
    assert fresh["own"]["auc"]["ensemble"] != begun["own"]["auc"]["ensemble"]


def test_weights_given_for_the_run_win_and_may_be_a_folder(weights: Path) -> None:
    named = {"name": "resnet-small", "options": {}, "weights": "nowhere.pth"}
    plan = plan_of(network=named)
    with pytest.raises(ConfigurationError, match=r"weights: there is no file nowhere.pth"):
        plan.check()
    for given in (weights, weights / "resnet-small.safetensors"):
        told = Plan.of({**plan.description, "weights": str(given)})
        told.check()
        file = told.network_of("BCE", "1:100")[2]
        assert file == str(weights / "resnet-small.safetensors")
    lacking = Plan.of(
        {**plan.description, "network": {"name": "resnet10"}, "weights": str(weights)}
    )
    with pytest.raises(ConfigurationError, match=r"there is no file .*resnet10.safetensors"):
        lacking.check()


def test_a_file_of_weights_is_seen_from_the_protocols_own_file(tmp_path: Path) -> None:
    told = {
        "name": "mine",
        "paper": "mine",
        "place": "Table 1",
        "title": "mine",
        "settings": {"a": {"collection": "cifar10", "imbalance": {"protocol": "splits"}}},
        "measures": {"auc": {"measure": "auc"}},
        "rows": {"BCE": {"method": "bce", "network": {"name": "resnet10", "weights": "w.pth"}}},
        "training": {"steps": 2},
    }
    path = tmp_path / "mine.yaml"
    path.write_text(json.dumps(told))
    assert read_protocol(path).rows["BCE"]["network"]["weights"] == str(tmp_path / "w.pth")
    assert describe(str(path), weights="given.pth")["weights"] == "given.pth"
