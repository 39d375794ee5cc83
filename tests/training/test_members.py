"""Members trained side by side: each as if alone, none touched by another, resumed bit for bit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from rarecall import BCELoss, Objective
from rarecall.data import ArrayDataset
from rarecall.errors import ConfigurationError, Interrupted, RunError
from rarecall.functional.gradient_reversal import reverse_gradient
from rarecall.objective import BaseLoss, Batch, Prepared
from rarecall.terms import Replay
from rarecall.training import CHECKPOINT_NAME, EpochRecord, Fitted, Technique, predict_scores, train
from rarecall.training.member import mean_record
from rarecall.training.members import fit_members
from rarecall.training.stackable import MOST_WORK, can_stack
from rarecall.training.together import joint_identity

from .problem import data, measure, network, numbers, objective, same_weights, settings, technique
from .test_resume import stopper

Build = Any


class Margins(BaseLoss):
    """The AUC losses' saddle point: two parameters minimised, one maximised and projected."""

    per_sample = False

    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Parameter(torch.zeros(1))
        self.b = nn.Parameter(torch.zeros(1))
        self.alpha = nn.Parameter(torch.full((1,), 0.05))

    def forward(self, logits: Tensor, targets: Tensor) -> Tensor:
        critical = targets == 1
        p = critical.to(logits.dtype).mean()
        scores, alpha = torch.sigmoid(logits), reverse_gradient(self.alpha)
        inner = ((1 - p) * (scores - self.a).square() * critical).mean()
        inner = inner + (p * (scores - self.b).square() * ~critical).mean()
        gap = (p * scores * ~critical - (1 - p) * scores * critical).mean()
        return (inner + 2 * alpha * (p * (1 - p) + gap) - p * (1 - p) * alpha.square()).squeeze()

    def duals(self) -> list[nn.Parameter]:
        return [self.alpha]

    def after_step(self) -> None:
        with torch.no_grad():
            self.alpha.clamp_(min=0)


class Normalised(nn.Module):
    """A network with batch statistics."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 1), nn.Flatten(0)
        )

    def forward(self, rows: dict[str, Tensor]) -> Tensor:
        logits: Tensor = self.layers(rows["numeric"])
        return logits


class Broken(Objective):
    """Gives an infinite loss at some of its steps."""

    def __init__(self, *steps: int) -> None:
        super().__init__(BCELoss())
        self.at = set(steps)

    def evaluate(self, logits: Tensor, prepared: Prepared) -> Tensor:
        loss = super().evaluate(logits, prepared)
        self.count = getattr(self, "count", -1) + self.training
        return loss * float("inf") if self.training and self.count in self.at else loss


def nets(count: int = 3, *, double: bool = False, **options: Any) -> list[nn.Module]:
    made: list[nn.Module] = [network("table", seed=seed, **options) for seed in range(count)]
    for one in made if double else ():
        one.double()
        for layer in one.modules():
            if isinstance(layer, nn.Dropout):
                layer.p = 0.0
    return made


def normalised(count: int = 3) -> list[nn.Module]:
    found: list[nn.Module] = []
    for seed in range(count):
        torch.manual_seed(seed)
        found.append(Normalised().double())
    return found


def exact(rows: ArrayDataset) -> ArrayDataset:
    inputs = rows.inputs | {"numeric": rows.inputs["numeric"].double()}
    return ArrayDataset(inputs, rows.targets, rows.ids)


def fit(
    goals: Sequence[Objective],
    networks: Sequence[nn.Module],
    *,
    folder: Path | None = None,
    train_set: Any = None,
    validation_set: Any = None,
    chosen_by: Any = None,
    seeds: Sequence[int] | None = None,
    how: Technique | None = None,
    told: list[EpochRecord] | None = None,
    should_stop: Any = lambda: False,
    together: bool | None = True,
    **changes: Any,
) -> list[Fitted]:
    found: list[Fitted] = fit_members(
        networks,
        goals,
        train_set or data("table"),
        validation_set or data("table", seed=1),
        settings=settings(**changes),
        measure=chosen_by or measure(),
        seeds=seeds or list(range(len(networks))),
        technique=how or Technique(),
        folder=folder,
        on_epoch=None if told is None else told.append,
        should_stop=should_stop,
        together=together,
    )
    return found


LONG = {"steps": 30, "evaluate_every": 10}
CASES: dict[str, Build] = {
    "bce": lambda: objective("bce"),
    "vs": lambda: objective("vs"),
    "bce+alm": lambda: objective("bce+alm"),
    "bce+rankreg": lambda: objective("bce+rankreg"),
    "bce+replay": lambda: objective("bce+replay"),
    "recall-lagrangian": lambda: objective("recall-lagrangian"),
    "saddle point": lambda: Objective(Margins().double()),
}


@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
@pytest.mark.parametrize("name", list(CASES))
def test_a_member_ends_as_if_it_had_been_alone(name: str, optimizer: str) -> None:
    goals = [CASES[name]() for _ in range(3)]
    changes = LONG | {"optimizer": optimizer, "clip": 0.1}
    outputs = goals[0].outputs
    rows, others = exact(data("table")), exact(data("table", seed=1))
    members = nets(double=True, outputs=outputs)
    together = fit(goals, members, train_set=rows, validation_set=others, **changes)
    for seed, (net, found) in enumerate(
        zip(nets(double=True, outputs=outputs), together, strict=True)
    ):
        goal = CASES[name]()
        alone = train(
            net, goal, rows, others, settings=settings(**changes), measure=measure(), seed=seed
        )
        assert found.network is members[seed]
        assert_close(found.network.state_dict(), alone.network.state_dict())
        assert_close(goals[seed].state_dict(), goal.state_dict())
        assert (found.best_epoch, found.steps) == (alone.best_epoch, alone.steps)
        assert found.rows_forwarded == alone.rows_forwarded
        assert found.remarks == alone.remarks
        for one, other in zip(numbers(found), numbers(alone), strict=True):
            assert one.pop("monitor") == pytest.approx(other.pop("monitor"), abs=1e-9)
            assert one == pytest.approx(other, abs=1e-9)


def assert_close(found: dict[str, Tensor], expected: dict[str, Tensor]) -> None:
    assert found.keys() == expected.keys()
    for key, value in expected.items():
        torch.testing.assert_close(found[key], value, rtol=1e-9, atol=1e-9)


def test_multipliers_and_saddle_points_really_moved() -> None:
    goals = [objective("bce+alm"), objective("bce+alm")]
    fit(goals, nets(2), **LONG)
    values = [goal.state_dict()["terms.0.multipliers"] for goal in goals]
    assert all(bool(value.any()) for value in values)
    assert not torch.equal(*values)
    saddles = [Objective(Margins()), Objective(Margins())]
    fit(saddles, nets(2), **LONG)
    for goal in saddles:
        assert goal.loss.a.item() != 0
        assert goal.loss.alpha.item() != 0.05


def test_batch_statistics_are_each_member_s_own() -> None:
    rows, others = exact(data("table")), exact(data("table", seed=1))
    goals = [Objective(BCELoss()) for _ in range(3)]
    together = fit(goals, normalised(), train_set=rows, validation_set=others, **LONG)
    means = []
    for seed, (net, found) in enumerate(zip(normalised(), together, strict=True)):
        alone = train(
            net,
            Objective(BCELoss()),
            rows,
            others,
            settings=settings(**LONG),
            measure=measure(),
            seed=seed,
        )
        assert_close(found.network.state_dict(), alone.network.state_dict())
        means.append(found.network.state_dict()["layers.1.running_mean"])
    assert int(found.network.state_dict()["layers.1.num_batches_tracked"]) > 0
    assert not torch.equal(means[0], means[1])


@pytest.mark.parametrize("method", ["bce+swa", "bce+balanced"])
def test_options_of_the_training_hold_for_every_member(method: str) -> None:
    rows, others = exact(data("table")), exact(data("table", seed=1))
    how = technique(method)
    goals = [Objective(BCELoss()) for _ in range(3)]
    together = fit(goals, normalised(), train_set=rows, validation_set=others, how=how, **LONG)
    for seed, (net, found) in enumerate(zip(normalised(), together, strict=True)):
        alone = train(
            net,
            Objective(BCELoss()),
            rows,
            others,
            settings=settings(**LONG),
            measure=measure(),
            seed=seed,
            technique=how,
        )
        assert_close(found.network.state_dict(), alone.network.state_dict())
        assert (found.best_epoch, found.remarks) == (alone.best_epoch, alone.remarks)


def test_half_precision_trains_them_too() -> None:
    goals = [objective("bce") for _ in range(2)]
    found = fit(goals, nets(2), precision="bf16-mixed", **LONG)
    whole = fit([objective("bce") for _ in range(2)], nets(2), **LONG)
    for one, other in zip(found, whole, strict=True):
        for half, full in zip(
            one.network.state_dict().values(), other.network.state_dict().values(), strict=True
        ):
            assert half.dtype == full.dtype
            torch.testing.assert_close(half, full, rtol=0.1, atol=0.05)


class Sometimes(Replay):
    """Replays nothing in every other step of one member, so that members' rows differ."""

    def __init__(self, every: int) -> None:
        super().__init__(capacity=8)
        self.every, self.asked = every, 0

    def replay(self, batch: Batch) -> Batch | None:
        self.asked += 1
        return None if self.asked % self.every == 0 else super().replay(batch)


def test_members_with_unequal_rows_still_equal_those_alone() -> None:
    rows, others = exact(data("table")), exact(data("table", seed=1))
    every = (2, 3, 10**6)
    goals = [Objective(BCELoss(), Sometimes(n)) for n in every]
    together = fit(goals, normalised(), train_set=rows, validation_set=others, **LONG)
    forwarded = [found.rows_forwarded for found in together]
    assert len(set(forwarded)) == 3
    for seed, (net, found) in enumerate(zip(normalised(), together, strict=True)):
        goal = Objective(BCELoss(), Sometimes(every[seed]))
        alone = train(
            net, goal, rows, others, settings=settings(**LONG), measure=measure(), seed=seed
        )
        assert_close(found.network.state_dict(), alone.network.state_dict())
        assert found.rows_forwarded == alone.rows_forwarded


def test_members_differ_and_the_same_call_gives_the_same_bits() -> None:
    first = fit([objective("bce") for _ in range(3)], nets())
    again = fit([objective("bce") for _ in range(3)], nets())
    for one, other in zip(first, again, strict=True):
        assert same_weights(one.network, other.network)
        assert numbers(one) == numbers(other)
    assert not same_weights(first[0].network, first[1].network)
    # From the same first weights, too: rows, noise and dropout are drawn for each.
    alike = fit([objective("bce") for _ in range(2)], [network("table"), network("table")])
    assert not same_weights(alike[0].network, alike[1].network)


def test_one_forward_a_step_serves_all_members() -> None:
    calls: list[int] = []
    members = normalised(3)
    for number, member in enumerate(members):
        member.register_forward_hook(
            lambda module, _, __, number=number: calls.append(number) if module.training else None
        )
    fit(
        [Objective(BCELoss()) for _ in range(3)],
        members,
        train_set=exact(data("table")),
        validation_set=exact(data("table", seed=1)),
    )
    # One more to see whether they can be stacked.
    assert calls == [0] * 13


@pytest.mark.parametrize("method", ["bce", "bce+alm", "bce+rankreg", "bce+swa", "bce+balanced"])
def test_stopping_again_and_again_changes_no_bit(method: str, tmp_path: Path) -> None:
    def go(**more: Any) -> list[Fitted]:
        goals = [objective(method) for _ in range(3)]
        return fit(goals, nets(), how=technique(method), **more)

    whole = go()
    pieces = 0
    while True:
        try:
            resumed = go(folder=tmp_path, should_stop=stopper(3))
            break
        except Interrupted:
            pieces += 1
    assert pieces == 3
    assert [entry.name for entry in tmp_path.iterdir()] == [CHECKPOINT_NAME]
    for one, other in zip(resumed, whole, strict=True):
        assert same_weights(one.network, other.network)
        assert numbers(one) == numbers(other)


def test_a_resume_stacks_those_that_are_still_together(tmp_path: Path) -> None:
    changes = {"steps": 40, "evaluate_every": 2, "patience": 2, "learning_rate": 0.1}

    def go(**more: Any) -> list[Fitted]:
        return fit([objective("bce") for _ in range(4)], nets(4), **changes, **more)

    whole = go()
    steps = sorted(found.steps for found in whole)
    assert steps[0] < steps[-1]
    # Once while all are there, once after the first has stopped early.
    for stop in (steps[0] // 2, steps[-1] - steps[0] // 2 - 1):
        with pytest.raises(Interrupted):
            go(folder=tmp_path, should_stop=stopper(stop))
    for one, other in zip(go(folder=tmp_path), whole, strict=True):
        assert same_weights(one.network, other.network)
        assert numbers(one) == numbers(other)


def test_a_member_that_stops_early_leaves_the_others_as_they_were() -> None:
    rows, others = exact(data("table")), exact(data("table", seed=1))
    changes = {"steps": 40, "evaluate_every": 2, "patience": 2, "learning_rate": 0.1}
    goals = [Objective(BCELoss()) for _ in range(4)]
    told: list[EpochRecord] = []
    together = fit(
        goals, nets(4, double=True), train_set=rows, validation_set=others, told=told, **changes
    )
    for seed, (net, found) in enumerate(zip(nets(4, double=True), together, strict=True)):
        goal = Objective(BCELoss())
        alone = train(
            net, goal, rows, others, settings=settings(**changes), measure=measure(), seed=seed
        )
        assert (found.steps, found.stopped_early) == (alone.steps, alone.stopped_early)
        assert_close(found.network.state_dict(), alone.network.state_dict())
    assert len({found.steps for found in together}) > 1
    assert told[-1].step == max(found.steps for found in together)


@pytest.mark.parametrize("steps", [(3,), (3, 4, 9), range(8, 60)])
def test_a_member_that_breaks_hurts_no_other(steps: Sequence[int], tmp_path: Path) -> None:
    rows, others = exact(data("table")), exact(data("table", seed=1))
    changes = {"steps": 48, "evaluate_every": 4}

    def go(**more: Any) -> list[Fitted]:
        goals = [Objective(BCELoss()), Broken(*steps), Objective(BCELoss())]
        more = {"train_set": rows, "validation_set": others, **changes, **more}
        return fit(goals, nets(double=True), **more)

    together = go()
    for seed, (net, found) in enumerate(zip(nets(double=True), together, strict=True)):
        goal = Broken(*steps) if seed == 1 else Objective(BCELoss())
        alone = train(
            net, goal, rows, others, settings=settings(**changes), measure=measure(), seed=seed
        )
        assert_close(found.network.state_dict(), alone.network.state_dict())
        assert found.remarks == alone.remarks
        assert found.steps == alone.steps
    assert together[1].remarks
    assert not together[0].remarks


def test_a_member_left_alone_is_resumed_alone(tmp_path: Path) -> None:
    def go(resumed: int = 0, **more: Any) -> list[Fitted]:
        broken = Broken(3)
        broken.count = resumed - 1
        return fit([Objective(BCELoss()), broken, Objective(BCELoss())], nets(), **more)

    whole = go()
    with pytest.raises(Interrupted):
        go(folder=tmp_path, should_stop=stopper(6))
    for one, other in zip(go(6, folder=tmp_path), whole, strict=True):
        assert same_weights(one.network, other.network)
        assert numbers(one) == numbers(other)


def test_all_members_may_break_at_once() -> None:
    found = fit([Broken(3), Broken(3)], nets(2))
    assert all("1 of 12 steps" in one.remarks[0] for one in found)


def test_an_error_names_the_member_that_diverged_at_once() -> None:
    goals = [Objective(BCELoss()), Broken(*range(40)), Objective(BCELoss())]
    with pytest.raises(ConfigurationError, match="Member 2 of 3: Training diverged"):
        fit(goals, nets(), steps=40, evaluate_every=40)


def test_each_member_may_have_its_own_rows_and_measure() -> None:
    rows = [exact(data("table", rows=n, positives=8, seed=n)) for n in (240, 20, 200)]
    others = [exact(data("table", seed=seed)) for seed in (1, 2, 3)]
    measures = [measure(0.9), measure(0.8), measure(0.9)]
    goals = [Objective(BCELoss()) for _ in range(3)]
    together = fit(
        goals,
        nets(double=True),
        train_set=rows,
        validation_set=others,
        chosen_by=measures,
        **LONG,
    )
    for k, (net, found) in enumerate(zip(nets(double=True), together, strict=True)):
        alone = train(
            net,
            Objective(BCELoss()),
            rows[k],
            others[k],
            settings=settings(**LONG),
            measure=measures[k],
            seed=k,
        )
        assert_close(found.network.state_dict(), alone.network.state_dict())
        for one, other in zip(numbers(found), numbers(alone), strict=True):
            assert one["selection"] == pytest.approx(other["selection"], abs=1e-9)


def test_loss_conditional_members_get_a_draw_each() -> None:
    rows, others = exact(data("table")), exact(data("table", seed=1))

    def go(seed: int | None = None) -> list[Fitted]:
        goals = [objective("vs+lct") for _ in range(3)]
        plain = nets(double=True, outputs=goals[0].outputs)
        with torch.random.fork_rng():
            torch.manual_seed(0)
            adapted = [goal.adapt(net).double() for goal, net in zip(goals, plain, strict=True)]
        if seed is None:
            return fit(goals, adapted, train_set=rows, validation_set=others, **LONG)
        return [
            train(
                adapted[seed],
                goals[seed],
                rows,
                others,
                settings=settings(**LONG),
                measure=measure(),
                seed=seed,
            )
        ]

    for seed, found in enumerate(go()):
        (alone,) = go(seed)
        assert_close(found.network.state_dict(), alone.network.state_dict())


def test_the_networks_are_usable_by_themselves_afterwards() -> None:
    first, second = fit([objective("bce"), objective("bce")], nets(2))
    before = second.network.state_dict()["fc.weight"].clone()
    with torch.no_grad():
        for parameter in first.network.parameters():
            parameter.add_(1.0)
    assert torch.equal(second.network.state_dict()["fc.weight"], before)
    size = first.network.get_parameter("fc.weight").untyped_storage().nbytes()
    assert size == before.untyped_storage().nbytes()
    scores = predict_scores(second.network, objective("bce"), data("table").inputs)
    assert scores.shape == (240,)


def test_best_weights_are_those_of_the_best_evaluation() -> None:
    goals = [objective("bce") for _ in range(3)]
    others = data("table", seed=1)
    for found, goal in zip(fit(goals, nets(), validation_set=others, **LONG), goals, strict=True):
        scores = predict_scores(found.network, goal, others.inputs)
        kept = found.history[found.best_epoch - 1]
        assert measure()(scores, others.targets.numpy()) == pytest.approx(kept.selection)


def test_evaluations_are_told_as_means_with_the_time_of_all() -> None:
    told: list[EpochRecord] = []
    found = fit([objective("bce+alm") for _ in range(3)], nets(), told=told)
    assert [(record.epoch, record.step, record.steps) for record in told] == [
        (1, 4, 12),
        (2, 8, 12),
        (3, 12, 12),
    ]
    for record, own in zip(told, zip(*(one.history for one in found), strict=True), strict=True):
        assert record.auc == pytest.approx(sum(one.auc for one in own) / 3)
        assert record.monitor.keys() == own[0].monitor.keys()
        assert record.best == any(one.best for one in own)
    assert told[-1].seconds_left == 0
    assert told[0].seconds_left > 0
    assert sum(one.seconds for one in found) == pytest.approx(told[-1].seconds, rel=0.5)


def test_in_turn_is_the_same_interface_and_plain_training(tmp_path: Path) -> None:
    told: list[EpochRecord] = []
    goals = [objective("bce") for _ in range(2)]
    with pytest.raises(Interrupted):
        fit(
            goals,
            nets(2),
            together=False,
            folder=tmp_path,
            should_stop=stopper(17),
        )
    # What was begun in turn goes on in turn, although these could be stacked.
    found = fit(goals, nets(2), together=None, folder=tmp_path, told=told)
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["member-0", "member-1"]
    assert [(record.epoch, record.step, record.steps) for record in told] == [
        (5, 20, 24),
        (6, 24, 24),
    ]
    for seed, (net, one) in enumerate(zip(nets(2), found, strict=True)):
        alone = train(
            net,
            objective("bce"),
            data("table"),
            data("table", seed=1),
            settings=settings(),
            measure=measure(),
            seed=seed,
        )
        assert same_weights(one.network, alone.network)


def test_what_was_begun_together_goes_on_together(tmp_path: Path) -> None:
    def go(**more: Any) -> list[Fitted]:
        # Wide enough that they would be trained in turn.
        goals = [objective("bce") for _ in range(2)]
        return fit(goals, nets(2), folder=tmp_path, **{"together": None, **more})

    with pytest.raises(Interrupted):
        go(together=True, should_stop=stopper(5))
    go()
    assert [entry.name for entry in tmp_path.iterdir()] == [CHECKPOINT_NAME]


def test_every_method_has_a_way(tmp_path: Path) -> None:
    found = fit(
        [objective("bce") for _ in range(2)],
        nets(2),
        together=None,
        how=technique("bce+sam"),
        folder=tmp_path,
    )
    assert len(found) == 2
    assert (tmp_path / "member-1" / CHECKPOINT_NAME).exists()
    single = fit([objective("bce")], nets(1), together=None)
    assert len(single) == 1


def test_a_checkpoint_of_other_members_is_refused(tmp_path: Path) -> None:
    goals = [objective("bce") for _ in range(3)]
    with pytest.raises(Interrupted):
        fit(goals, nets(), folder=tmp_path, should_stop=stopper(2))
    with pytest.raises(RunError, match=r"seed: \[0, 1, 2\] there, \[0, 1, 5\] here"):
        fit(goals, nets(), folder=tmp_path, seeds=[0, 1, 5])
    with pytest.raises(RunError, match="members: 3 there, 2 here"):
        fit(goals[:2], nets(2), folder=tmp_path)
    with pytest.raises(RunError, match="another training"):
        train(
            network("table"),
            objective("bce"),
            data("table"),
            data("table", seed=1),
            settings=settings(),
            measure=measure(),
            seed=0,
            folder=tmp_path,
        )


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"seeds": [1, 1]}, "different seeds"),
        ({"seeds": [1]}, "got 2 networks, 2 objectives, .* 1 seeds"),
    ],
)
def test_members_must_differ(change: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigurationError, match=told):
        fit([objective("bce"), objective("bce")], nets(2), **change)


def test_members_share_neither_network_nor_objective() -> None:
    goal = objective("bce")
    with pytest.raises(ConfigurationError, match="share one of the objectives"):
        fit([goal, goal], nets(2))
    net = network("table")
    with pytest.raises(ConfigurationError, match="share one of the networks"):
        fit([objective("bce"), objective("bce")], [net, net])


class Looking(nn.Module):
    """Decides by the values it sees, which no stack can."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 1)

    def forward(self, rows: dict[str, Tensor]) -> Tensor:
        logits: Tensor = self.layer(rows["numeric"]).squeeze(1)
        return logits if float(logits.detach().sum()) > 0 else -logits


class Hidden(nn.Module):
    """Holds a number that neither its parameters nor its description show."""

    def __init__(self, scale: float) -> None:
        super().__init__()
        self.layer, self.scale = nn.Linear(4, 1), scale

    def forward(self, rows: dict[str, Tensor]) -> Tensor:
        logits: Tensor = self.scale * self.layer(rows["numeric"]).squeeze(1)
        return logits


@pytest.mark.parametrize(
    ("networks", "how", "told"),
    [
        (lambda: nets(1), Technique(), "only one"),
        (lambda: nets(2), Technique(radius=0.1), "sam"),
        (lambda: [*nets(1), Normalised()], Technique(), "different architectures"),
        (lambda: [Looking(), Looking()], Technique(), "cannot be stacked"),
        (lambda: [Hidden(1.0), Hidden(2.0)], Technique(), "does not compute what it does alone"),
    ],
)
def test_what_cannot_be_stacked_is_told(networks: Any, how: Technique, told: str) -> None:
    made = networks()
    goals = [objective("bce") for _ in made]
    reason = can_stack(
        made, goals, data("table").inputs, settings=settings(), technique=how, even_if_slower=True
    )
    assert reason is not None
    assert told in reason
    assert all(part.training for net in made for part in net.modules())
    if len(made) > 1:
        with pytest.raises(ConfigurationError, match=told):
            fit(goals, made, how=how)
        found = fit(goals[:1], made[:1], together=None, how=how)
        assert len(found) == 1


def test_asking_changes_neither_networks_nor_random_state() -> None:
    made, before = normalised(), normalised()
    state = torch.get_rng_state()
    rows = exact(data("table")).inputs
    assert can_stack(made, [objective("bce")] * 3, rows, settings=settings()) is None
    assert torch.equal(torch.get_rng_state(), state)
    for one, other in zip(made, before, strict=True):
        assert same_weights(one, other)


def test_a_busy_processor_gains_nothing() -> None:
    rows = data("table", rows=2000)
    wide = [network("table", seed=seed) for seed in range(2)]
    weights = sum(parameter.numel() for parameter in wide[0].parameters())
    goals = [objective("bce"), objective("bce")]
    for batch, slower in ((MOST_WORK // weights, False), (MOST_WORK // weights + 1, True)):
        many = ArrayDataset(
            {name: part[:1].expand(batch, -1) for name, part in rows.inputs.items()},
            torch.zeros(batch, dtype=torch.long),
            [""] * batch,
        )
        plan = replace(settings(), batch_size=batch)
        reason = can_stack(wide, goals, many.inputs, settings=plan)
        assert (reason is not None) == slower
        assert can_stack(wide, goals, many.inputs, settings=plan, even_if_slower=True) is None
    pictures = [network("images", seed=seed) for seed in range(2)]
    reason = can_stack(pictures, goals, data("images").inputs, settings=settings())
    assert reason is not None
    assert "convolutions" in reason
    assert (
        can_stack(pictures, goals, data("images").inputs, settings=settings(), even_if_slower=True)
        is None
    )


def test_a_mean_of_one_is_itself_and_unlike_identities_are_listed() -> None:
    (found,) = fit([objective("bce")], nets(1), together=None)
    record = found.history[0]
    assert mean_record([record], seconds=record.seconds) == record
    joint = joint_identity([{"seed": 0, "objective": "a"}, {"seed": 1, "objective": "b"}])
    assert joint == {"members": 2, "seed": [0, 1], "objective": ["a", "b"]}
