"""Training settings: defaults, and refusals that name every wrong value."""

from __future__ import annotations

from typing import Any

import pytest

from rarecall.errors import ConfigurationError
from rarecall.training import TrainSettings, default_settings

PLAIN: dict[str, Any] = {"steps": 10, "evaluate_every": 5, "batch_size": 8}


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("steps", 0, "steps must be 1 or more, not 0"),
        ("steps", 2.5, "steps must be a whole number"),
        ("batch_size", True, "batch_size must be a whole number"),
        ("learning_rate", 0.0, "learning_rate must be above 0"),
        ("learning_rate", float("nan"), "learning_rate must be above 0"),
        ("learning_rate", "fast", "learning_rate must be a number, not 'fast'"),
        ("weight_decay", -1.0, "weight_decay must be 0 or more"),
        ("clip", 0.0, "clip must be above 0"),
        ("patience", 0, "patience must be 1 or more"),
        ("threads", 0, "threads must be 1 or more"),
        ("input_noise", -0.1, "input_noise must be 0 or more"),
        ("optimizer", "adamv", "Did you mean 'adam' or 'adamw'"),
        ("precision", "64", "precision must be one of auto, 32-true"),
        ("augment", "cropflip", "augment knows no 'cropflip'. Did you mean"),
        ("momentum", 1.0, "momentum must be below 1"),
        ("momentum", -0.1, "momentum must be 0 or more"),
        ("factor", 0.0, "factor must be above 0"),
        ("factor", 2.0, "factor must be 1 or less"),
        ("milestones", (0.5,), "milestones belong to the schedule 'steps'"),
    ],
)
def test_a_value_that_cannot_be_used_is_named(name: str, value: Any, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        TrainSettings(**(PLAIN | {name: value}))


@pytest.mark.parametrize(
    "milestones", [(), (0.0,), (1.0,), (0.5, 0.5), (0.7, 0.5), ("half",), [0.5]]
)
def test_milestones_are_rising_shares_of_the_steps(milestones: Any) -> None:
    with pytest.raises(ConfigurationError, match="milestones"):
        TrainSettings(**PLAIN, schedule="steps", milestones=milestones)


def test_all_wrong_values_are_told_at_once() -> None:
    with pytest.raises(ConfigurationError) as caught:
        TrainSettings(steps=0, evaluate_every=0, batch_size=-1, learning_rate=-1)
    for name in ("steps", "evaluate_every", "batch_size", "learning_rate"):
        assert f"{name} must be" in str(caught.value)


def test_an_unknown_setting_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(ConfigurationError, match=r"'batchsize'\. Did you mean 'batch_size'"):
        default_settings("table", 100, batchsize=3)


@pytest.mark.parametrize("kind", ["table", "images"])
@pytest.mark.parametrize("n_train", [20, 200, 5_000, 300_000])
def test_defaults_fit_every_size_of_data(kind: Any, n_train: int) -> None:
    settings = default_settings(kind, n_train)
    assert settings.batch_size <= n_train
    assert settings.evaluate_every < settings.steps
    assert settings.warmup_steps < settings.steps / 4


def test_what_depends_on_the_number_of_steps_follows_it() -> None:
    settings = default_settings("table", 1000, steps=50)
    assert settings.steps == 50
    assert settings.evaluate_every <= 5
    assert settings.warmup_steps <= 5
    kept = default_settings("table", 1000, steps=50, evaluate_every=25, warmup_steps=0)
    assert (kept.evaluate_every, kept.warmup_steps) == (25, 0)
