"""Sharpness-aware and proximal steps, averaged weights, balanced batches: in the training loop."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from rarecall import BCELoss, Objective, WeightedBCELoss
from rarecall.data import ArrayDataset
from rarecall.errors import ConfigurationError
from rarecall.methods import parse
from rarecall.metrics import auc
from rarecall.objective import Batch, Prepared
from rarecall.training import (
    Averaging,
    EpochRecord,
    Fitted,
    RowStream,
    Stages,
    Technique,
    TrainSettings,
    train,
)
from rarecall.training.optimizer import schedule_factor
from rarecall.training.stepping import Stepper

from .problem import data, fit, measure, network, numbers, same_weights, settings

PLAIN = {"input_noise": 0.0, "warmup_steps": 0, "weight_decay": 0.0, "augment": "none"}


def trained(technique: Technique, kind: str = "table", **more: Any) -> Fitted:
    given = {"objective": Objective(BCELoss()), "measure": measure(), "network": None} | {
        key: more.pop(key) for key in ("objective", "measure", "network") if key in more
    }
    calls = {key: more.pop(key) for key in ("on_epoch", "should_stop") if key in more}
    return train(
        given["network"] or network(kind),
        given["objective"],
        data(kind),
        data(kind, seed=1),
        settings=settings(**more),
        measure=given["measure"],
        seed=0,
        technique=technique,
        **calls,
    )


class Latest:
    """Prefers the latest evaluation; or the first one."""

    name, tpr, smoothed, message = "latest", 0.9, True, None

    def __init__(self, sign: float = 1.0) -> None:
        self.value, self.sign = 0.0, sign

    def __call__(self, scores: Any, targets: Any) -> float:
        self.value += self.sign
        return self.value

    def progress(self, scores: Any, targets: Any) -> float:
        return auc(scores, targets)

    def fpr(self, scores: Any, targets: Any) -> float:
        return 0.0

    auc = progress


# Sharpness-aware steps -------------------------------------------------------------------------


class Counting(Objective):
    """Counts what is asked of it; some passes give an infinite loss."""

    def __init__(self, broken: tuple[int, ...] = ()) -> None:
        super().__init__(BCELoss())
        self.calls: list[str] = []
        self.broken = broken

    def prepare(self, batch: Batch | tuple[Any, ...]) -> Prepared:
        self.calls.append("prepare")
        return super().prepare(batch)

    def evaluate(self, logits: Tensor, prepared: Prepared) -> Tensor:
        number = self.calls.count("evaluate")
        self.calls.append("evaluate")
        loss = super().evaluate(logits, prepared)
        return loss * float("inf") if number in self.broken else loss

    def step(self) -> None:
        self.calls.append("step")
        super().step()


@pytest.mark.parametrize("clip", [None, 0.01])
def test_a_sharpness_aware_step_is_the_equations(clip: float | None) -> None:
    plain = {"optimizer": "sgd", "learning_rate": 0.5, "steps": 1, "clip": clip, **PLAIN}
    net = network("table").eval()  # without dropout the passes can be written down
    for part in net.modules():
        if isinstance(part, nn.Dropout):
            part.p = 0.0
    rows = RowStream(data("table").targets, 32, seed=0).rows(0)
    batch = data("table").gather(rows)

    def gradient(weights: list[Tensor]) -> list[Tensor]:
        names = [name for name, _ in net.named_parameters()]
        state = dict(zip(names, weights, strict=True))
        logits = torch.func.functional_call(net, state, (batch.inputs,))
        loss = nn.functional.binary_cross_entropy_with_logits(logits, batch.targets.float())
        return list(torch.autograd.grad(loss, weights))

    def norm(parts: list[Tensor]) -> Tensor:
        return torch.cat([part.flatten() for part in parts]).norm()

    start = [part.detach().clone().requires_grad_() for part in net.parameters()]
    first = gradient(start)
    worst = [
        (w + 0.1 * g / norm(first)).detach().requires_grad_()
        for w, g in zip(start, first, strict=True)
    ]
    second = gradient(worst)
    # What is clipped is the gradient that is stepped with.
    scale = 1.0 if clip is None else min(1.0, clip / float(norm(second)))
    expected = [w - 0.5 * scale * g for w, g in zip(start, second, strict=True)]
    fitted = trained(Technique(radius=0.1), network=net, **plain)
    for found, wanted in zip(fitted.network.parameters(), expected, strict=True):
        torch.testing.assert_close(found.detach(), wanted.detach(), rtol=1e-4, atol=1e-6)


def test_a_batch_is_prepared_once_and_forwarded_twice_and_both_passes_are_counted() -> None:
    goal = Counting()
    fitted = trained(Technique(radius=0.1), objective=goal)
    assert goal.calls == ["prepare", "evaluate", "evaluate", "step"] * 12
    assert fitted.rows_forwarded == 2 * 12 * 32
    assert any("twice the rows" in text for text in fitted.remarks)


@pytest.mark.parametrize("broken", [2, 3])
def test_a_step_whose_first_or_second_gradient_is_not_finite_is_left_out(broken: int) -> None:
    goal = Counting((broken,))
    fitted = trained(Technique(radius=0.1), objective=goal)
    assert goal.calls.count("step") == 11
    assert fitted.rows_forwarded == (23 if broken == 2 else 24) * 32
    assert any("1 of 12 steps" in text for text in fitted.remarks)
    assert all(bool(part.isfinite().all()) for part in fitted.network.state_dict().values())


def test_both_passes_drop_out_the_same_units() -> None:
    net = network("table")
    masks: list[Tensor] = []
    for part in net.modules():
        if isinstance(part, nn.Dropout):
            # What is zero before dropping out tells nothing.
            part.register_forward_hook(
                lambda _, given, out: masks.append((out == 0) & (given[0] != 0))
            )
    trained(Technique(radius=1e-3), network=net, steps=3, evaluate_every=3)
    dropped = [mask for mask in masks if mask.any()]
    assert len(dropped) == 3 * 2 * 2  # steps, passes, layers
    for step in range(3):
        passes = dropped[4 * step : 4 * step + 4]
        assert torch.equal(passes[0], passes[2])
        assert torch.equal(passes[1], passes[3])
    assert not torch.equal(dropped[0], dropped[4])


def test_batch_statistics_are_updated_once_a_step_at_the_weights_that_are_kept() -> None:
    net = network("images")
    before = {name: part.clone() for name, part in net.state_dict().items()}
    rows = RowStream(data("images").targets, 32, seed=0).rows(0)
    plain = {"steps": 1, "evaluate_every": 1, **PLAIN}
    fitted = trained(Technique(radius=5.0), "images", network=net, **plain)
    once = network("images").train()
    once.load_state_dict(before)
    with torch.no_grad():
        once(data("images").inputs[rows])
    expected = once.state_dict()
    found = fitted.network.state_dict()
    statistics = [name for name in found if "running" in name or "tracked" in name]
    assert len(statistics) > 6
    for name in statistics:
        torch.testing.assert_close(found[name], expected[name], rtol=1e-5, atol=1e-6)


def test_sharpness_aware_steps_work_in_bfloat16() -> None:
    fitted = fit("images", "bce+sam", precision="bf16-mixed")
    assert all(np.isfinite(record.train_loss) for record in fitted.history)


# Averaged weights ------------------------------------------------------------------------------


def weights_after_every_step(technique: Technique, **more: Any) -> tuple[Fitted, list[Tensor]]:
    """Train, and give all weights as one vector after each step."""
    net = network("table")
    seen: list[Tensor] = []

    def look(*_: Any) -> bool:
        flat = torch.cat([part.detach().flatten() for part in net.parameters()])
        if not seen or not torch.equal(seen[-1], flat):
            seen.append(flat)
        return False

    fitted = trained(
        technique,
        network=net,
        measure=Latest(),
        should_stop=look,
        on_epoch=look,
        learning_rate=0.02,
        **more,
    )
    return fitted, seen[1:]


def kept(fitted: Fitted) -> Tensor:
    return torch.cat([part.detach().flatten() for part in fitted.network.parameters()])


def test_an_equal_average_is_the_mean_of_the_weights_since_it_began() -> None:
    technique = Technique(averaging=Averaging(start=0.5))
    fitted, steps = weights_after_every_step(technique)
    assert len(steps) == 12
    mean = torch.stack(steps[6:]).double().mean(dim=0)
    torch.testing.assert_close(kept(fitted).double(), mean, rtol=1e-5, atol=1e-6)
    assert not torch.equal(kept(fitted), steps[-1])


def test_a_moving_average_follows_its_recursion() -> None:
    technique = Technique(averaging=Averaging(kind="ema", start=0.5, decay=0.8))
    fitted, steps = weights_after_every_step(technique)
    expected = steps[6].double()
    for weights in steps[7:]:
        expected = 0.8 * expected + 0.2 * weights.double()
    torch.testing.assert_close(kept(fitted).double(), expected, rtol=1e-5, atol=1e-6)


def test_what_is_evaluated_is_what_is_kept() -> None:
    from rarecall.training import predict_scores

    for kind in ("table", "images"):
        fitted = trained(
            Technique(averaging=Averaging(start=0.3)), kind, steps=40, learning_rate=0.02
        )
        record = fitted.history[fitted.best_epoch - 1]
        assert record.best
        assert record.step > 12
        valid = data(kind, seed=1)
        scores = predict_scores(fitted.network, Objective(BCELoss()), valid.inputs)
        assert auc(scores, valid.targets.numpy()) == record.auc


@pytest.mark.parametrize("kind", ["table", "images"])
def test_looking_at_the_average_does_not_disturb_the_training(kind: str) -> None:
    technique = Technique(averaging=Averaging(start=0.3))
    often = trained(technique, kind, measure=Latest(), evaluate_every=1)
    once = trained(technique, kind, measure=Latest(), evaluate_every=12)
    assert same_weights(often.network, once.network)


def test_the_average_has_statistics_of_its_own() -> None:
    technique = Technique(averaging=Averaging(start=0.3))
    plain = {**PLAIN, "learning_rate": 0.05}
    fitted = trained(technique, "images", measure=Latest(), **plain)
    net, stream = fitted.network, RowStream(data("images").targets, 32, seed=0)
    batches = [data("images").inputs[stream.rows(step)] for step in range(8)]  # 240 rows
    with torch.no_grad():
        maps = [net.stem(net.normalize(images)) for images in batches]  # type: ignore[operator]
        mean = torch.stack([part.mean(dim=(0, 2, 3)) for part in maps]).mean(dim=0)
    torch.testing.assert_close(net.bn.running_mean, mean, rtol=1e-4, atol=1e-5)  # type: ignore[union-attr]


def rates(technique: Technique, **more: Any) -> list[float]:
    plain = TrainSettings(steps=100, evaluate_every=10, batch_size=8, warmup_steps=4, **more)
    return [schedule_factor(plain, step, technique) for step in range(100)]


def test_an_equal_average_holds_the_rate_that_it_began_with_and_a_moving_one_does_not() -> None:
    usual = rates(Technique())
    held = rates(Technique(averaging=Averaging(start=0.75)))
    assert held[:76] == usual[:76]
    assert set(held[75:]) == {usual[75]}
    assert rates(Technique(averaging=Averaging(kind="ema"))) == usual
    # Averaging from the start must not hold the first step of the warm-up.
    assert rates(Technique(averaging=Averaging(start=0.0)))[10:] == [1.0] * 90


def test_patience_is_counted_from_where_averaging_began() -> None:
    changes = {"steps": 80, "evaluate_every": 4, "patience": 3}
    technique = Technique(averaging=Averaging(start=0.5))
    fitted = trained(technique, measure=Latest(-1.0), **changes)
    # The first averaged evaluation is the eleventh; three more, none of them better.
    assert (len(fitted.history), fitted.best_epoch, fitted.stopped_early) == (14, 1, True)
    assert any("The weights kept are no average: evaluation 1" in text for text in fitted.remarks)
    assert len(trained(Technique(), measure=Latest(-1.0), **changes).history) == 4
    liked = trained(technique, measure=Latest(), **changes)
    assert not any("no average" in text for text in liked.remarks)


# Proximal steps in stages ----------------------------------------------------------------------


def test_the_rate_falls_between_stages_whatever_the_schedule() -> None:
    technique = Technique(stages=Stages(stages=4, decay=2.0))
    for schedule in ("cosine", "constant"):
        factors = rates(technique, schedule=schedule)
        assert factors[:4] == [0.25, 0.5, 0.75, 1.0]
        assert [factors[step] for step in (24, 25, 49, 50, 74, 75, 99)] == [
            *(1.0, 0.5, 0.5, 0.25, 0.25, 0.125, 0.125)
        ]
    averaged = replace(technique, averaging=Averaging(start=0.1))
    assert rates(averaged) == rates(technique)


def test_the_proximal_optimiser_is_made_with_its_parameters_and_told_of_each_stage(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from rarecall.optim.pesg import PESG

    stages: list[int] = []
    steps: list[int] = []
    real_step, real_stage = PESG.step, PESG.new_stage

    def step(self: PESG, *given: Any) -> Any:
        steps.append(len(steps))
        assert {group["proximal"] for group in self.param_groups} == {0.01}
        assert {group["lr"] for group in self.param_groups} == {0.5 / 10 ** len(stages)}
        return real_step(self, *given)

    def new_stage(self: PESG) -> Any:
        stages.append(len(steps))
        return real_stage(self)

    monkeypatch.setattr(PESG, "step", step)
    monkeypatch.setattr(PESG, "new_stage", new_stage)
    technique = Technique(stages=Stages(proximal=0.01, stages=3))
    fitted = trained(technique, learning_rate=0.5, warmup_steps=0)
    assert stages == [4, 8]
    assert len(steps) == 12
    assert fitted.steps == 12


# Balanced batches ------------------------------------------------------------------------------


def test_a_loss_knows_the_shares_that_balanced_batches_show() -> None:
    loss = WeightedBCELoss()
    trained(Technique(balanced=0.25), objective=Objective(loss))
    assert float(loss.imbalance) == pytest.approx(3.0)
    loss = WeightedBCELoss()
    trained(Technique(), objective=Objective(loss))
    assert float(loss.imbalance) == pytest.approx(216 / 24)


def test_new_rows_are_balanced_beside_the_replayed_ones() -> None:
    few = data("table", rows=60, positives=8)
    goal = parse("bce+replay").build({"replay.capacity": 4})
    fitted = fit("table", "bce+replay+balanced", goal=goal, train_set=few, batch_size=16)
    assert fitted.steps == 12
    with pytest.raises(ConfigurationError, match="room for a critical and another new row"):
        fit("table", "bce+replay+balanced", goal=parse("bce+replay").build(), batch_size=25)


# Names -----------------------------------------------------------------------------------------


def test_a_methods_options_are_read_from_its_parameters() -> None:
    method = parse("bce+sam+balanced+swa")
    given = {"sam.radius": 0.2, "balanced.share": 0.3, "swa.kind": "ema", "swa.start": 0.5}
    assert Technique.of(method, given) == Technique(
        balanced=0.3, radius=0.2, averaging=Averaging(kind="ema", start=0.5)
    )
    assert Technique.of(parse("bce+alm")) == Technique()
    assert Technique.of(parse("bce+pesg"), {"pesg.stages": 5}).stages == Stages(stages=5)
    # Of a two-stage method they are the last stage's.
    assert Technique.of(parse("bce+sam>bce+swa")) == Technique(averaging=Averaging())


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"balanced": 1.0}, r"balanced\.share must be between 0 and 1, not 1\.0"),
        ({"balanced": "half"}, "balanced.share"),
        ({"radius": 0.0}, r"sam\.radius must be above 0"),
        ({"radius": float("nan")}, "sam.radius"),
        ({"stages": Stages(stages=0)}, r"pesg\.stages must be"),
        ({"stages": Stages(stages=2.5)}, r"pesg\.stages must be"),  # type: ignore[arg-type]
        ({"stages": Stages(proximal=-1, decay=0.5, momentum=1)}, "proximal.*decay.*momentum"),
        ({"averaging": Averaging(kind="mean")}, "swa.kind must be swa or ema"),  # type: ignore[arg-type]
        ({"averaging": Averaging(start=1.0, decay=1.0)}, "swa.start.*swa.decay"),
    ],
)
def test_all_values_that_cannot_be_used_are_told_at_once(
    wrong: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigurationError, match=message):
        Technique(**wrong)


def test_with_nothing_asked_for_nothing_changes() -> None:
    told: list[EpochRecord] = []
    plain = trained(Technique(), on_epoch=told.append)
    assert numbers(plain) == numbers(fit("table"))
    assert same_weights(plain.network, fit("table").network)
    assert isinstance(data("table"), ArrayDataset)


# Scaled gradients -------------------------------------------------------------------------------


class Scaling:
    """Device and arithmetic with scaled gradients, as 16-mixed has them, on the processor."""

    device = torch.device("cpu")

    def __init__(self, scale: float) -> None:
        self.scaler = torch.amp.GradScaler("cpu", init_scale=scale, growth_interval=10_000)
        self.strategy = SimpleNamespace(precision=self)

    def autocast(self) -> Any:
        return nullcontext()

    def unscale_gradients(self, optimizer: torch.optim.Optimizer) -> None:
        self.scaler.unscale_(optimizer)

    def backward(self, loss: Tensor) -> None:
        self.scaler.scale(loss).backward()

    def setup_optimizers(self, optimizer: torch.optim.Optimizer) -> Any:
        def step() -> None:
            self.scaler.step(optimizer)
            self.scaler.update()

        return SimpleNamespace(step=step)


def steps_with(scale: float, technique: Technique, broken: tuple[int, ...] = ()) -> Any:
    goal = Counting(broken).bind(data("table").targets).train()
    net = network("table").train()
    for part in net.modules():
        if isinstance(part, nn.Dropout):
            part.p = 0.0
    scaling: Any = Scaling(scale)
    stepper = Stepper(net, goal, scaling, settings(**PLAIN), technique=technique, seed=0)
    stream, taken = RowStream(data("table").targets, 32, seed=0), []
    for step in range(4):
        batch = data("table").gather(stream.rows(step))
        taken.append(stepper.take(goal.prepare(batch), step))
        goal.discard()
    return net, taken, scaling.scaler.get_scale()


@pytest.mark.parametrize("technique", [Technique(), Technique(radius=0.1)])
def test_scaled_gradients_change_no_step(technique: Technique) -> None:
    plain, _, _ = steps_with(1.0, technique)
    scaled, taken, scale = steps_with(2.0**12, technique)
    assert all(one.done for one in taken)
    assert scale == 2.0**12
    for one, other in zip(plain.parameters(), scaled.parameters(), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("broken", [2, 3])
def test_an_overflow_in_either_pass_skips_the_step_and_lowers_the_scale(broken: int) -> None:
    _, taken, scale = steps_with(2.0**12, Technique(radius=0.1), (broken,))
    assert [one.done for one in taken] == [True, False, True, True]
    assert scale == 2.0**11
    assert taken[1].rows == (32 if broken == 2 else 64)
