"""Device, precision and random state, as far as a processor can show them."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
import torch
from lightning_fabric import Fabric
from lightning_fabric.plugins.precision import MixedPrecision

from rarecall.errors import Interrupted
from rarecall.training import TrainSettings, ahead, batches, run
from rarecall.training.engine import holds_images, reseed, resolve_device, resolve_precision

from .problem import fit, numbers, objective, same_weights

CPU = torch.device("cpu")


@pytest.fixture
def scaled(monkeypatch: pytest.MonkeyPatch) -> None:
    """16-bit training on the processor, with a scale that overflows at first."""

    def make(settings: TrainSettings, *, images: bool) -> Fabric:
        del settings, images
        scaler = torch.amp.GradScaler("cpu", init_scale=2.0**30)
        plugin = MixedPrecision("16-mixed", "cpu", scaler)
        return Fabric(accelerator="cpu", devices=1, plugins=[plugin])

    monkeypatch.setattr(run, "make_fabric", make)


@pytest.mark.parametrize("seeds", [((0, 1), (1, 0)), ((0, 0), (0, 1)), ((3, 5), (4, 4))])
def test_steps_and_seeds_draw_differently(seeds: tuple[tuple[int, int], ...]) -> None:
    drawn = []
    with torch.random.fork_rng(devices=[]):
        for seed, step in seeds:
            reseed(seed, step, CPU)
            drawn.append(torch.rand(100))
            reseed(seed, step, CPU)
            assert torch.equal(torch.rand(100), drawn[-1])
    assert float(torch.corrcoef(torch.stack(drawn))[0, 1].abs()) < 0.4


def test_tables_stay_on_the_processor_by_default() -> None:
    assert resolve_device("auto", images=False) == CPU
    assert resolve_device("cpu", images=True) == CPU


def test_images_go_to_the_graphics_processor_if_there_is_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda: True)
    assert resolve_device("auto", images=True).type == "cuda"
    assert resolve_device("cuda:1", images=False) == torch.device("cuda:1")
    cuda = torch.device("cuda")
    assert resolve_precision("auto", cuda, images=True) == "bf16-mixed"
    assert resolve_precision("auto", cuda, images=False) == "32-true"
    assert resolve_precision("32-true", cuda, images=True) == "32-true"


@pytest.mark.usefixtures("scaled")
def test_steps_that_mixed_precision_skips_are_discarded(monkeypatch: pytest.MonkeyPatch) -> None:
    goal = objective("bce+alm")
    calls: list[str] = []
    step, discard = goal.step, goal.discard
    monkeypatch.setattr(goal, "step", lambda: (calls.append("step"), step()))
    monkeypatch.setattr(goal, "discard", lambda: (calls.append("discard"), discard()))
    fitted = fit("images", goal=goal, steps=40, evaluate_every=20)
    calls.remove("discard")  # of bind()
    assert len(calls) == 40
    assert calls[:5] == ["discard"] * 5
    assert calls[-5:] == ["step"] * 5
    assert fitted.history[-1].auc > 0.5
    assert fitted.remarks == []


@pytest.mark.usefixtures("scaled")
def test_the_scale_of_mixed_precision_is_resumed(tmp_path: Path) -> None:
    whole = fit("images", steps=40, evaluate_every=20)
    calls = itertools.count()
    with pytest.raises(Interrupted):
        fit(
            "images",
            steps=40,
            evaluate_every=20,
            folder=tmp_path,
            should_stop=lambda: next(calls) == 7,
        )
    resumed = fit("images", steps=40, evaluate_every=20, folder=tmp_path)
    assert same_weights(resumed.network, whole.network)
    assert numbers(resumed) == numbers(whole)


@pytest.mark.parametrize("kind", ["table", "images"])
def test_data_too_large_for_the_device_go_there_batch_by_batch(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = fit(kind, "bce+rankreg")
    monkeypatch.setattr(ahead, "fits_on", lambda device, inputs: False)
    # Which they would be, if they lay on another device.
    monkeypatch.setattr(batches, "takes_time", lambda data, device: True)
    assert same_weights(fit(kind, "bce+rankreg").network, whole.network)


@pytest.mark.parametrize(
    ("inputs", "expected"),
    [
        (torch.zeros(2, 1, 4, 4), True),
        ({"t2": torch.zeros(2, 1, 4, 4, 4), "diffusion": torch.zeros(2, 3, 4, 4, 4)}, True),
        ({"image": torch.zeros(2, 3, 4, 4), "table": {"numeric": torch.zeros(2, 5)}}, True),
        ({"numeric": torch.zeros(2, 5), "categorical": torch.zeros(2, 0)}, False),
    ],
    ids=["images", "volumes", "images with a table", "a table"],
)
def test_images_and_volumes_are_known_whatever_holds_them(inputs, expected):
    assert holds_images(inputs) is expected
