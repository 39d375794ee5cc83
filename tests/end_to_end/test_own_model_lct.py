"""A network unknown to the library, trained with ``vs+lct`` in a plain loop, and served."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from rarecall.conditioning import ConditionChoice, choose_condition
from rarecall.data import Indexed
from rarecall.methods import parse
from rarecall.metrics import auc, fpr_at_tpr
from rarecall.models import save_weights
from rarecall.models.weights import load_weights
from rarecall.report.charts.heatmap import heatmap_chart

BORDER = 500


class TwoTowers(nn.Module):
    """Reads an image and a row of numbers, as users' networks do."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU())
        self.squeeze = nn.AdaptiveAvgPool2d(1)
        self.row = nn.Linear(3, 4)
        self.classifier = nn.Linear(8, 2)

    def forward(self, inputs: dict[str, Tensor]) -> Tensor:
        image = self.squeeze(self.stem(inputs["image"])).flatten(1)
        return self.classifier(torch.cat([image, torch.relu(self.row(inputs["row"]))], dim=1))


class Samples(torch.utils.data.Dataset):
    def __init__(self, inputs: dict[str, Tensor], targets: Tensor) -> None:
        self.inputs, self.targets = inputs, targets

    def __len__(self) -> int:
        return len(self.targets)

    def __getitem__(self, number: int) -> tuple[dict[str, Tensor], Tensor]:
        return {key: value[number] for key, value in self.inputs.items()}, self.targets[number]


@pytest.fixture(scope="module")
def problem() -> tuple[dict[str, Tensor], Tensor]:
    generator = torch.Generator().manual_seed(0)
    targets = (torch.rand(900, generator=generator) < 0.12).long()
    row = torch.randn(900, 3, generator=generator) + 1.2 * targets[:, None]
    image = torch.randn(900, 1, 6, 6, generator=generator) + 0.3 * targets.reshape(-1, 1, 1, 1)
    return {"image": image, "row": row}, targets


def part(inputs: dict[str, Tensor], rows: slice) -> dict[str, Tensor]:
    return {key: value[rows] for key, value in inputs.items()}


@pytest.mark.parametrize("place", [None, "squeeze"])
def test_a_user_s_own_network_is_trained_tuned_after_training_saved_and_served(
    problem: tuple[dict[str, Tensor], Tensor], place: str | None, tmp_path
) -> None:
    inputs, targets = problem
    training, later = slice(0, BORDER), slice(BORDER, None)
    torch.manual_seed(0)
    objective = parse("vs+lct").build().bind(targets[training])
    model = objective.adapt(TwoTowers(), head="classifier", condition_at=place)
    optimizer = torch.optim.Adam(
        [{"params": model.parameters()}, *objective.param_groups()], lr=0.01
    )
    dataset = Samples(part(inputs, training), targets[training])
    loader = torch.utils.data.DataLoader(Indexed(dataset), batch_size=50, shuffle=True)

    def scores(network: nn.Module) -> np.ndarray:
        network.eval()
        with torch.no_grad():
            found = objective.score(network(part(inputs, later)))
        network.train()
        return found.numpy()

    truth = targets[later].numpy()
    for _ in range(8):
        for batch in loader:
            loss = objective(model, batch)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            objective.step()
        objective.end_epoch(auc(scores(model), truth))
    at_the_means = scores(model)
    assert auc(at_the_means, truth) > 0.9

    def measure(found: np.ndarray, given: np.ndarray) -> float:
        return -fpr_at_tpr(found, given, 0.9)

    choice = choose_condition(
        model, objective, part(inputs, later), targets[later], measure, tie_break=auc
    )
    assert choice.names == ("loss.gamma", "loss.tau")
    assert len(choice.values) == 25
    assert choice.head_only == (place is None)
    assert choice.center_value == pytest.approx(measure(at_the_means, truth))
    # λ changes what the network answers, and by more than a constant.
    for name in choice.names:
        assert len(choice.axes[choice.names.index(name)]) == 5
    assert len(set(choice.values)) > 1

    choice.apply(model)
    chosen = scores(model)
    assert measure(chosen, truth) == pytest.approx(choice.best_value)
    assert not np.allclose(chosen - chosen.mean(), at_the_means - at_the_means.mean())

    stored = json.dumps(choice.to_json())
    assert ConditionChoice.from_json(json.loads(stored)) == choice
    assert "Chosen: loss.gamma" in heatmap_chart(json.loads(stored), rate=True)

    def fresh() -> nn.Module:
        anew = parse("vs+lct").build()
        return anew.adapt(TwoTowers(), head="classifier", condition_at=place)

    torch.save(model.state_dict(), tmp_path / "model.pt")
    loaded = fresh()
    loaded.load_state_dict(torch.load(tmp_path / "model.pt", weights_only=True))
    assert np.array_equal(scores(loaded), chosen)

    save_weights(model, tmp_path / "model.safetensors")
    loaded = fresh()
    load_weights(loaded, tmp_path / "model.safetensors")
    assert np.array_equal(scores(loaded), chosen)


def test_the_control_trains_the_same_network_unchanged(
    problem: tuple[dict[str, Tensor], Tensor],
) -> None:
    inputs, targets = problem
    training = slice(0, BORDER)
    objective = parse("vs+lct-nofilm").build().bind(targets[training])
    model = TwoTowers()
    assert objective.adapt(model, head="classifier") is model
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    rows = torch.arange(BORDER)
    losses = []
    for _ in range(15):
        loss = objective(model, (part(inputs, training), targets[training], rows))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        objective.step()
        losses.append(loss.item())
    assert np.isfinite(losses).all()
    assert len(set(losses)) == 15
