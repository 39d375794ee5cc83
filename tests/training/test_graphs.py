"""Recorded passes: used where they compute the same, thrown away where they do not."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from rarecall.training.graphs import SEEN_BEFORE, VARIABLE, Graphed, graphed
from rarecall.training.technique import Technique

from .problem import fit, same_weights


class Recorder:
    """Gives a network's own pass as the recording of it, and counts."""

    def __init__(self, change: Any = lambda logits: logits) -> None:
        self.change, self.made, self.played = change, 0, 0

    def __call__(self, network: nn.Module, arguments: tuple[Tensor, ...]) -> Any:
        self.made += 1
        network(*arguments)  # recording runs the network, and moves its statistics

        def play(*given: Tensor) -> Tensor:
            self.played += 1
            found: Tensor = self.change(network(*given))
            return found

        return play


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Dropout(0.5), nn.Linear(4, 1))


def on_processor(one: nn.Module, recorder: Recorder) -> Graphed:
    return Graphed(one, record=recorder, device="cpu", timed=False).train()


def test_a_shape_is_recorded_once_it_was_seen_and_then_played() -> None:
    recorder = Recorder()
    one = on_processor(network(), recorder)
    for _ in range(SEEN_BEFORE):
        one(torch.randn(8, 3))
    assert recorder.made == 0
    for _ in range(4):
        one(torch.randn(8, 3))
    assert (recorder.made, recorder.played) == (1, 5)  # once more to compare
    one(torch.randn(7, 3))
    assert recorder.made == 1


def test_recording_leaves_statistics_and_draws_as_they_were() -> None:
    plain, other = network(), network()
    one = on_processor(other, Recorder())
    batches = [torch.randn(8, 3) for _ in range(SEEN_BEFORE + 3)]
    for number, batch in enumerate(batches):
        torch.manual_seed(number)
        expected = plain(batch)
        torch.manual_seed(number)
        assert torch.equal(one(batch), expected)
    for mine, theirs in zip(other.buffers(), plain.buffers(), strict=True):
        assert torch.equal(mine, theirs)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda logits: 1.2 * logits, "gradients are not those"),
        (lambda logits: logits * float("nan"), "gradients are not those"),
        (lambda logits: logits.nope(), "AttributeError"),
    ],
)
def test_a_recording_that_computes_something_else_is_thrown_away(change: Any, said: str) -> None:
    recorder, plain = Recorder(change), network().eval()
    one = on_processor(network(), recorder)
    for _ in range(SEEN_BEFORE + 3):
        one(torch.randn(8, 3))
    assert said in one.why_not
    assert recorder.made == 1
    batch = torch.randn(8, 3)
    one.network.load_state_dict(plain.state_dict())
    assert torch.equal(one.eval()(batch), plain(batch))


def test_a_recording_that_cannot_be_made_changes_nothing() -> None:
    def fails(network: nn.Module, arguments: tuple[Tensor, ...]) -> Any:
        raise RuntimeError("no such device")

    one = Graphed(network(), record=fails, device="cpu", timed=False).train()
    for _ in range(SEEN_BEFORE + 2):
        assert one(torch.randn(8, 3)).shape == (8, 1)
    assert one.why_not == "RuntimeError: no such device"


def test_weights_that_moved_elsewhere_are_recorded_anew() -> None:
    recorder = Recorder()
    one = on_processor(network(), recorder)
    for _ in range(SEEN_BEFORE + 1):
        one(torch.randn(8, 3))
    for parameter in one.network.parameters():
        parameter.data = parameter.data.clone()
    one(torch.randn(8, 3))
    assert recorder.made == 2


def test_no_recording_in_evaluation_and_without_gradients() -> None:
    recorder = Recorder()
    one = on_processor(network(), recorder)
    with torch.no_grad():
        for _ in range(SEEN_BEFORE + 2):
            one(torch.randn(8, 3))
    one.eval()
    for _ in range(SEEN_BEFORE + 2):
        one(torch.randn(8, 3))
    assert recorder.made == 0


def test_graphs_are_used_where_they_are_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    one = network()
    assert graphed(one, Technique()) is one
    monkeypatch.setenv(VARIABLE, "1")
    assert isinstance(graphed(one, Technique()), Graphed)
    assert graphed(one, Technique(radius=0.1)) is one


def test_on_a_processor_training_gives_the_same_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = fit("images", "bce+alm")
    monkeypatch.setenv(VARIABLE, "1")
    asked = fit("images", "bce+alm")
    assert same_weights(plain.network, asked.network)
