"""Scores averaged over augmented copies of every row."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from rarecall.errors import ConfigurationError
from rarecall.losses import BCELoss, CrossEntropyLoss
from rarecall.models import build_network
from rarecall.objective import Objective
from rarecall.task import Task
from rarecall.training.scoring import predict_scores, view_scores

OBJECTIVE = Objective(BCELoss())
SPEC = {"kind": "images", "channels": 3, "size": [16, 12], "mean": [0.5] * 3, "std": [0.2] * 3}


def pictures(rows: int = 40) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randint(256, (rows, 3, 16, 12), generator=generator, dtype=torch.uint8)


def network(outputs: int = 1) -> torch.nn.Module:
    return build_network(SPEC, outputs=outputs, options={"widths": [4, 8]}, seed=3)


def test_two_flipped_views_are_exactly_the_rows_and_their_mirror_images() -> None:
    model, images = network(), pictures()
    plain = predict_scores(model, OBJECTIVE, images)
    mirror = predict_scores(model, OBJECTIVE, images.flip(-1))
    for seed in (0, 7):
        both = view_scores(model, OBJECTIVE, images, augment="flip", views=2, seed=seed)
        assert np.allclose(both, (plain + mirror) / 2, rtol=0, atol=1e-12)
    thrice = view_scores(model, OBJECTIVE, images, augment="flip", views=3)
    assert np.allclose(thrice, (2 * plain + mirror) / 3, rtol=0, atol=1e-12)
    alone = view_scores(model, OBJECTIVE, images, augment="flip", views=1)
    assert np.array_equal(alone, plain)


def test_four_views_of_both_flips_are_all_four_mirror_images() -> None:
    model, images = network(), pictures()
    turned = [images, images.flip(-1), images.flip(-2), images.flip(-2, -1)]
    mean = np.mean([predict_scores(model, OBJECTIVE, one) for one in turned], axis=0)
    found = view_scores(model, OBJECTIVE, images, augment="flips", views=4)
    assert np.allclose(found, mean, rtol=0, atol=1e-12)


def test_no_augmentation_gives_the_plain_scores_whatever_the_views() -> None:
    model, images = network(), pictures()
    found = view_scores(model, OBJECTIVE, images, augment="none", views=30)
    assert np.array_equal(found, predict_scores(model, OBJECTIVE, images))


def test_drawn_views_follow_the_seed_alone_and_leave_the_random_state() -> None:
    model, images = network(), pictures()

    def drawn(seed: int, views: int = 3) -> np.ndarray:
        return view_scores(
            model, OBJECTIVE, images, augment="rotate:30+flip", views=views, seed=seed
        )

    torch.manual_seed(1)
    first, after = drawn(5), torch.rand(1)
    torch.manual_seed(2)
    again = drawn(5)
    torch.manual_seed(1)
    assert torch.equal(torch.rand(1), after)
    assert np.array_equal(first, again)
    assert not np.allclose(first, drawn(6))
    assert not np.allclose(first, predict_scores(model, OBJECTIVE, images))
    # Every view is another draw: their mean moves with their number.
    assert not np.allclose(first, drawn(5, views=1))


def test_many_drawn_views_come_to_the_mean_over_the_draws() -> None:
    model, images = network(), pictures()
    means = [
        view_scores(model, OBJECTIVE, images, augment="translate:0.2", views=60, seed=seed)
        for seed in (0, 1)
    ]
    one = view_scores(model, OBJECTIVE, images, augment="translate:0.2", views=1, seed=2)
    assert np.abs(means[0] - means[1]).mean() < np.abs(means[0] - one).mean() / 2


def test_several_classes_keep_their_columns() -> None:
    objective = Objective(CrossEntropyLoss()).for_task(Task("multiclass", 4, (3,)))
    model, images = network(outputs=4), pictures()
    found = view_scores(model, objective, images, augment="flip", views=2)
    assert found.shape == (len(images), 4)
    mirror = predict_scores(model, objective, images.flip(-1))
    plain = predict_scores(model, objective, images)
    assert np.allclose(found, (plain + mirror) / 2, rtol=0, atol=1e-12)


class Sum(torch.nn.Module):
    """The first column of what it gets, so that a mirror image shows."""

    def forward(self, inputs: Any) -> torch.Tensor:
        parts = list(inputs.values()) if isinstance(inputs, dict) else [inputs]
        return sum(part[..., 0].reshape(len(part), -1).float().sum(dim=1) for part in parts)


def test_a_table_beside_images_is_not_mirrored() -> None:
    images = torch.tensor([[[[1, 5]]], [[[2, 8]]]], dtype=torch.uint8)
    inputs = {"image": images, "table": torch.tensor([[10.0, 99.0], [20.0, 99.0]])}
    found = view_scores(Sum(), OBJECTIVE, inputs, augment="flip", views=2)
    assert found.tolist() == [13.0, 25.0]


def test_all_volumes_of_a_study_are_mirrored_together() -> None:
    volumes = {name: torch.rand(4, 1, 2, 3, 5) for name in ("diffusion", "t2")}
    mirrored = {name: part.flip(-1) for name, part in volumes.items()}
    found = view_scores(Sum(), OBJECTIVE, volumes, augment="flip", views=2)
    both = [predict_scores(Sum(), OBJECTIVE, one) for one in (volumes, mirrored)]
    assert np.allclose(found, np.mean(both, axis=0))


@pytest.mark.parametrize("views", [0, -1, True, 2.0])
def test_a_number_of_views_that_is_none_is_refused(views: Any) -> None:
    with pytest.raises(ConfigurationError, match="views must be a whole number"):
        view_scores(network(), OBJECTIVE, pictures(2), augment="flip", views=views)


def test_an_unknown_augmentation_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="Did you mean 'rotate'"):
        view_scores(network(), OBJECTIVE, pictures(2), augment="rotat", views=2)
