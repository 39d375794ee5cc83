"""Images with patient data: how logits are mixed, and that both halves of the signal are used."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from rarecall import BCELoss, Objective, RankRegularizer
from rarecall.data import ArrayDataset
from rarecall.errors import ConfigurationError, RunError
from rarecall.metrics import auc, selection_measure
from rarecall.models import (
    MetadataFusion,
    build_network,
    load_weights,
    network_names,
    save_weights,
)
from rarecall.models.surgery import find_layer
from rarecall.training import TrainSettings, predict_scores, train

EDGES = [-2.0, -1.0, 0.0, 1.0, 2.0]
IMAGES: dict[str, Any] = {
    "kind": "images",
    "channels": 1,
    "size": [8, 8],
    "mean": [0.4],
    "std": [0.2],
}
TABLE: dict[str, Any] = {
    "kind": "table",
    "n_numeric": 2,
    "bins": [EDGES, EDGES],
    "cardinalities": [3],
}
SPEC = {"kind": "images+table", "images": IMAGES, "table": TABLE}
SMALL = {"image": {"widths": [4, 8]}, "table": {"widths": [16, 8]}}


def data(seed: int, rows: int = 900) -> ArrayDataset:
    """One critical row in six; its image and its numbers are each shifted by about one sd."""
    generator = torch.Generator().manual_seed(seed)
    targets = (torch.randperm(rows, generator=generator) < rows // 6).long()
    brightness = 100 + 16 * (torch.randn(rows, generator=generator) + 1.3 * targets)
    noise = 20 * torch.randn(rows, 1, 8, 8, generator=generator)
    pictures = (brightness[:, None, None, None] + noise).clamp(0, 255).to(torch.uint8)
    numeric = torch.randn(rows, 2, generator=generator)
    numeric[:, 1] += 1.3 * targets
    codes = torch.randint(1, 3, (rows, 1), generator=generator)
    inputs = {"image": pictures, "table": {"numeric": numeric, "categorical": codes}}
    return ArrayDataset(inputs, targets, [str(row) for row in range(rows)])


def network(kind: str, outputs: int = 1, seed: int = 0) -> nn.Module:
    """Build the fusion, or one of its halves reading the same inputs."""
    fusion = build_network(SPEC, outputs=outputs, seed=seed, options=SMALL)
    assert isinstance(fusion, MetadataFusion)
    if kind != "fusion":
        fusion.mix.fill_(float(kind == "image"))
    return fusion


def test_logits_are_mixed_by_the_share_of_the_image() -> None:
    fusion = build_network(SPEC, outputs=3, options={"mix": 0.3, **SMALL}).eval()
    inputs = data(0, 12).inputs
    image = fusion.image_network(inputs["image"])
    table = fusion.table_network(inputs["table"])
    torch.testing.assert_close(fusion(inputs), 0.3 * image + 0.7 * table)
    assert fusion(inputs).shape == (12, 3)


def test_the_default_is_the_papers_half_and_half_and_its_two_layers() -> None:
    fusion = build_network(SPEC)
    assert fusion.mix == 0.5
    layers = [layer for layer in fusion.table_network.modules() if isinstance(layer, nn.Linear)]
    assert [layer.out_features for layer in layers] == [256, 128, 1]
    assert fusion(data(0, 12).inputs).shape == (12,)
    assert network_names("images+table") == network_names("images")


def test_any_two_networks_can_be_fused_and_their_inputs_may_be_nested() -> None:
    class Pair(nn.Module):
        def forward(self, inputs: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
            return inputs[0] * inputs[1]

    fusion = MetadataFusion(Pair(), nn.Flatten(0), mix=0.5)
    inputs = {"image": (torch.tensor([2.0]), torch.tensor([3.0])), "table": torch.tensor([4.0])}
    assert fusion(inputs).tolist() == [5.0]


def test_the_mix_is_stored_with_the_weights(tmp_path: Path) -> None:
    fusion = build_network(SPEC, options={"mix": 0.9, **SMALL}).eval()
    save_weights(fusion, tmp_path / "weights.safetensors")
    other = build_network(SPEC, seed=1, options=SMALL).eval()
    load_weights(other, tmp_path / "weights.safetensors")
    inputs = data(0, 12).inputs
    assert torch.equal(other(inputs), fusion(inputs))
    with pytest.raises(RunError, match="another network"):
        load_weights(build_network(IMAGES), tmp_path / "weights.safetensors")


def test_the_same_seed_gives_the_same_fusion_and_leaves_the_random_state_alone() -> None:
    before = torch.get_rng_state()
    one, two, three = (network("fusion", seed=seed).state_dict() for seed in (3, 3, 4))
    assert torch.equal(before, torch.get_rng_state())
    assert all(torch.equal(one[key], two[key]) for key in one)
    assert not all(torch.equal(one[key], three[key]) for key in one)


def test_the_head_of_a_fusion_is_the_image_networks() -> None:
    fusion = network("fusion")
    _, _, layer = find_layer(fusion, None)
    assert layer is fusion.image_network.fc
    _, _, layer = find_layer(fusion, "table_network.fc")
    assert layer is fusion.table_network.fc


def test_a_loss_with_a_head_of_its_own_adapts_both_networks() -> None:
    class Cosines(BCELoss):
        def adapt(self, model: nn.Module, head: str | None) -> nn.Module:
            parent, attribute, layer = find_layer(model, head)
            setattr(parent, attribute, nn.Sequential(nn.LayerNorm(layer.in_features), layer))
            return model

    objective = Objective(Cosines()).bind([0, 1])
    fusion = network("fusion").adapt_each(objective.adapt)
    for part in (fusion.image_network, fusion.table_network):
        assert isinstance(part.fc[0], nn.LayerNorm)
    assert fusion(data(0, 12).inputs).shape == (12,)


def test_a_conditioned_fusion_is_modulated_at_the_image_networks_head() -> None:
    from rarecall.conditioning import ConditionedModel, LinearDensity

    fusion = network("fusion")
    model = ConditionedModel(fusion, {"loss.focus": LinearDensity(0.0, 3.0)}).eval()
    inputs = data(0, 12).inputs
    with torch.no_grad():
        for parameter in model.film.parameters():
            parameter.add_(0.1)
        low, high = (model(inputs, torch.tensor([value])) for value in (0.0, 3.0))
        table = fusion.table_network(inputs["table"])
    assert not torch.allclose(low, high)
    assert model.film.channels == fusion.image_network.fc.in_features
    assert low.shape == table.shape


# What is refused ----------------------------------------------------------------------------------


@pytest.mark.parametrize("mix", [-0.1, 1.1, float("nan")])
def test_a_share_outside_0_to_1_is_refused(mix: float) -> None:
    with pytest.raises(ValueError, match=r"in \[0, 1\]"):
        MetadataFusion(nn.Identity(), nn.Identity(), mix)
    with pytest.raises(ConfigurationError, match=r"in \[0, 1\]"):
        build_network(SPEC, options={"mix": mix})


def test_a_missing_part_is_named() -> None:
    with pytest.raises(ValueError, match=r"\['table'\] is missing"):
        network("fusion")({"image": data(0, 12).inputs["image"]})


def test_logits_of_different_shapes_are_never_broadcast() -> None:
    fusion = MetadataFusion(nn.Identity(), nn.Identity())
    with pytest.raises(ValueError, match=r"got \(4,\) for the images and \(4, 1\)"):
        fusion({"image": torch.zeros(4), "table": torch.zeros(4, 1)})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"images": {}}, r"no option 'images'.*Did you mean 'image'"),
        ({"image": {"wdths": [4]}}, r"no option 'wdths'.*Did you mean 'widths'"),
        ({"table": {"depth": 2}}, "cannot be made"),
        ({"image": 4}, "holds options itself.*got 4"),
        ({"table": {"widths": []}}, "widths is empty"),
    ],
)
def test_unknown_options_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        build_network(SPEC, options=options)


# Training -----------------------------------------------------------------------------------------


def test_a_fusion_beats_either_half_in_a_plain_loop() -> None:
    train_set, test_set = data(0), data(1, 1800)
    areas = {}
    for kind in ("fusion", "image", "table"):
        model = network(kind)
        objective = Objective(BCELoss(), RankRegularizer(capacity=4)).bind(train_set.targets)
        optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
        generator = torch.Generator().manual_seed(2)
        torch.manual_seed(3)
        for _ in range(100):
            rows = torch.randperm(len(train_set), generator=generator)[:64]
            loss = objective(model, train_set.gather(rows))  # replays rows of both parts
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            objective.step()
        scores = predict_scores(model, objective, test_set.inputs)
        areas[kind] = auc(scores, test_set.targets.numpy())
    assert areas["fusion"] > max(areas["image"], areas["table"]) + 0.03
    assert min(areas.values()) > 0.7


def test_a_fusion_beats_either_half_through_the_trainer() -> None:
    train_set, validation_set, test_set = data(0), data(4, 400), data(1, 1800)
    settings = TrainSettings(
        steps=100, evaluate_every=50, batch_size=64, learning_rate=5e-3, threads=1, augment="none"
    )
    areas = {}
    for kind in ("fusion", "image", "table"):
        objective = Objective(BCELoss())
        fitted = train(
            network(kind),
            objective,
            train_set,
            validation_set,
            settings=settings,
            measure=selection_measure(66, 0.9),
            seed=0,
        )
        scores = predict_scores(fitted.network, objective, test_set.inputs)
        assert np.isfinite(scores).all()
        areas[kind] = auc(scores, test_set.targets.numpy())
    assert areas["fusion"] > max(areas["image"], areas["table"]) + 0.03
    assert min(areas.values()) > 0.7
