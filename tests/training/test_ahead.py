"""Rows read while a step runs: the same numbers, errors in their step, and no thread left over."""

from __future__ import annotations

import sys
import threading
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from rarecall.data import ArrayDataset
from rarecall.data.streams import RowStream
from rarecall.errors import ConfigurationError, Interrupted
from rarecall.task import BINARY
from rarecall.training import EpochRecord, Fitted, ahead, fit_members
from rarecall.training.ahead import Ahead, in_file, takes_time
from rarecall.training.batches import Batches
from rarecall.training.engine import reseed

from .problem import data, fit, measure, network, numbers, objective, same_weights, settings

CPU = torch.device("cpu")
PATIENCE = 20.0
"""Seconds that a test waits for a thread before it fails; none is slept through."""


class Watched(ArrayDataset):
    """Gathers in its own way: in which thread, in what order, never two batches at once."""

    def __init__(self, plain: ArrayDataset) -> None:
        super().__init__(plain.inputs, plain.targets, plain.ids)
        self.threads: set[threading.Thread] = set()
        self.begun: list[list[int]] = []
        self.news = threading.Condition()
        self.busy = threading.Lock()
        self.fails_at: int | None = None

    def gather(self, rows: Tensor) -> Any:
        assert self.busy.acquire(blocking=False)
        try:
            with self.news:
                self.threads.add(threading.current_thread())
                self.begun.append(rows.tolist())
                self.news.notify_all()
            if self.fails_at == len(self.begun):
                raise ValueError("the disk went away")
            return super().gather(rows)
        finally:
            self.busy.release()

    def wait_for(self, count: int) -> bool:
        """Wait until so many batches were asked for."""
        with self.news:
            return self.news.wait_for(lambda: len(self.begun) >= count, PATIENCE)


def watched(kind: str = "images") -> Watched:
    return Watched(data(kind))


def of_rows() -> list[str]:
    return [t.name for t in threading.enumerate() if t.name.startswith("rarecall-rows")]


class Hooked(nn.Module):
    """Calls a function in every training step before it forwards."""

    def __init__(self, inner: nn.Module, hook: Callable[[int], None]) -> None:
        super().__init__()
        self.inner, self.hook, self.steps = inner, hook, 0

    def forward(self, *inputs: Any) -> Any:
        if self.training and torch.is_grad_enabled():
            self.steps += 1
            self.hook(self.steps)
        return self.inner(*inputs)


def test_the_rows_of_the_next_step_are_asked_for_before_this_one_has_ended() -> None:
    train_set = watched()

    def hook(step: int) -> None:
        # Without reading ahead this would wait in vain: the step is not over.
        assert train_set.wait_for(min(step + 1, 12))
        # No more than one batch ahead.
        assert len(train_set.begun) <= step + 1

    fit("images", net=Hooked(network("images"), hook), train_set=train_set)
    stream = RowStream(train_set.targets, 32, seed=0)
    assert train_set.begun == [stream.rows(step).tolist() for step in range(12)]
    assert [thread.name.startswith("rarecall-rows") for thread in train_set.threads] == [True]
    assert not of_rows()


def test_rows_in_memory_are_gathered_where_the_steps_are_taken() -> None:
    before, seen = threading.enumerate(), []
    net = Hooked(network("images"), lambda _: seen.append(threading.enumerate() == before))
    fit("images", net=net)
    assert seen == [True] * 12


@pytest.mark.parametrize(
    ("kind", "method"),
    [
        ("table", "bce+rankreg"),
        ("table", "bce+swa"),
        ("images", "bce+sam+swa"),
        ("images", "bce+blend+balanced"),
        ("images", "bce+replay"),
    ],
)
def test_the_numbers_are_those_of_rows_in_memory(kind: str, method: str) -> None:
    train_set = watched(kind)
    plain, found = fit(kind, method), fit(kind, method, train_set=train_set)
    assert len(train_set.begun) >= 12
    assert same_weights(plain.network, found.network)
    assert numbers(plain) == numbers(found)
    assert not of_rows()


def test_a_stopped_training_goes_on_as_if_nothing_had_been_read_ahead(tmp_path: Path) -> None:
    asked = [0]

    def stop() -> bool:
        asked[0] += 1
        return asked[0] == 6

    train_set = watched()
    with pytest.raises(Interrupted):
        fit("images", "bce+replay", train_set=train_set, folder=tmp_path, should_stop=stop)
    assert not of_rows()
    resumed = fit("images", "bce+replay", train_set=train_set, folder=tmp_path)
    assert same_weights(resumed.network, fit("images", "bce+replay").network)
    assert not of_rows()


@pytest.mark.parametrize("together", [False, True])
def test_members_read_ahead_too(together: bool) -> None:
    def members(train_set: ArrayDataset) -> list[Fitted]:
        return fit_members(
            [network("table", seed=k) for k in range(2)],
            [objective("bce") for _ in range(2)],
            train_set,
            data("table", seed=1),
            settings=settings(),
            measure=measure(),
            seeds=[0, 1],
            together=together,
        )

    train_set = watched("table")
    if together:
        # Two trainings of one set at a time, a thread each.
        train_set.busy = _Free()  # type: ignore[assignment]
    for one, other in zip(members(data("table")), members(train_set), strict=True):
        assert same_weights(one.network, other.network)
    assert len(train_set.begun) == 24
    assert len(train_set.threads) == 2
    assert not of_rows()


class _Free:
    def acquire(self, *, blocking: bool) -> bool:
        return not blocking

    def release(self) -> None:
        pass


def test_an_error_while_reading_is_raised_in_its_step_as_it_is() -> None:
    train_set = watched()
    steps: list[int] = []
    train_set.fails_at = 4
    net = Hooked(network("images"), steps.append)
    with pytest.raises(ValueError, match="the disk went away") as caught:
        fit("images", net=net, train_set=train_set)
    assert steps == [1, 2, 3]
    told = "".join(traceback.format_exception(caught.value))
    assert "in gather" in told
    assert "in prepare" in told
    assert not of_rows()


def test_no_thread_outlives_a_training_however_it_ends() -> None:
    def interrupts(record: EpochRecord) -> None:
        raise KeyboardInterrupt

    def fails(step: int) -> None:
        if step == 3:
            raise RuntimeError("of the network")

    train_set = watched()
    before = threading.enumerate()
    with pytest.raises(KeyboardInterrupt):
        fit("images", train_set=train_set, on_epoch=interrupts)
    assert threading.enumerate() == before
    with pytest.raises(RuntimeError, match="of the network"):
        fit("images", train_set=train_set, net=Hooked(network("images"), fails))
    assert threading.enumerate() == before
    with pytest.raises(ConfigurationError, match="diverged"):
        fit(
            "images",
            train_set=train_set,
            learning_rate=1e30,
            clip=None,
            optimizer="sgd",
            steps=60,
            evaluate_every=60,
        )
    assert threading.enumerate() == before
    early = fit("images", train_set=train_set, steps=400, evaluate_every=2, patience=1)
    assert early.stopped_early
    assert threading.enumerate() == before


def test_parts_of_blended_batches_are_read_ahead_too() -> None:
    plain, slow = data("images"), watched()
    stream = RowStream(plain.targets, 32, seed=0, positives=8)

    def made(train_set: ArrayDataset) -> Batches:
        changes = settings(augment="melanoma")
        return Batches(train_set, stream, device=CPU, settings=changes, blend=0.5, task=BINARY)

    near, far, own = made(plain), made(slow), slice(4, 12)
    assert near.ahead is None
    try:
        for step in range(5):
            found = []
            for one in (near, far):
                reseed(0, step, CPU)
                found.append(one.of(step, own, then=step + 1))
            assert all(map(torch.equal, *found))
            # The next step's rows come without being taken.
            assert slow.wait_for(2 * step + 3)
    finally:
        far.close()
    asked = [stream.rows(step)[own].tolist() for step in range(6)]
    assert [rows for rows in slow.begun if rows in asked] == asked
    # After each came what is laid over its four critical ones.
    assert [len(rows) for rows in slow.begun] == [8, 4] * 5 + [8]
    assert not of_rows()


def test_rows_that_were_not_asked_for_are_given_and_it_begins_anew_after_its_end() -> None:
    train_set = watched("table")
    reader = Ahead(train_set.gather)
    first, second = torch.tensor([3, 1]), torch.tensor([4, 4, 0])
    reader.ask(first)
    assert torch.equal(reader.take(second).targets, train_set.targets[second])
    assert torch.equal(reader.take(first).targets, train_set.targets[first])
    assert train_set.begun == [first.tolist(), second.tolist()]
    reader.close()
    assert not of_rows()
    assert torch.equal(reader.take(second).targets, train_set.targets[second])
    reader.close()
    reader.close()
    assert not of_rows()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Only Linux tells.")
def test_memory_of_a_file_is_known_from_other_memory(tmp_path: Path) -> None:
    np.save(tmp_path / "rows.npy", np.arange(60_000, dtype=np.float32).reshape(-1, 6))
    mapped = torch.from_numpy(np.load(tmp_path / "rows.npy", mmap_mode="c").view(np.ndarray))
    assert in_file(mapped)
    assert in_file(mapped[5_000:])
    assert in_file(torch.from_file(str(tmp_path / "rows.npy"), size=100, dtype=torch.uint8))
    assert not in_file(mapped.clone())
    shared = torch.zeros(10_000)
    shared.share_memory_()  # type: ignore[no-untyped-call]
    assert not in_file(shared)
    assert not in_file(torch.zeros(0, 3))
    targets = torch.zeros(10_000).long()
    names = ["row"] * 10_000
    assert takes_time(ArrayDataset({"a": mapped.clone(), "b": mapped}, targets, names), CPU)
    assert not takes_time(ArrayDataset(mapped.clone(), targets, names), CPU)


def test_where_the_system_does_not_tell_no_memory_is_known_for_a_file_s(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(ahead, "_MAPPINGS", tmp_path / "nothing")
    assert not in_file(torch.zeros(3))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="Needs a graphics processor.")
@pytest.mark.parametrize("method", ["bce+rankreg", "bce+blend+balanced"])
def test_rows_beside_a_graphics_processor_give_what_rows_on_it_give(
    method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = fit("images", method, device="cuda")
    monkeypatch.setattr(ahead, "fits_on", lambda device, inputs: False)
    seen: list[int] = []
    net = Hooked(network("images"), lambda _: seen.append(len(of_rows())))
    found = fit("images", method, net=net, device="cuda")
    assert seen == [1] * 12
    assert all(
        map(torch.equal, *(list(one.network.state_dict().values()) for one in (plain, found)))
    )


def test_rows_on_another_device_are_read_ahead() -> None:
    assert takes_time(data("images"), torch.device("cuda"))
    assert not takes_time(data("images"), CPU)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Only Linux tells.")
def test_a_training_on_mapped_images_reads_ahead(tmp_path: Path) -> None:
    plain = data("images")
    np.save(tmp_path / "images.npy", plain.inputs.numpy())
    mapped = torch.from_numpy(np.load(tmp_path / "images.npy", mmap_mode="c").view(np.ndarray))
    seen: list[int] = []
    train_set = ArrayDataset(mapped, plain.targets, plain.ids)
    net = Hooked(network("images"), lambda _: seen.append(len(of_rows())))
    found = fit("images", net=net, train_set=train_set)
    assert seen == [1] * 12
    expected = fit("images", net=Hooked(network("images"), lambda _: None))
    assert same_weights(found.network, expected.network)
    assert not of_rows()
