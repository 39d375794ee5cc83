from __future__ import annotations

from typing import Any

import pytest

from rarecall.errors import ConfigurationError
from rarecall.papers.protocol import SCALES, protocol_names
from rarecall.reproduction import describe
from rarecall.reproduction.plan import Plan, plain
from rarecall.reproduction.printed_cells import Printed
from rarecall.reproduction.schedules import train_settings
from rarecall.reproduction.searching import Work
from reproduction.problem import description


@pytest.mark.parametrize("scale", SCALES)
def test_every_protocol_of_the_papers_can_be_run_as_far_as_can_be_told(scale: str) -> None:
    for name in protocol_names():
        plan = Plan.of(describe(name, scale=scale))
        if not plan.get("analysis"):
            plan.check()


@pytest.mark.parametrize("name", ["alm-table-1", "lct-table-3"])
def test_as_many_units_are_planned_as_the_protocol_counts(name: str, tmp_path: Any) -> None:
    from rarecall.papers.protocol import protocol, resolve

    resolved = resolve(protocol(name), "full")
    work = Work(Plan.of(resolved), tmp_path)
    assert work.planned() == resolved.units.trainings + resolved.units.trials


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        (["BCE"], ("BCE",)),
        (["bce"], ("BCE",)),
        (["alm+bce"], ("ALM + BCE",)),
        (["bce+alm", "BCE"], ("BCE", "ALM + BCE")),
        (None, ("BCE", "ALM + BCE")),
    ],
)
def test_rows_are_asked_for_by_label_or_method(
    asked: list[str] | None, found: tuple[str, ...]
) -> None:
    assert Plan.of(description(), asked).asked_rows == found


def test_a_label_that_holds_commas_is_found_in_what_the_command_line_cut() -> None:
    told = description()
    told["rows"]["VS, gamma L(0.1, 3)"] = dict(told["rows"]["BCE"])
    asked = ["VS", " gamma L(0.1", " 3)", "bce"]
    assert Plan.of(told, asked).asked_rows == ("BCE", "VS, gamma L(0.1, 3)")
    with pytest.raises(ConfigurationError, match="no row 'VS'"):
        Plan.of(told, asked[:1])


def test_an_unknown_row_is_told_with_the_nearest() -> None:
    with pytest.raises(ConfigurationError, match=r"no row 'BCC'. Did you mean 'BCE'"):
        Plan.of(description(), ["BCE", "BCC"])


def test_training_is_laid_over_by_setting_row_and_parameters() -> None:
    told = description()
    told["settings"]["1:100"]["training"] = {"learning_rate": 0.2, "epochs": 3}
    told["rows"]["BCE"]["training"] = {"learning_rate": 0.3, "batch_size": 4}
    plan = Plan.of(told)
    assert plan.training_of("BCE", "1:100", {})["learning_rate"] == 0.3
    found = plan.training_of("BCE", "1:100", {"learning_rate": 0.4, "alm.margin": 1})
    assert found["learning_rate"] == 0.4
    assert (found["epochs"], found["batch_size"]) == (3, 4)
    assert "alm.margin" not in found
    assert plan.training_of("ALM + BCE", "1:100", {})["learning_rate"] == 0.2


def test_a_setting_may_have_its_own_network() -> None:
    told = description()
    told["settings"]["1:100"]["network"] = {"name": "resnet20"}
    told["network"]["weights"] = "x.pth"
    assert Plan.of(told).network_of("BCE", "1:100") == ("resnet20", {"widths": [2, 2, 2]}, "x.pth")


@pytest.mark.parametrize(
    ("told", "steps", "every"),
    [
        ({"epochs": 3, "batch_size": 64}, 3 * 16, 16),
        ({"steps": 7, "batch_size": 64}, 7, 7),
        ({"epochs": 2, "batch_size": 5000}, 2, 1),
        ({"epochs": 0.5, "batch_size": 10}, 50, 50),
    ],
)
def test_epochs_are_steps_that_cover_the_training_set(
    told: dict[str, Any], steps: int, every: int
) -> None:
    settings = train_settings(told, 1000)
    assert (settings.steps, settings.evaluate_every) == (steps, every)


def test_what_the_papers_do_not_do_is_off() -> None:
    settings = train_settings({"epochs": 1, "warmup_epochs": None}, 100)
    assert (settings.clip, settings.patience, settings.augment) == (None, None, "none")
    assert settings.precision == "32-true"
    assert (
        train_settings({"epochs": 10, "batch_size": 10, "warmup_epochs": 5}, 100).warmup_steps == 50
    )


@pytest.mark.parametrize("told", [{}, {"epochs": 1, "epoch": 2}, {"epochs": 1, "momentum": 2}])
def test_training_that_cannot_be_is_refused(told: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        train_settings(told, 100)


def test_printed_values_are_shares_whatever_the_paper_prints() -> None:
    printed = Printed(["alm-table-1", "no-such-table"])
    cell = printed.cell("ALM + BCE", "1:200", "auc")
    assert cell == {"value": 0.867, "spread": None, "marked": False}
    assert printed.cell("ALM + BCE", "1:50", "auc") is None


def test_plain_values_are_what_json_holds() -> None:
    assert plain({1: (1, {"a": frozenset({2})})}) == {"1": [1, {"a": [2]}]}
