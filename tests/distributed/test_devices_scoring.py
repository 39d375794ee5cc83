"""Several processes score an evaluation as one does, to the bit, and none of them hangs in it."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch import distributed as dist

from rarecall._reading import rows_at_once
from rarecall.data import ArrayDataset
from rarecall.distributed import apart
from rarecall.errors import ConfigurationError, RunError
from rarecall.losses import BCELoss, CrossEntropyLoss
from rarecall.objective import Objective
from rarecall.task import Task
from rarecall.training import devices as said
from rarecall.training import predict_scores, train
from rarecall.training.devices_run import JointRun
from rarecall.training.devices_sets import Sets, sizes_of
from rarecall.training.devices_start import _end, kept, standing
from rarecall.training.scoring import view_scores

from .devices_problem import SETS, exact, fit, furthest, problem

BLOCKS = 2 * 4096 + 808
"""Rows of a table that are scored in two whole blocks and a part of one."""


@pytest.fixture(scope="module", autouse=True)
def _kept() -> Iterator[None]:
    # Helpers take seconds to start.
    with kept():
        yield


def pictures(rows: int, seed: int) -> ArrayDataset:
    """Images so large that 64 are scored at once."""
    small = problem.data("images", rows, rows // 10, seed)
    large = small.inputs.repeat_interleave(8, 2).repeat_interleave(8, 3)
    return ArrayDataset(large, small.targets, small.ids)


class Thinned(nn.Module):
    """Gives the small images again, whose network is quick."""

    def forward(self, images: Tensor) -> Tensor:
        step = images.shape[-1] // 16
        return images[..., ::step, ::step]


TABLE = (SETS["table"][0], exact(problem.data("table", BLOCKS, BLOCKS // 10, seed=1)))
PICTURES = (SETS["images"][0], pictures(210, seed=1))


@pytest.fixture
def compared(monkeypatch: pytest.MonkeyPatch) -> list[np.ndarray]:
    """Hold every shared evaluation to the scores of one process; gives these."""
    found: list[np.ndarray] = []
    shared = JointRun.score_validation

    def both(run: JointRun) -> np.ndarray:
        scores = shared(run)
        share = run.team.sets.share
        assert sum(share.sizes) == len(scores) == len(run.validation_targets)
        assert min(share.sizes) > 0
        with run.norms.own(), apart():
            alone = predict_scores(run.network, run.objective, run.validation_inputs)
        assert scores.tobytes() == alone.tobytes()
        found.append(scores)
        return scores

    monkeypatch.setattr(JointRun, "score_validation", both)
    return found


# The same scores ---------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["bce", "bce+swa", "vs+lct", "bce+alm+rankreg"])
def test_two_processes_score_a_table_as_one_does(method: str, compared: list[np.ndarray]) -> None:
    alone, both = fit(1, method, sets=TABLE), fit(2, method, sets=TABLE)
    assert len(compared) == len(both.history) == 3
    assert furthest(alone, both) < 1e-12
    # An area sums over ranks, which rounding of the weights may exchange.
    for one, two in zip(alone.history, both.history, strict=True):
        assert one.auc == pytest.approx(two.auc, abs=1e-9)
        assert (one.best, one.step) == (two.best, two.step)


def test_a_training_stops_early_where_that_of_one_process_does() -> None:
    changes: dict[str, Any] = {
        "steps": 40,
        "evaluate_every": 2,
        "patience": 2,
        "learning_rate": 0.3,
    }
    alone, both = (fit(devices, sets=TABLE, **changes) for devices in (1, 2))
    assert alone.stopped_early
    assert (alone.stopped_early, alone.steps) == (both.stopped_early, both.steps)


@pytest.mark.parametrize(("devices", "method"), [(2, "bce"), (2, "bce+sam+swa"), (3, "bce+swa")])
def test_images_are_scored_with_the_statistics_of_one_process(
    devices: int, method: str, compared: list[np.ndarray]
) -> None:
    assert rows_at_once(PICTURES[1].inputs) == 64
    changes: dict[str, Any] = {"changed": partial(nn.Sequential, Thinned()), "sets": PICTURES}
    alone, both = (fit(count, method, "images", **changes) for count in (1, devices))
    assert len(compared) == 3
    assert furthest(alone, both) < 1e-10


def test_the_scores_of_all_classes_come_together(compared: list[np.ndarray]) -> None:
    task = Task("multiclass", 4, (2, 3))
    generator = torch.Generator().manual_seed(0)
    both = [
        ArrayDataset(
            torch.randn(rows, 3, generator=generator),
            torch.arange(rows) % 4,
            [str(row) for row in range(rows)],
        )
        for rows in (64, BLOCKS)
    ]
    train(
        nn.Linear(3, 4),
        Objective(CrossEntropyLoss()).for_task(task),
        *both,
        settings=problem.settings(input_noise=0.0),
        measure=Accuracy(),
        seed=0,
        task=task,
        devices=3,
    )
    assert [scores.shape for scores in compared] == [(BLOCKS, 4)] * 3


class Accuracy:
    """Share of rows whose class scores highest."""

    name = "accuracy"

    def __call__(self, scores: np.ndarray, targets: np.ndarray) -> float:
        return float((scores.argmax(1) == targets).mean())

    progress = fpr = auc = __call__


# Who holds what ----------------------------------------------------------------------------------


def test_each_helper_is_sent_its_rows_once_and_no_others(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[tuple[int, int]] = []
    send = dist.send

    def counted(rows: Tensor, rank: int) -> None:
        sent.append((rank, rows.numel()))
        send(rows, rank)

    monkeypatch.setattr(dist, "send", counted)
    sets = (TABLE[0], exact(problem.data("table", BLOCKS, BLOCKS // 10, seed=2)))
    fit(3, sets=sets, steps=4)
    # Four numbers and a category, 8 bytes each: a block for the second, what is left for the last.
    assert sorted(sent) == [(1, 4096 * 8), (1, 4096 * 32), (2, 808 * 8), (2, 808 * 32)]
    fit(3, sets=sets, steps=4)
    assert len(sent) == 4
    fit(3, steps=4)
    assert len(sent) == 4  # a single block is the first process's


@pytest.mark.parametrize("rows", [1, 63, 64, 65, 128, 200, 1000])
@pytest.mark.parametrize("count", range(1, 10))
def test_parts_end_where_blocks_do(rows: int, count: int) -> None:
    images = torch.zeros(1, 1, 128, 128, dtype=torch.uint8).expand(rows, -1, -1, -1)
    sizes = sizes_of({"image": images, "table": torch.zeros(rows, 2)}, count)
    assert (len(sizes), sum(sizes)) == (count, rows)
    blocks = [-(-size // 64) for size in sizes]
    assert max(blocks) <= -(-sum(blocks) // count)
    assert blocks[0] > 0
    assert sum(blocks) == -(-rows // 64)  # only the last part ends within a block


@pytest.mark.parametrize("augment", ["none", "flips"])
def test_parts_are_scored_as_the_whole_to_the_bit_mirrored_or_not(augment: str) -> None:
    network = nn.Sequential(Thinned(), problem.network("images"))
    inputs = pictures(210, seed=1).inputs
    scored = partial(view_scores, network, Objective(BCELoss()), augment=augment, views=4)
    whole = scored(inputs)
    for count in (2, 3):
        parts = torch.split(inputs, sizes_of(inputs, count))
        assert np.concatenate([scored(part) for part in parts]).tobytes() == whole.tobytes()


def test_news_name_only_what_helpers_do_not_have() -> None:
    alone = Sets(0, 1)
    train_set, held = TABLE
    news = alone.news(train_set, held.inputs)
    assert news["watched"][1] == (BLOCKS,)
    alone.send({**news, "set": None}, train_set, held.inputs)
    assert not alone.share.shared
    assert alone.news(train_set, held.inputs)["watched"] is None
    assert alone.news(train_set, TABLE[0].inputs)["watched"] is not None


# Failure -----------------------------------------------------------------------------------------


class Scores(nn.Module):
    """Ends, sleeps, fails or gives no number in the second evaluation of one process."""

    def __init__(self, network: nn.Module, how: str, rank: int = 1, number: int = 2) -> None:
        super().__init__()
        self.network, self.how, self.rank, self.number = network, how, rank, number
        self.evaluations, self.trained = 0, True

    def forward(self, *inputs: Any) -> Tensor:
        logits: Tensor = self.network(*inputs)
        self.evaluations += self.trained and not self.training
        self.trained = self.training
        if self.training or self.evaluations != self.number or dist.get_rank() != self.rank:
            return logits
        if self.how == "fails":
            raise ValueError("the evaluation went wrong")
        if self.how == "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        if self.how == "sleeps":
            time.sleep(600)
        return logits * float("nan")


@pytest.mark.parametrize(
    ("how", "told"),
    [
        ("fails", "process 2 of 2: ValueError: the evaluation went wrong"),
        ("killed", "process 2 of 2 was killed by signal 9"),
        ("sleeps", "no answer within 8 seconds"),
    ],
)
def test_a_helper_that_is_lost_in_an_evaluation_ends_all_with_one_message(
    how: str, told: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(said, "ANSWER_WITHIN", timedelta(seconds=8 if how == "sleeps" else 60))
    if how == "sleeps" and standing.team is not None:
        _end(standing.team)  # the next ones have this patience
    with pytest.raises(RunError, match=told) as caught:
        fit(2, changed=partial(Scores, how=how), folder=tmp_path, sets=TABLE)
    assert "so all stopped" in str(caught.value)
    assert standing.team is None
    assert (tmp_path / "checkpoint.pt").exists()


def test_an_error_of_the_first_process_in_an_evaluation_stays_what_it_is() -> None:
    fit(2, steps=4)
    assert standing.team is not None
    (helper,) = standing.team.helpers
    with pytest.raises(ValueError, match="the evaluation went wrong"):
        fit(2, changed=partial(Scores, how="fails", rank=0), sets=TABLE)
    assert standing.team is None
    assert helper.poll() is not None


def test_no_number_from_a_helper_ends_a_training_for_all_and_the_next_one_works() -> None:
    with pytest.raises(ConfigurationError, match="diverged within its first 4 steps"):
        fit(2, changed=partial(Scores, how="nothing", number=1), sets=TABLE)
    found = fit(2, changed=partial(Scores, how="nothing", number=2), sets=TABLE)
    assert (found.steps, found.best_epoch) == (8, 1)
    assert any("Training diverged at step 8 of 12" in remark for remark in found.remarks)
    assert standing.team is not None
    assert furthest(fit(1), fit(2)) < 1e-12
