"""Critical images blended with others: what changes, by how much, and where it is refused."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from rarecall import BCELoss, Objective
from rarecall.comparison import compare
from rarecall.errors import ConfigurationError
from rarecall.methods import parse
from rarecall.task import Task
from rarecall.training import Technique
from rarecall.training.blending import blend, check_blend
from rarecall.training.run import Run

from .problem import data, measure, network, settings


def single_pixels(values: list[float]) -> Tensor:
    return torch.tensor(values, dtype=torch.float64).reshape(-1, 1, 1, 1)


def test_each_critical_image_gets_a_share_of_one_that_is_not_and_no_other_changes() -> None:
    # Powers tell which image is mixed in: the result is (1 - w) 1 + w v.
    values = [1.0, 1.0, 10.0, 100.0, 1000.0]
    critical = torch.tensor([True, True, False, False, False])
    torch.manual_seed(0)
    shares: dict[float, list[float]] = {10.0: [], 100.0: [], 1000.0: []}
    for _ in range(1500):
        found = blend(single_pixels(values), critical, amount=0.4).flatten()
        assert found[2:].tolist() == values[2:]
        for value in found[:2].tolist():
            # A share of at most .4 of v, beside at least .6 of 1, names v but near a share of 0.
            fitting = [v for v in shares if (value - 1) / (v - 1) <= 0.4]
            shares[fitting[0]].append((value - 1) / (fitting[0] - 1))
    large = np.asarray(shares[1000.0])
    # All three are drawn alike; small shares of large ones are counted with smaller ones.
    assert len(large) == pytest.approx(1000 * 0.9, rel=0.1)
    assert 0.39 < large.max() <= 0.4


def test_the_mixture_is_its_equation() -> None:
    images = torch.rand(6, 3, 4, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    critical = torch.tensor([False, True, False, True, True, False])
    torch.manual_seed(5)
    found = blend(images, critical, amount=0.7)
    for row in range(6):
        own, mixed = images[row], found[row]
        if not critical[row]:
            assert torch.equal(own, mixed)
            continue
        solved = []
        for other in images[~critical]:
            weight = ((mixed - own) * (other - own)).sum() / ((other - own) ** 2).sum()
            solved.append(float((own + weight * (other - own) - mixed).abs().max()))
        assert min(solved) < 1e-12


@pytest.mark.parametrize("critical", [[True] * 4, [False] * 4])
def test_a_batch_of_one_kind_is_fine(critical: list[bool]) -> None:
    images = torch.randint(256, (4, 3, 8, 8), dtype=torch.uint8)
    found = blend(images, torch.tensor(critical), amount=1.0)
    assert found.dtype == torch.uint8
    assert torch.equal(found, images) != critical[0]


def test_whole_numbers_are_rounded_and_stay_between_the_two_images() -> None:
    images = torch.stack([torch.full((3, 4, 4), 255), torch.zeros(3, 4, 4)]).to(torch.uint8)
    torch.manual_seed(2)
    seen = {
        int(blend(images, torch.tensor([True, False]), amount=0.5)[0, 0, 0, 0]) for _ in range(300)
    }
    assert min(seen) in range(127, 135)
    assert max(seen) in range(250, 256)


def test_what_belongs_to_one_sample_is_blended_alike_and_a_tables_row_is_kept() -> None:
    volumes = {name: torch.rand(5, 1, 3, 4, 4).double() for name in ("diffusion", "t2")}
    volumes["t2"] = volumes["diffusion"] * 2
    critical = torch.tensor([True, False, True, False, False])
    found = blend(volumes, critical, amount=0.5)
    torch.testing.assert_close(found["t2"], found["diffusion"] * 2)
    fused = {"image": torch.rand(5, 1, 4, 4), "table": {"numeric": torch.rand(5, 2)}}
    found = blend(fused, critical, amount=0.5)
    assert torch.equal(found["table"]["numeric"], fused["table"]["numeric"])
    assert not torch.equal(found["image"], fused["image"])


def test_a_table_has_nothing_to_blend() -> None:
    with pytest.raises(ConfigurationError, match=r"table. Leave out \+blend"):
        check_blend({"numeric": torch.zeros(2, 3)})
    with pytest.raises(ConfigurationError, match=r"table. Leave out \+blend"):
        compare("breast-cancer", methods="bce+blend", steps=5, seeds=1)


def test_the_word_fits_binary_and_multiclass_work_and_its_amount_is_checked() -> None:
    assert parse("bce+blend+balanced").name == "bce+balanced+blend"
    assert parse("ce+blend").tasks == ("binary", "multiclass")
    assert Technique.of(parse("bce+blend"), {"blend.amount": 0.25}).blend == 0.25
    assert "multilabel" not in parse("bce+blend").tasks
    with pytest.raises(ConfigurationError, match=r"blend\.amount must be above 0"):
        Technique(blend=0.0)


def _batches(technique: Technique, steps: int) -> list[Tensor]:
    images = data("images")
    run = Run(
        network("images"),
        Objective(BCELoss()),
        images,
        images,
        settings=settings(augment="none"),
        measure=measure(),
        seed=3,
        technique=technique,
        folder=None,
        task=Task("binary", 2, (1,)),
    )
    found = []
    for step in range(steps):
        run.progress.step = step
        prepared = run.prepare()
        found.append(torch.where((prepared.targets == 1)[:, None, None, None], prepared.inputs, 0))
    return found


def test_training_blends_its_batches_anew_and_the_same_at_every_start() -> None:
    plain, first, again = (
        _batches(Technique(balanced=0.5, blend=amount), 4) for amount in (None, 0.5, 0.5)
    )
    for one, two, same in zip(plain, first, again, strict=True):
        assert not torch.equal(one, two)
        assert torch.equal(two, same)
