"""Every protocol can be run as it stands: labels, methods, networks, data sets, counts."""

from __future__ import annotations

import json
import re
import warnings
from dataclasses import fields
from functools import cache

import numpy as np
import pytest

from rarecall.data.collections import collection_names, find_source
from rarecall.data.imbalance import make
from rarecall.errors import ConfigurationError, DataError
from rarecall.methods import parse
from rarecall.models import build_network
from rarecall.models.build import network_names
from rarecall.papers.analyses import analysis_names
from rarecall.papers.printed import paper_table
from rarecall.papers.protocol import (
    MODES,
    SCALES,
    Protocol,
    ResolvedProtocol,
    protocol,
    protocol_names,
    read_protocol,
    resolve,
)
from rarecall.papers.protocol_checks import TRAINING, mistakes_of
from rarecall.papers.protocol_files import read_description
from rarecall.training.augment import check_augment

WANTED = {
    "alm": (range(1, 17), (1, 3)),
    "alm-v1": (range(1, 9), ()),
    "rankreg": (range(1, 10), (3, 4)),
    "lct": ((3, 4, *range(12, 20)), range(1, 9)),
    "deep-auc": ((1, 3, 4, 5, 8), range(1, 8)),
}
SIZES = {
    "cifar10": (np.repeat(np.arange(10), 5000), np.repeat(np.arange(10), 1000)),
    "cifar100": (np.repeat(np.arange(100), 500), np.repeat(np.arange(100), 100)),
    "stl10": (np.repeat(np.arange(10), 500), np.repeat(np.arange(10), 800)),
    "cats-and-dogs": (np.repeat([0, 1], 11500), np.repeat([0, 1], 1000)),
    "patchcamelyon": (np.repeat([0, 1], [131_000, 131_144]), np.repeat([0, 1], 16_384)),
    "prostate-mri": (np.repeat([0, 1], [261, 39]), np.repeat([0, 1], [87, 13])),
    "siim-isic-2020": (np.repeat([0, 1], [32_542, 584]), None),
    "melanoma-2019-2020": (np.repeat([0, 1], [53_351, 5_106]), None),
    "aptos2019": (np.repeat(np.arange(5), [1805, 370, 999, 193, 295]), None),
    "ddsm+": (np.repeat([0, 1], [47_850, 7_150]), np.repeat([0, 1], [13_344, 556])),
    "chexpert": (np.random.default_rng(0).integers(0, 2, (2000, 5)).astype(float), None),
}
"""Labels of the training and test pool, as many as published."""

every_protocol = pytest.mark.parametrize("name", protocol_names())


@cache
def at(name: str, scale: str) -> ResolvedProtocol:
    return resolve(protocol(name), scale)


def test_every_table_and_figure_has_a_protocol() -> None:
    wanted = {
        f"{paper}-{kind}-{number}"
        for paper, numbers in WANTED.items()
        for kind, each in zip(("table", "figure"), numbers, strict=True)
        for number in each
    }
    assert set(protocol_names()) == wanted | {"alm-correlation", "rankreg-comparison"}


@every_protocol
def test_a_protocol_has_no_mistake_and_says_what_it_is(name: str) -> None:
    told, known = read_description(name), [field.name for field in fields(Protocol)]
    with warnings.catch_warnings():
        # The first version's margins of 1 and more are as printed.
        warnings.filterwarnings("ignore", message="margin=")
        assert mistakes_of(told, known) == []
    found = protocol(name)
    assert found.place
    assert found.title
    assert found.name == name
    assert set(found.printed) >= ({name} if "table" in name else set())
    assert found.analysis in (None, *analysis_names())
    assert found.analysis or set(found.cost) == {"gpu_hours", "cpu_hours_small"}


@every_protocol
def test_printed_cells_stand_beside_own_ones(name: str) -> None:
    found = protocol(name)
    if not found.printed or found.analysis or found.kind == "analysis":
        return
    tables = [paper_table(table) for table in found.printed]
    rows = [label for label, row in found.rows.items() if row.get("printed") is not False]
    measures = [label for label, one in found.measures.items() if one.get("printed") is not False]
    for setting in found.settings:
        for row in rows:
            cells = [table.cells.get((row, setting, m)) for m in measures for table in tables]
            missing = name == "rankreg-table-5" and row == "Dequeue Min"
            assert missing or any(cell and cell.value is not None for cell in cells), (row, setting)


@pytest.mark.parametrize("scale", SCALES)
@every_protocol
def test_data_sets_networks_and_augmentations_are_known(name: str, scale: str) -> None:
    found = at(name, scale)
    assert set(found.collections) <= set(collection_names())
    for label, setting in found.settings.items():
        kind = "volumes" if find_source(setting["collection"]).kind == "volumes" else "images"
        for row in found.rows.values():
            told = found.network | setting.get("network", {}) | row.get("network", {})
            assert told["name"] in network_names(kind)
        assert label
    check_augment(found.training.get("augment", "none"))
    for row in found.rows.values():
        for own in row.get("by_setting", {}).values():
            check_augment(own.get("augment", "none"))


def test_networks_are_built_with_the_options_that_protocols_give() -> None:
    asked = set()
    for name in protocol_names():
        for scale in SCALES:
            found = at(name, scale)
            for setting in found.settings.values():
                for row in found.rows.values():
                    told = found.network | setting.get("network", {}) | row.get("network", {})
                    asked.add((told["name"], json.dumps(told.get("options") or {})))
    images = {
        "kind": "images",
        "channels": 3,
        "size": [32, 32],
        "mean": [0.5] * 3,
        "std": [0.2] * 3,
    }
    volumes = {"kind": "volumes", "channels": {"diffusion": 3, "t2": 1}, "size": [16, 32, 32]}
    for name, options in asked:
        # The large ones are built in their own tests.
        if options != "{}" or name in ("cascade", "two-path", "resnet10"):
            spec = volumes if name == "two-path" else images
            build_network(spec, name=name, options=json.loads(options))
    assert len(asked) > 10


def test_settings_can_be_drawn_from_as_many_labels_as_published() -> None:
    asked = {
        (setting["collection"], json.dumps(setting["imbalance"]))
        for name in protocol_names()
        for scale in ("full", "small")
        for setting in at(name, scale).settings.values()
    }
    for collection, stored in asked:
        drawn, (labels, test_labels) = json.loads(stored), SIZES[collection]
        groups = {}
        if drawn["protocol"] == "patient_folds":
            groups = {"groups": np.arange(len(labels)) // 2}
        if drawn.get("easy"):
            drawn["scores"] = np.arange(len(labels), dtype=float)
        one = make(drawn.pop("protocol"), labels, test_labels, members=1, **groups, **drawn)[0]
        assert len(one.train) > len(one.validation) > 0, (collection, stored)
        assert len(one.test), (collection, stored)
    assert len(asked) > 40


@pytest.mark.parametrize(
    ("name", "setting", "counts"),
    [
        ("alm-table-1", "1:100", [4410, 44]),
        ("alm-table-1", "1:200", [4410, 22]),
        ("alm-table-5", "1:50", [4410, 88]),
        ("alm-table-2", "1:100", [2025, 20]),
        ("alm-v1-table-2", "1:19", [300, 15]),
        ("deep-auc-table-1", "C10 (R)", [22500, 227]),
    ],
)
def test_class_counts_are_the_papers(name: str, setting: str, counts: list[int]) -> None:
    told = dict(at(name, "full").settings[setting])
    labels, test_labels = SIZES[told["collection"]]
    drawn = dict(told["imbalance"])
    one = make(drawn.pop("protocol"), labels, test_labels, **drawn)[0]
    assert np.bincount(one.targets(labels, one.train)).tolist() == counts


@every_protocol
def test_the_runner_reads_every_protocol_at_every_scale_and_mode(name: str) -> None:
    plans = pytest.importorskip("rarecall.reproduction.plan")
    measures = pytest.importorskip("rarecall.reproduction.measures")
    for scale in SCALES:
        for mode in MODES:
            found = resolve(protocol(name), scale, mode)
            if found.analysis:
                continue
            plan = plans.Plan.of(found)
            assert plan.asked_rows == tuple(found.rows)
            assert measures.measures_of(found.measures, mode)
            assert plan.members * plan.splits >= 1


@every_protocol
def test_scales_are_smaller_than_the_paper(name: str) -> None:
    full, small, smoke = (at(name, scale) for scale in SCALES)
    if full.analysis:
        return
    assert small.units.trainings <= full.units.trainings
    assert small.units.trials == smoke.units.trials == 0
    assert len(smoke.settings) <= 2
    assert len(smoke.rows) <= 2
    assert smoke.splits == smoke.members == 1
    assert smoke.training["steps"] <= 20
    assert "epochs" not in smoke.training
    for row in smoke.rows.values():
        assert row.get("baseline") in (None, *smoke.rows)
        assert not any("epochs" in own for own in row.get("by_setting", {}).values())


@every_protocol
def test_search_goes_from_the_baseline_to_penalty_and_growth_to_margin(name: str) -> None:
    stages = [stage["stage"] for stage in protocol(name).search]
    if "penalty" in stages:
        assert stages[-2:] == ["penalty", "margin"]
        found = protocol(name).search[-2]["grid"]
        assert set(found) == {"alm.penalty", "alm.growth"}


def test_rows_start_from_what_the_authors_tuned() -> None:
    found = protocol("alm-table-1")
    assert found.parameters("ALM + BCE", "1:100") == {
        "alm.penalty": 1e-7,
        "alm.growth": 2.0,
        "alm.margin": 0.25,
    }
    v1 = protocol("alm-v1-table-2")
    table = paper_table("alm-v1-table-8")
    for setting in v1.settings:
        own = v1.parameters("ALM WITH S-FL", setting)
        assert own["s-fl.focus"] == own["pretrain.s-fl.focus"]
        assert own["s-fl.focus"] == table.value("S-FL", setting, "own parameter")
        assert own["alm.penalty"] == table.value("ALM WITH S-FL", setting, "penalty")
        assert own["alm.margin"] == table.value("ALM WITH S-FL", setting, "margin")


def test_the_control_of_rankreg_is_a_row_of_its_own() -> None:
    found = protocol("rankreg-table-1")
    row = found.rows["BCE +RankReg"]
    control = parse(row["method"]).control(row["parameters"])
    assert found.rows["BCE +replay"]["method"] == control
    assert found.rows["BCE +replay"]["printed"] is False


def test_settings_of_one_table_may_be_trained_in_different_ways() -> None:
    found = at("lct-table-3", "full")
    assert found.parameters("VS", "aptos 200")["optimizer"] == "adam"
    assert "optimizer" not in found.parameters("VS", "household")
    assert "training" not in found.settings["aptos 200"]
    assert found.settings["aptos 200"]["network"]["name"] == "convnext-tiny"
    assert set(found.networks) == {"resnet32", "resnext50", "convnext-tiny"}


def test_a_grid_is_one_row_for_every_combination() -> None:
    assert len(protocol("lct-figure-4").rows) == len(protocol("lct-figure-5").rows) == 16
    assert protocol("lct-figure-4").rows["VS, gamma 0, tau 2"]["parameters"] == {
        "vs.gamma": 0.0,
        "vs.tau": 2.0,
    }


def test_a_protocol_is_the_callers_own() -> None:
    protocol("alm-table-1").rows.clear()
    assert protocol("alm-table-1").rows
    small = at("alm-table-1", "small")
    assert small.units.trainings == len(small.rows) * small.members * small.splits


def test_unknown_names_scales_and_modes_say_what_there_is() -> None:
    with pytest.raises(ConfigurationError, match="Did you mean 'alm-table-1"):
        protocol("alm-tabel-1")
    with pytest.raises(ConfigurationError, match="full, small, smoke"):
        resolve(protocol("alm-table-1"), "tiny")
    with pytest.raises(ConfigurationError, match="strict, as-published"):
        resolve(protocol("alm-table-1"), "full", "published")


GOOD = """
name: mine
paper: mine
place: here
title: mine
settings: {"1:9": {collection: cifar10, imbalance: {protocol: binary_pair, negative: 1, positive: 9, ratio: 9}}}
measures: {auc: {measure: auc}}
rows: {BCE: {method: bce}, ALM: {method: bce+alm, baseline: BCE}}
network: {name: resnet10}
training: {epochs: 1}
"""  # noqa: E501


def test_a_file_of_ones_own_is_read_like_the_built_in_ones(tmp_path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(GOOD)
    found = read_protocol(path)
    assert resolve(found, "smoke").units.trainings == 2
    path.write_text(GOOD + "scales: {smoke: {rows: [CE]}}\n")
    with pytest.raises(ConfigurationError, match=r"rows of the scale smoke: there is no 'CE'"):
        read_protocol(path)
    with pytest.raises(DataError, match="Cannot read"):
        read_protocol(tmp_path / "other.yaml")


def test_all_mistakes_of_a_file_are_told_at_once(tmp_path) -> None:
    wrong = {
        "method: bce}": "method: bec}",
        "baseline: BCE": "baseline: CE, parameters: {alm.margni: 1}",
        "ratio: 9": "ratoi: 9",
        "epochs: 1": "epoch: 1, augment: flip",
        "place: here": "kind: tabel",
    }
    text = GOOD + "search: [{stage: a, of: [X], grid: {alm.margin: 1}}]\nmembers: 0\nstuff: 1\n"
    for before, after in wrong.items():
        assert before in text
        text = text.replace(before, after)
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    with pytest.raises(ConfigurationError) as caught:
        read_protocol(path)
    for words in (
        "'bec'",
        "baseline 'CE' is no row",
        "'alm.margni'. Did you mean 'alm.margin'",
        "no parameter 'ratoi'",
        "'epoch'. Did you mean 'epochs'",
        "kind must be",
        "place is missing",
        "of: there is no 'X'",
        "members must be",
        "'stuff'",
    ):
        assert words in str(caught.value)


def test_training_words_are_those_of_the_runner() -> None:
    plans = pytest.importorskip("rarecall.reproduction.plan")
    assert set(TRAINING) == set(plans.TRAINING)


def test_names_are_sorted_by_paper_then_tables_before_figures() -> None:
    names = protocol_names()
    assert names.index("alm-table-2") < names.index("alm-table-10") < names.index("alm-figure-1")
    assert names.index("alm-correlation") < names.index("alm-v1-table-1")
    assert all(re.fullmatch(r"[a-z0-9-]+", name) for name in names)
