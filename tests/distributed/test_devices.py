"""Several processes train what one trains, go on with each other's checkpoints, and never hang."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
import torch
from torch import nn

from rarecall.errors import ConfigurationError, Interrupted, RunError
from rarecall.training import devices as said
from rarecall.training import fit_members
from rarecall.training.devices_start import _end, count_of, kept, standing

from .devices_problem import SETS, Ends, fit, furthest, problem

METHODS = (
    "bce",
    "bce+alm",
    "bce+rankreg",
    "bce+replay",
    "bce+balanced",
    "bce+sam",
    "bce+sam+swa",
    "auc-margin+pesg",
    "vs+lct",
)


@pytest.fixture(scope="module", autouse=True)
def _kept() -> Iterator[None]:
    # Helpers take seconds to start.
    with kept():
        yield


# One count after the other, so that helpers start as seldom as can be.
@pytest.mark.parametrize("method", METHODS)
def test_two_processes_give_the_network_of_one(method: str) -> None:
    alone, both = fit(1, method), fit(2, method)
    assert furthest(alone, both) < 1e-12
    assert (alone.best_epoch, alone.steps) == (both.best_epoch, both.steps)
    assert alone.rows_forwarded == both.rows_forwarded
    assert alone.remarks == both.remarks
    for one, two in zip(alone.history, both.history, strict=True):
        assert one.train_loss == pytest.approx(two.train_loss, rel=1e-9)
        assert one.monitor == pytest.approx(two.monitor, rel=1e-5)


@pytest.mark.parametrize("method", ["bce+rankreg", "bce+sam+swa"])
def test_batch_normalisation_sees_the_rows_of_all_processes(method: str) -> None:
    alone, both = fit(1, method, "images"), fit(2, method, "images")
    assert furthest(alone, both) < 1e-10
    assert not any(type(layer).__module__.startswith("rarecall") for layer in _norms(both.network))


def _norms(network: nn.Module) -> list[nn.Module]:
    found = [m for m in network.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
    assert found
    return found


def test_dropout_drops_other_units_in_every_process() -> None:
    both = fit(2, changed=partial(nn.Sequential, _Seen()))
    assert len({float(mark) for mark in both.network[0].marks}) == 2


class _Seen(nn.Module):
    """Remembers what every process drew in the first step, as dropout would."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("marks", torch.zeros(2, dtype=torch.float64))
        self.first = True

    def forward(self, rows: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        if self.training and self.first:
            from torch import distributed as dist

            self.first = False
            found = [torch.zeros(1) for _ in range(2)]
            dist.all_gather(found, torch.rand(1))
            self.marks.copy_(torch.cat(found))
        return rows


def test_a_diverging_training_ends_for_all_and_the_next_one_works() -> None:
    with pytest.raises(ConfigurationError, match="diverged"):
        fit(2, learning_rate=1e200, clip=None, optimizer="sgd", steps=60, evaluate_every=60)
    assert standing.team is not None
    assert furthest(fit(1), fit(2)) < 1e-12


def test_what_cannot_be_shared_is_refused_and_the_helpers_stay() -> None:
    with pytest.raises(ConfigurationError, match="1 new rows, which 2 devices cannot share"):
        fit(2, batch_size=1)
    with pytest.raises(ConfigurationError, match="device names a single one, 'cpu:0'"):
        fit(2, device="cpu:0")
    assert standing.team is not None
    assert count_of(5) == 5


def test_a_network_that_cannot_be_sent_is_refused_in_words() -> None:
    def changed(network: nn.Module) -> nn.Module:
        network.register_forward_hook(lambda *_: None)
        return network

    with pytest.raises(ConfigurationError, match="cannot be sent to the other processes"):
        fit(2, changed=changed)


def test_members_take_turns_and_side_by_side_is_refused() -> None:
    def members(devices: int, together: bool | None = None) -> list[torch.Tensor]:
        goals = [problem.objective("bce") for _ in range(2)]
        networks = [problem.network("table", seed=k) for k in range(2)]
        for network in networks:
            for layer in network.modules():
                if isinstance(layer, nn.Dropout):
                    layer.p = 0.0
            network.double()
        found = fit_members(
            networks,
            goals,
            *SETS["table"],
            settings=problem.settings(),
            measure=problem.measure(),
            seeds=[0, 1],
            together=together,
            devices=devices,
        )
        return [part for one in found for part in one.network.state_dict().values()]

    for one, two in zip(members(1, together=False), members(2), strict=True):
        assert torch.allclose(one.double(), two.double(), rtol=1e-12, atol=1e-12)
    with pytest.raises(ConfigurationError, match="members take turns"):
        members(2, together=True)


def test_a_checkpoint_of_so_many_processes_is_one_of_any_number(tmp_path: Path) -> None:
    whole = fit(1, "bce+alm+rankreg")
    for devices, step in ((2, 3), (1, 6), (2, 7), (3, 10)):
        asked = [0]

        def stop(asked: list[int] = asked, least: int = 3) -> bool:
            asked[0] += 1
            return asked[0] > least

        least = step - {3: 0, 6: 3, 7: 6, 10: 7}[step]
        with pytest.raises(Interrupted, match=f"after {step} of 12 steps. Its state is saved"):
            fit(
                devices,
                "bce+alm+rankreg",
                folder=tmp_path,
                should_stop=partial(stop, least=least),
            )
    resumed = fit(3, "bce+alm+rankreg", folder=tmp_path)
    assert furthest(whole, resumed) < 1e-12
    assert resumed.rows_forwarded == whole.rows_forwarded


@pytest.mark.parametrize("method", ["bce+alm+rankreg", "auc-margin+pesg"])
def test_three_processes_give_the_network_of_one(method: str) -> None:
    assert furthest(fit(1, method), fit(3, method)) < 1e-12
    assert furthest(fit(1, method, "images"), fit(3, method, "images")) < 1e-10


@pytest.mark.parametrize(
    ("how", "told"),
    [
        ("fails", "process 2 of 2: ValueError: the third step went wrong"),
        ("killed", "process 2 of 2 was killed by signal 9"),
        ("sleeps", "no answer within 15 seconds"),
    ],
)
def test_a_process_that_is_lost_ends_all_with_one_message(
    how: str, told: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(said, "ANSWER_WITHIN", timedelta(seconds=15 if how == "sleeps" else 60))
    if how == "sleeps":
        _let_go()  # the next ones have this patience
    with pytest.raises(RunError, match=told) as caught:
        fit(2, changed=partial(Ends, how=how), folder=tmp_path, evaluate_every=2)
    assert "so all stopped" in str(caught.value)
    assert standing.team is None
    assert (tmp_path / "checkpoint.pt").exists()


def test_an_error_in_the_first_process_stays_what_it_is_and_the_helpers_go() -> None:
    helpers = []

    def fails(record: object) -> None:
        assert standing.team is not None
        helpers.extend(standing.team.helpers)
        raise KeyError("of the caller")

    with pytest.raises(KeyError, match="of the caller"):
        fit(2, on_epoch=fails)
    assert standing.team is None
    assert helpers[0].poll() is not None


def _let_go() -> None:
    if standing.team is not None:
        _end(standing.team)
