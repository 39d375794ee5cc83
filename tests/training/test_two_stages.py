"""Two stages: what the second takes from the first, what both cost, and that they resume."""

from __future__ import annotations

import itertools
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from rarecall import Objective
from rarecall.comparison import networks
from rarecall.comparison import stages as stages_of
from rarecall.comparison.learner import Outcome
from rarecall.errors import ConfigurationError, Interrupted
from rarecall.methods import all_methods
from rarecall.models import load_weights
from rarecall.task import Task
from rarecall.training import Fitted, TrainSettings
from rarecall.training.two_stage import carry_over, head_of, shared_out

from .problem import fit_learner, learner, network, numbers, settings

METHOD = "bce>bce+alm"


def stopper(steps: int) -> Any:
    calls = itertools.count()
    return lambda: next(calls) == steps


def weights(folder: Path, outputs: int = 1) -> dict[str, torch.Tensor]:
    made = network("table", outputs)
    load_weights(made, folder / "weights.safetensors")
    return made.state_dict()


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[k], other[k]) for k in one)


@pytest.fixture
def stages(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Write down what each stage was called with and began from."""
    seen: list[dict[str, Any]] = []
    real = stages_of.train

    def watched(net: nn.Module, *parts: Any, **more: Any) -> Fitted:
        before = {name: part.clone() for name, part in net.state_dict().items()}
        fitted = real(net, *parts, **more)
        after = {name: part.clone() for name, part in fitted.network.state_dict().items()}
        seen.append({"before": before, "after": after, "fitted": fitted, **more})
        return fitted

    monkeypatch.setattr(stages_of, "train", watched)
    return seen


def test_the_second_stage_begins_with_the_best_weights_of_the_first(
    stages: list[dict[str, Any]], tmp_path: Path
) -> None:
    fit_learner(METHOD, tmp_path)
    first, second = stages
    assert same(second["before"], first["after"])
    assert not same(second["after"], first["after"])
    assert same(weights(tmp_path), second["after"])
    assert not (tmp_path / "pretrain").exists()


def test_both_stages_together_take_the_steps_of_one_and_are_told_as_one(
    stages: list[dict[str, Any]], tmp_path: Path
) -> None:
    told: list[Any] = []
    outcome = fit_learner(METHOD, tmp_path, on_epoch=told.append)
    alone = fit_learner("bce", tmp_path / "alone")
    assert outcome.steps == alone.steps == 12
    assert outcome.rows == alone.rows == 12 * 32
    records = outcome.history
    assert [(r["stage"], r["epoch"], r["step"], r["steps"]) for r in records] == [
        (1, 1, 4, 12),
        (1, 2, 6, 12),
        (2, 3, 10, 12),
        (2, 4, 12, 12),
    ]
    assert [(r.stage, r.epoch, r.step, r.steps) for r in told] == [
        (r["stage"], r["epoch"], r["step"], r["steps"]) for r in records
    ]
    seconds = [r["seconds"] for r in records]
    assert seconds == sorted(seconds)
    assert outcome.seconds == seconds[-1] == sum(stage["fitted"].seconds for stage in stages[:2])
    assert 2 < outcome.best_epoch <= 4
    assert records[0]["monitor"] == {}
    assert "ALMConstraint.penalty" in records[2]["monitor"]


def test_the_stages_draw_different_rows(stages: list[dict[str, Any]], tmp_path: Path) -> None:
    fit_learner(METHOD, tmp_path)
    assert stages[0]["seed"] != stages[1]["seed"]


def test_the_share_and_the_first_stages_own_parameters_and_options_hold(
    stages: list[dict[str, Any]], tmp_path: Path
) -> None:
    fit_learner(
        "a-fl+sam+balanced>bce+swa",
        tmp_path,
        parameters={
            "pretrain.share": 0.25,
            "pretrain.a-fl.focus": 2.0,
            "pretrain.sam.radius": 0.2,
            "pretrain.balanced.share": 0.25,
        },
    )
    first, second = stages
    assert [stage["settings"].steps for stage in stages] == [3, 9]
    assert (first["technique"].radius, first["technique"].balanced) == (0.2, 0.25)
    assert first["technique"].averaging is None
    assert second["technique"].averaging is not None
    assert (second["technique"].radius, second["technique"].balanced) == (None, None)


@pytest.mark.parametrize("method", [METHOD, "bce+sam>vs+swa"])
def test_stopping_again_and_again_changes_no_bit(method: str, tmp_path: Path) -> None:
    whole = fit_learner(method, tmp_path / "whole")
    pieces = 0
    while True:
        try:
            resumed = fit_learner(method, tmp_path / "pieces", should_stop=stopper(5))
            break
        except Interrupted:
            pieces += 1
    assert pieces >= 2
    outputs = 2 if "vs" in method else 1
    assert same(weights(tmp_path / "pieces", outputs), weights(tmp_path / "whole", outputs))
    assert numbers(resumed) == numbers(whole)


@pytest.mark.parametrize("killed_at", [1, 2, 3])
def test_a_killed_training_goes_on_bit_for_bit_in_either_stage(
    killed_at: int, tmp_path: Path
) -> None:
    worker = Path(__file__).with_name("killed_worker.py")
    folder = tmp_path / "killed"
    command = [sys.executable, str(worker), "table", METHOD, str(folder), str(killed_at)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        told = [process.stdout.readline().strip() for _ in range(killed_at)]
        process.kill()
        process.wait(timeout=30)
    assert told == [str(number + 1) for number in range(killed_at)]
    assert process.returncode == -signal.SIGKILL
    epochs: list[int] = []
    resumed = fit_learner(METHOD, folder, on_epoch=lambda record: epochs.append(record.epoch))
    # Nothing that was done is done again.
    assert epochs == list(range(killed_at + 1, 5))
    whole = fit_learner(METHOD, tmp_path / "whole")
    assert numbers(resumed) == numbers(whole)
    assert same(weights(folder), weights(tmp_path / "whole"))


# The head --------------------------------------------------------------------------------------


def body_and_head(state: dict[str, torch.Tensor]) -> tuple[dict[str, Any], dict[str, Any]]:
    head = {name: part for name, part in state.items() if name.startswith("fc.")}
    return {name: part for name, part in state.items() if name not in head}, head


def test_a_fresh_head_is_initialised_as_an_untrained_network_has_it(
    stages: list[dict[str, Any]], tmp_path: Path
) -> None:
    fit_learner(METHOD, tmp_path, parameters={"pretrain.fresh_head": True})
    body, head = body_and_head(stages[1]["before"])
    trained_body, trained_head = body_and_head(stages[0]["after"])
    untrained = body_and_head(network("table").state_dict())[1]
    assert same(body, trained_body)
    assert same(head, untrained)
    assert not same(head, trained_head)


def test_another_number_of_outputs_takes_a_fresh_head(
    stages: list[dict[str, Any]], tmp_path: Path
) -> None:
    fit_learner("bce>vs", tmp_path)
    body, head = body_and_head(stages[1]["before"])
    assert same(body, body_and_head(stages[0]["after"])[0])
    assert head["fc.weight"].shape == (2, 16)


def test_a_kept_head_that_does_not_fit_is_refused_with_the_reason(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"fresh_head is false.*another number of outputs"):
        fit_learner("bce>vs", tmp_path, parameters={"pretrain.fresh_head": False})


def test_a_body_that_the_first_stage_changed_is_refused_with_the_reason() -> None:
    second = network("table")
    changed = {f"model.{name}": part for name, part in second.state_dict().items()}
    with pytest.raises(ConfigurationError, match="changed more of the network than its head"):
        carry_over(changed, second, fresh_head=None, default=False)


def test_another_kind_of_head_starts_anew() -> None:
    first = network("table", seed=1).state_dict()
    cosine = {k: v for k, v in first.items() if not k.startswith("fc.")}
    cosine["fc.directions"] = torch.zeros(2, 16)
    second = network("table")
    untouched = body_and_head({k: v.clone() for k, v in second.state_dict().items()})[1]
    carry_over(cosine, second, fresh_head=None, default=False)
    body, head = body_and_head(second.state_dict())
    assert same(head, untouched)
    assert same(body, body_and_head(first)[0])


def test_auc_losses_start_with_a_fresh_head_by_default() -> None:
    fresh = {word.name: word.fresh_head for word in all_methods() if word.role == "loss"}
    assert all(value == name.startswith("auc-") for name, value in fresh.items())


def test_the_head_is_the_last_linear_layer() -> None:
    assert head_of(network("table")) == head_of(network("images")) == "fc"
    with pytest.raises(ConfigurationError, match="no linear layer"):
        head_of(nn.ReLU())


def test_what_a_method_adds_to_the_network_is_initialised_by_the_seed_alone(
    stages: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def adapt(self: Objective, model: Any, *_: Any) -> Any:
        del self
        nn.init.normal_(model.fc.weight)  # as a new head or FiLM is
        return model

    monkeypatch.setattr(Objective, "adapt", adapt)
    for number, seed in enumerate((0, 0, 1)):
        torch.rand(7)
        fit_learner("bce", tmp_path / str(number), seed=seed)
    first, second, other = (stage["before"]["fc.weight"] for stage in stages)
    assert torch.equal(first, second)
    assert not torch.equal(first, other)


# Budget and rates ------------------------------------------------------------------------------


@pytest.mark.parametrize("share", [0.001, 0.3, 0.5, 0.999])
def test_stages_add_up_to_the_budget(share: float) -> None:
    plain = settings(steps=40, warmup_steps=5)
    first, second = shared_out(plain, share)
    assert first.steps + second.steps == 40
    assert min(first.steps, second.steps) >= 1
    assert first.warmup_steps + second.warmup_steps == 5


@pytest.mark.parametrize("share", [0, 1, 1.5, -0.1, "half", True])
def test_a_share_that_leaves_a_stage_nothing_is_refused_before_anything_is_trained(
    share: Any,
) -> None:
    with pytest.raises(ConfigurationError, match=r"'bce>bce': pretrain\.share must be between"):
        learner("bce>bce", parameters={"pretrain.share": share})


def test_one_step_is_too_few_for_two_stages() -> None:
    with pytest.raises(ConfigurationError, match="need two steps"):
        shared_out(TrainSettings(steps=1, evaluate_every=1, batch_size=4), 0.5)


@pytest.mark.parametrize(
    ("method", "more", "expected"),
    [
        ("bce>bce", {}, [(3e-3, 1e-2), (3e-3, 1e-2)]),
        ("bce>bce", {"learning_rate": 0.5}, [(0.5, 1e-2), (0.5, 1e-2)]),
        ("bce>bce+pesg", {}, [(3e-3, 1e-2), (0.1, 1e-4)]),
        ("bce+pesg>bce", {}, [(0.1, 1e-4), (3e-3, 1e-2)]),
        ("bce>bce+pesg", {"learning_rate": 0.5}, [(0.5, 1e-2), (0.5, 1e-4)]),
        (
            "bce>bce+pesg",
            {"parameters": {"pesg.learning_rate": 0.05}},
            [(3e-3, 1e-2), (0.05, 1e-4)],
        ),
    ],
)
def test_each_stage_has_the_rates_of_its_optimiser_unless_the_user_fixes_them(
    method: str,
    more: dict[str, Any],
    expected: list[tuple[float, float]],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    called: list[TrainSettings] = []

    class Enough(Exception):
        pass

    def stop_at_the_second(net: nn.Module, *parts: Any, **given: Any) -> Any:
        called.append(given["settings"])
        if len(called) == 2:
            raise Enough
        return Fitted(
            network=net,
            history=[],
            best_epoch=1,
            steps=6,
            rows_forwarded=0,
            seconds=0.0,
            stopped_early=False,
            remarks=[],
        )

    monkeypatch.setattr(stages_of, "train", stop_at_the_second)
    with pytest.raises(Enough):
        fit_learner(method, tmp_path, **more)
    assert [(s.learning_rate, s.weight_decay) for s in called] == expected


def test_tuning_searches_around_the_rate_of_the_proximal_optimiser() -> None:
    made = learner("bce+pesg", tune=3)
    around = made.space["learning_rate"]
    assert (around.low, around.high) == pytest.approx((0.01, 1.0))
    assert made.defaults["learning_rate"] == 0.1
    assert made.defaults["weight_decay"] == 1e-4
    assert set(made.space["pesg.proximal"].values) == {1 / n for n in (100, 300, 500, 700, 1000)}
    fixed = learner("bce+pesg", tune=3, parameters={"pesg.learning_rate": 0.05})
    assert "learning_rate" not in fixed.space
    assert fixed.defaults["learning_rate"] == 0.05
    assert learner("bce", tune=3).defaults["learning_rate"] == 3e-3


def test_remarks_of_the_first_stage_say_whose_they_are(tmp_path: Path) -> None:
    outcome: Outcome = fit_learner("bce+sam>bce", tmp_path)
    assert [text.split(":")[0] for text in outcome.remarks] == ["Pre-training"]


# What the run fills in ------------------------------------------------------------------------


def from_run() -> list[tuple[str, str]]:
    return [
        (word.name, key)
        for word in all_methods()
        for key, parameter in word.parameters.items()
        if word.role == "loss" and parameter.from_run == "tpr"
    ]


@pytest.mark.parametrize(("word", "key"), from_run())
def test_the_required_rate_of_the_run_is_the_methods_unless_the_user_fixes_it(
    word: str, key: str
) -> None:
    name = f"{word}.{key}"
    assert learner(word, tpr=0.87).defaults[name] == 0.87
    assert learner(word, tpr=0.87, tune=3).defaults[name] == 0.87
    assert learner(word, tpr=0.87, parameters={name: 0.6}).defaults[name] == 0.6
    staged = learner(f"{word}>bce", tpr=0.87)
    assert staged.defaults[f"pretrain.{name}"] == 0.87


def test_a_searched_parameter_begins_with_the_runs_value(monkeypatch: pytest.MonkeyPatch) -> None:
    word = next(word for word in all_methods() if word.name == "a-fl")
    searched = replace(word.parameters["focus"], from_run="tpr")
    monkeypatch.setitem(word.parameters, "focus", searched)  # type: ignore[arg-type]
    made = learner("a-fl", tpr=0.87, tune=3)
    assert made.defaults["a-fl.focus"] == 0.87
    assert made.space["a-fl.focus"].values == (0.87, 0.5, 1.0, 2.0)


def test_a_method_that_is_not_made_for_the_task_is_refused() -> None:
    made = learner("bce")
    made.material.task = Task.multilabel(3)
    with pytest.raises(
        ConfigurationError, match=r"on this multilabel task:.*balanced is for binary and multiclass"
    ):
        networks.NetworkLearner("bce+balanced", made.material, made.config)
