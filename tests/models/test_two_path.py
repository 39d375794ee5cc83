"""The two-path network for volumes: shapes, sizes, paths that stay apart, and what it refuses."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from rarecall import BCELoss, Objective
from rarecall.methods import parse
from rarecall.models import CosineHead
from rarecall.models.cascade import Cascade
from rarecall.models.surgery import find_layer
from rarecall.models.two_path import TwoPathCNN

CHANNELS = {"diffusion": 3, "t2": 1}
SIZE = (4, 12, 12)


def study(count: int = 3, kind: torch.dtype = torch.float32) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(0)
    return {
        name: torch.randn(count, channels, *SIZE, generator=generator).to(kind)
        for name, channels in CHANNELS.items()
    }


def network(**changes: Any) -> TwoPathCNN:
    torch.manual_seed(1)
    plain: dict[str, Any] = {"widths": (4, 8), "hidden": 6}
    return TwoPathCNN(CHANNELS, SIZE, **(plain | changes))


def size(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def test_the_default_network_for_mri_has_1762721_parameters() -> None:
    made = TwoPathCNN(CHANNELS, (24, 96, 96))
    steps = ((16, 32), (32, 64), (64, 128))
    shared = sum(27 * before * after + after for before, after in steps)
    firsts = sum(27 * channels * 16 + 16 for channels in CHANNELS.values())
    dense = 2 * 128 * 1 * 6 * 6 * 128 + 128
    assert size(made) == 2 * shared + firsts + dense + 129 == 1_762_721


def test_its_result_is_the_dense_layer_on_both_paths_side_by_side() -> None:
    made, inputs = network().eval(), study()
    rows = [made.paths[name](inputs[name]) for name in ("diffusion", "t2")]
    hidden = torch.relu(made.dense[0](torch.cat(rows, dim=1)))
    assert torch.allclose(made(inputs), made.fc(hidden))


def test_the_paths_are_alike_but_for_the_channels_that_enter() -> None:
    paths = network().paths
    one, other = (
        [tuple(part.shape) for part in paths[name].parameters()] for name in ("diffusion", "t2")
    )
    assert one[0] == (4, 3, 3, 3, 3)
    assert other[0] == (4, 1, 3, 3, 3)
    assert one[1:] == other[1:]


def test_a_change_in_one_modality_leaves_the_other_path_alone() -> None:
    made, inputs = network().eval(), study()
    changed = inputs | {"t2": inputs["t2"] + 1}
    path = made.paths["diffusion"]
    assert torch.equal(path(inputs["diffusion"]), path(changed["diffusion"]))
    assert not torch.equal(made(inputs), made(changed))


@pytest.mark.parametrize("outputs", [1, 2, 3])
@pytest.mark.parametrize("kind", [torch.float16, torch.float32, torch.float64])
def test_any_floating_type_gives_one_row_of_logits_a_study(kind: torch.dtype, outputs: int) -> None:
    made = network(outputs=outputs)
    logits = made(study(kind=kind))
    assert logits.shape == ((3,) if outputs == 1 else (3, outputs))
    assert logits.dtype == torch.float32
    logits.square().sum().backward()
    assert all(part.grad is not None and part.grad.isfinite().all() for part in made.parameters())


def test_it_can_be_wider_than_the_papers_two_paths() -> None:
    made = TwoPathCNN({"t2": 1, "adc": 1, "dce": 4}, SIZE, widths=(4,), normalization="batch")
    inputs = {name: torch.zeros(2, n, *SIZE) for name, n in (("t2", 1), ("adc", 1), ("dce", 4))}
    assert made(inputs).shape == (2,)
    assert isinstance(made.paths["dce"], Cascade)


def test_a_cosine_head_and_lambda_find_its_last_layer() -> None:
    assert find_layer(network(), None)[1] == "fc"
    cosine = parse("ldam").build().adapt(network(outputs=2))
    assert isinstance(cosine.fc, CosineHead)
    conditioned = parse("vs+lct").build().adapt(network(outputs=2))
    assert conditioned(study(), conditioned.condition).shape == (3, 2)


def test_a_step_of_training_lowers_the_loss_it_took() -> None:
    made, inputs, targets = network(), study(8), torch.tensor([0, 1] * 4)
    objective = Objective(BCELoss()).bind(targets)
    optimizer = torch.optim.SGD(made.parameters(), lr=0.01)
    from rarecall.objective import Batch

    batch = Batch(inputs, targets, torch.arange(8))
    losses = []
    for _ in range(5):
        loss = objective(made, batch)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        objective.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < losses[0]


def test_copies_and_stored_weights_give_the_same_logits() -> None:
    made, other = network().eval(), network(outputs=1).eval()
    other.load_state_dict(copy.deepcopy(made.state_dict()))
    assert torch.equal(made(study()), other(study()))


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (({}, SIZE), "channels is empty"),
        ((CHANNELS, (12, 12)), "depth, height and width"),
        (({"t2": 0}, SIZE), "channels must be 1 or more"),
    ],
)
def test_what_cannot_be_made_is_refused_in_words(arguments: Any, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        TwoPathCNN(*arguments)


def test_a_missing_modality_is_named() -> None:
    with pytest.raises(ValueError, match=r"diffusion is missing from t2"):
        network()({"t2": study()["t2"]})


def test_volumes_of_another_size_are_refused() -> None:
    wrong = study() | {"t2": torch.zeros(3, 1, 4, 12, 13)}
    with pytest.raises(ValueError, match=r"\(B, 1, 4, 12, 12\)"):
        network()(wrong)
