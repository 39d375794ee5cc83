"""The training loop: what it promises to an objective, to a budget and to the caller."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from rarecall import BCELoss, Objective
from rarecall.errors import ConfigurationError
from rarecall.methods import parse
from rarecall.metrics import auc, fpr_at_tpr, selection_measure
from rarecall.objective import Batch, Prepared
from rarecall.training import EpochRecord, predict_scores, run, train
from rarecall.training.augment_change import Change, Made, Rows
from rarecall.training.augmentations import cropping

from .problem import KINDS, data, fit, network, numbers, objective, same_weights

METHODS = ("bce", "w-bce", "a-fl", "vs", "bce+alm", "bce+rankreg", "bce+replay", "bce+balanced")


class Watched(Objective):
    """Writes down what is done to it."""

    def __init__(self, *terms: Any, broken_steps: tuple[int, ...] = ()) -> None:
        super().__init__(BCELoss(), *terms)
        self.calls: list[str] = []
        self.rows: list[int] = []
        self.batches: list[Batch] = []
        self.modes: list[bool] = []
        self.epochs: list[float] = []
        self.broken_steps = broken_steps

    def prepare(self, batch: Batch | tuple[Any, ...]) -> Prepared:
        prepared = super().prepare(batch)
        self.calls.append("prepare")
        self.batches.append(Batch(*batch))
        self.rows.append(len(prepared.targets))
        return prepared

    def evaluate(self, logits: Tensor, prepared: Prepared) -> Tensor:
        self.calls.append("evaluate")
        self.modes.append(self.training)
        loss = super().evaluate(logits, prepared)
        broken = len(self.rows) - 1 in self.broken_steps
        return loss * float("inf") if broken else loss

    def step(self) -> None:
        self.calls.append("step")
        super().step()

    def discard(self) -> None:
        if hasattr(self, "calls"):
            self.calls.append("discard")
        super().discard()

    def end_epoch(self, score: float) -> None:
        self.calls.append("end_epoch")
        self.epochs.append(score)
        super().end_epoch(score)


class Modes(torch.nn.Module):
    """Writes down in which mode, and with how many rows, its network is used."""

    def __init__(self, inner: torch.nn.Module) -> None:
        super().__init__()
        self.inner = inner
        self.seen: list[tuple[bool, bool]] = []

    def forward(self, inputs: Any) -> Tensor:
        self.seen.append((self.training, torch.is_grad_enabled()))
        logits: Tensor = self.inner(inputs)
        return logits


@pytest.mark.parametrize("kind", KINDS)
def test_training_learns(kind: str) -> None:
    fitted = fit(kind, steps=150, evaluate_every=30)
    assert fitted.history[-1].train_loss < 0.8 * fitted.history[0].train_loss
    assert max(record.auc for record in fitted.history) > 0.85


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("kind", KINDS)
def test_every_method_trains_with_eight_positives(kind: str, method: str) -> None:
    few = data(kind, rows=60, positives=8)
    fitted = fit(kind, method, train_set=few, batch_size=64)
    assert fitted.steps == 12
    assert all(np.isfinite(record.train_loss) for record in fitted.history)
    scores = predict_scores(fitted.network, objective(method), data(kind, seed=1).inputs)
    assert len(np.unique(scores)) > 200


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_arguments_give_the_same_bits_whatever_went_before(kind: str) -> None:
    first = fit(kind, "bce+rankreg")
    torch.rand(17)
    second = fit(kind, "bce+rankreg")
    assert same_weights(first.network, second.network)
    assert numbers(first) == numbers(second)
    assert not same_weights(first.network, fit(kind, "bce+rankreg", seed=1).network)


def test_the_callers_random_state_and_threads_are_left_alone() -> None:
    state, threads = torch.get_rng_state(), torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        fit("images", threads=1)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(threads)
    assert torch.equal(torch.get_rng_state(), state)


def test_a_step_is_prepare_evaluate_step_and_an_evaluation_ends_an_epoch() -> None:
    goal = Watched()
    fit("table", goal=goal, steps=5, evaluate_every=2)
    one = ["prepare", "evaluate", "step"]
    calls = [call for call in goal.calls if call != "discard"]
    assert calls == [*one, *one, "end_epoch", *one, *one, "end_epoch", *one, "end_epoch"]
    assert all(goal.modes)


def test_the_objective_hears_the_validation_auc_where_it_changed_by_more_than_chance() -> None:
    goal = Watched()
    fitted = fit("table", goal=goal, steps=60, evaluate_every=2, learning_rate=0.02)
    least, expected = 1 / (2 * 24), []
    for record in fitted.history:
        near = expected and abs(record.auc - expected[-1]) <= least
        expected.append(expected[-1] if near else record.auc)
    assert goal.epochs == expected
    assert 1 < len(set(expected)) < len(expected)


def test_the_network_trains_in_training_mode_and_is_measured_in_evaluation_mode() -> None:
    watched = Modes(network("table"))
    fitted = fit("table", net=watched, steps=4, evaluate_every=2)
    assert watched.seen == [(True, True)] * 2 + [(False, False)] + [(True, True)] * 2 + [
        (False, False)
    ]
    assert not fitted.network.training


@pytest.mark.parametrize("method", METHODS)
def test_no_step_forwards_more_rows_than_the_batch(
    method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    goal = objective(method)
    rows: list[int] = []
    prepare = Objective.prepare

    def counting(self: Objective, batch: Any) -> Prepared:
        prepared = prepare(self, batch)
        rows.append(len(prepared.targets))
        return prepared

    monkeypatch.setattr(Objective, "prepare", counting)
    fitted = fit("table", method, goal=goal, steps=20)
    assert len(rows) == fitted.steps == 20
    assert max(rows) <= 32
    assert fitted.rows_forwarded == sum(rows)
    if goal.replay_capacity:
        # The buffer holds eight, of which those in the batch itself are not replayed.
        assert min(rows) == 24
        assert max(rows) > 24
    else:
        assert set(rows) == {32}


def test_a_batch_without_room_beside_the_replayed_rows_is_refused() -> None:
    goal = parse("bce+replay").build({"replay.capacity": 16})
    with pytest.raises(ConfigurationError, match=r"16 rows has no room.*larger batch_size"):
        fit("table", goal=goal, batch_size=16)


def test_a_buffer_larger_than_the_positives_takes_only_their_room() -> None:
    goal = parse("bce+replay").build({"replay.capacity": 500})
    fitted = fit("table", goal=goal, train_set=data("table", positives=5))
    assert fitted.rows_forwarded <= 32 * 12


def test_the_batch_is_never_larger_than_the_training_set() -> None:
    goal = Watched()
    fit("table", goal=goal, train_set=data("table", rows=30, positives=6), batch_size=512)
    assert set(goal.rows) == {30}


def test_batches_carry_the_position_among_the_training_rows() -> None:
    goal = Watched()
    train_set = data("table")
    fit("table", goal=goal, train_set=train_set)
    for batch in goal.batches:
        assert batch.index is not None
        assert torch.equal(train_set.targets[batch.index], batch.targets)


def test_balanced_training_sees_half_critical_rows() -> None:
    goal = Watched()
    fit("table", "bce+balanced", goal=goal)
    assert all(int(batch.targets.sum()) == 16 for batch in goal.batches)


def test_rows_are_augmented_before_they_are_prepared(monkeypatch: pytest.MonkeyPatch) -> None:
    shifted: list[Tensor] = []

    def watched(images: Tensor, count: int) -> Made:
        made = cropping().draw(images, count)

        def make(images: Tensor, rows: Rows) -> Tensor:
            shifted.append(made(images, rows))
            return shifted[-1]

        return make

    monkeypatch.setattr("rarecall.training.augment.cropping", lambda: Change(watched))
    goal = Watched()
    fit("images", goal=goal, augment="crop")
    assert len(shifted) == 12
    for batch, images in zip(goal.batches, shifted, strict=True):
        assert torch.equal(batch.inputs, images)


def test_input_noise_changes_the_numbers_every_time_a_row_comes() -> None:
    goal = Watched()
    train_set = data("table", rows=32, positives=8)
    fit("table", goal=goal, train_set=train_set, input_noise=0.1)
    first, second = (batch for batch in goal.batches[:2])
    assert first.index is not None
    assert second.index is not None
    one, other = (b.inputs["numeric"][b.index.argsort()] for b in (first, second))
    assert not torch.equal(one[:, :3], other[:, :3])
    assert torch.equal(one[:, 3], other[:, 3])
    assert torch.equal(train_set.inputs["numeric"], data("table", 32, 8).inputs["numeric"])


@pytest.mark.parametrize("kind", KINDS)
def test_the_weights_kept_are_those_of_the_best_evaluation(kind: str) -> None:
    fitted = fit(kind, steps=60, evaluate_every=4, learning_rate=0.02)
    valid = data(kind, seed=1)
    scores = predict_scores(fitted.network, objective("bce"), valid.inputs)
    targets = valid.targets.numpy()
    kept = fitted.history[fitted.best_epoch - 1]
    assert kept.best
    assert kept.selection == max(record.selection for record in fitted.history)
    assert auc(scores, targets) == kept.auc
    assert fpr_at_tpr(scores, targets, 0.9) == kept.fpr
    assert 1 < fitted.best_epoch <= len(fitted.history)


def test_smoothing_chooses_by_the_running_mean() -> None:
    fitted = fit("table", steps=60, evaluate_every=4, learning_rate=0.02, smoothing=0.5)
    mean = fitted.history[0].selection
    means = []
    for record in fitted.history:
        mean = 0.5 * mean + 0.5 * record.selection
        means.append(mean)
    assert [record.smoothed for record in fitted.history] == pytest.approx(means)
    assert fitted.best_epoch == int(np.argmax(means)) + 1


def test_the_better_ranking_wins_among_evaluations_that_select_alike() -> None:
    class Flat:
        name, tpr, smoothed, message = "flat", 0.9, True, None

        def __call__(self, scores: Any, targets: Any) -> float:
            del scores, targets
            return 0.0

        def progress(self, scores: Any, targets: Any) -> float:
            return auc(scores, targets)

        def fpr(self, scores: Any, targets: Any) -> float:
            return fpr_at_tpr(scores, targets, self.tpr)

        auc = progress

    fitted = train(
        network("table"),
        objective("bce"),
        data("table"),
        data("table", seed=1),
        settings=trainer_settings(),
        measure=Flat(),  # type: ignore[arg-type]
        seed=0,
    )
    areas = [record.auc for record in fitted.history]
    assert fitted.best_epoch == int(np.argmax(areas)) + 1
    assert fitted.best_epoch > 1


def trainer_settings() -> Any:
    from .problem import settings

    return settings(steps=40, evaluate_every=4, learning_rate=0.02)


def test_training_stops_once_patience_has_run_out() -> None:
    changes = {"steps": 80, "evaluate_every": 2, "learning_rate": 0.3}
    fitted = fit("table", patience=3, **changes)
    assert fitted.stopped_early
    assert len(fitted.history) == fitted.best_epoch + 3
    assert fitted.steps == fitted.history[-1].step < 80
    assert fitted.history[-1].seconds_left == 0.0
    assert not fit("table", **(changes | {"steps": 8})).stopped_early


def test_every_evaluation_is_told_and_recorded() -> None:
    told: list[EpochRecord] = []
    fitted = fit("table", "bce+alm", on_epoch=told.append, steps=10)
    assert told == fitted.history
    assert [(record.epoch, record.step, record.steps) for record in told] == [
        (1, 4, 10),
        (2, 8, 10),
        (3, 10, 10),
    ]
    assert all(record.monitor for record in told)
    assert told[0].best
    assert told[-1].learning_rate < told[0].learning_rate


def test_a_gradient_that_is_not_finite_is_left_out_and_discarded() -> None:
    goal = Watched(broken_steps=(1, 5))
    fitted = fit("table", goal=goal)
    assert goal.calls.count("step") == 10
    after = [goal.calls[i + 1] for i, call in enumerate(goal.calls) if call == "evaluate"]
    assert [step for step, call in enumerate(after) if call == "discard"] == [1, 5]
    assert any("2 of 12 steps" in text for text in fitted.remarks)
    assert all(bool(part.isfinite().all()) for part in fitted.network.state_dict().values())
    assert all(np.isfinite(record.train_loss) for record in fitted.history)


def test_training_that_diverges_at_once_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "MOST_SKIPPED", 3)
    goal = Watched(broken_steps=(0, 1, 2))
    with pytest.raises(ConfigurationError, match=r"diverged within its first 3 steps.*[Ll]ower"):
        fit("table", goal=goal)


def test_training_that_diverges_later_keeps_the_best_weights(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(run, "MOST_SKIPPED", 3)
    fitted = fit("table", goal=Watched(broken_steps=(4, 5, 6)))
    assert fitted.steps == 7
    assert len(fitted.history) == fitted.best_epoch == 1
    assert any("diverged at step 7 of 12" in text for text in fitted.remarks)
    valid = data("table", seed=1)
    scores = predict_scores(fitted.network, objective("bce"), valid.inputs)
    assert auc(scores, valid.targets.numpy()) == fitted.history[0].auc


@pytest.mark.parametrize("clip", [None, 1e-3])
def test_clipping_bounds_the_step(clip: float | None) -> None:
    net = network("table")
    before = {name: part.clone() for name, part in net.state_dict().items()}
    fitted = fit(
        "table",
        net=net,
        steps=1,
        clip=clip,
        optimizer="sgd",
        learning_rate=1.0,
        warmup_steps=0,
        weight_decay=0.0,
    )
    moved = torch.cat(
        [
            (part.detach() - before[name]).flatten()
            for name, part in fitted.network.named_parameters()
        ]
    ).norm()
    if clip is None:
        assert moved > 0.01
    else:
        assert moved == pytest.approx(1e-3, rel=1e-3)


def test_bf16_training_keeps_scores_apart() -> None:
    fitted = fit("images", "vs+alm", precision="bf16-mixed")
    scores = predict_scores(fitted.network, objective("vs"), data("images", seed=1).inputs)
    assert len(np.unique(scores)) > 230
    assert not same_weights(fitted.network, fit("images", "vs+alm").network)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"device": "tpu9"}, "device must be auto, cpu, cuda"),
        ({"device": "xla"}, "not available"),
        ({"device": "cuda:99"}, "not available: this PyTorch sees"),
        ({"precision": "16-mixed", "device": "cpu"}, "needs a CUDA device"),
    ],
)
def test_a_device_or_precision_that_is_not_there_is_refused(
    changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigurationError, match=message):
        fit("table", **changes)


def test_training_prints_nothing_and_heeds_no_job_scheduler(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {
        "SLURM_NTASKS": "4",
        "SLURM_JOB_NAME": "night",
        "SLURM_NTASKS_PER_NODE": "4",
        "WORLD_SIZE": "4",
        "RANK": "1",
    }.items():
        monkeypatch.setenv(name, value)
    fit("table")
    fit("table", precision="bf16-mixed")
    assert capfd.readouterr() == ("", "")


def test_scores_do_not_depend_on_how_they_are_cut_or_on_training_mode() -> None:
    net = network("images").train()
    inputs = data("images").inputs
    goal = objective("bce")
    whole = predict_scores(net, goal, inputs)
    assert whole.dtype == np.float64
    assert net.training
    assert goal.training
    np.testing.assert_allclose(predict_scores(net, goal, inputs, batch_size=7), whole, atol=1e-5)
    with torch.no_grad():
        np.testing.assert_allclose(net.eval()(inputs).numpy(), whole, atol=1e-5)


def test_two_logits_are_scored_by_their_difference() -> None:
    net = network("table", outputs=2).eval()
    inputs = data("table").inputs
    with torch.no_grad():
        logits = net(inputs).double()
    scores = predict_scores(net, objective("vs"), inputs)
    np.testing.assert_array_equal(scores, (logits[:, 1] - logits[:, 0]).numpy())


def test_the_measure_may_be_the_smoothed_tail() -> None:
    measure = selection_measure(100, 0.9)
    assert measure.smoothed
    fitted = train(
        network("table"),
        objective("bce"),
        data("table"),
        data("table", seed=1),
        settings=trainer_settings(),
        measure=measure,
        seed=0,
    )
    assert all(-1 <= record.selection <= 0 for record in fitted.history)
