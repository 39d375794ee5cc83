"""A row's score has the same bits whatever other rows there are."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.utils import _pytree as pytree

from rarecall.delivery.scoring import portion_rows, scoring_network, steady_scores
from rarecall.losses import BCELoss
from rarecall.methods import parse
from rarecall.models import build_network
from rarecall.objective import Objective
from rarecall.task import Task
from rarecall.training import predict_scores

TEN = Task("multiclass", 10, (8, 9))


def table_spec(numbers, categories):
    return {
        "kind": "table",
        "n_numeric": numbers,
        "bins": [[-2.0, -1.0, 0.0, 1.0, 2.0]] * numbers,
        "cardinalities": [7] * categories,
    }


def image_spec(channels, height, width):
    return {
        "kind": "images",
        "channels": channels,
        "size": [height, width],
        "mean": [0.5] * channels,
        "std": [0.2] * channels,
    }


TABLE, IMAGES = table_spec(6, 1), image_spec(1, 13, 11)
CASES = {
    "narrow table": (TABLE, "bce", None, {"width": 16}),
    "wide table": (table_spec(31, 3), "vs", None, {"width": 100}),
    "cosines": (TABLE, "ldam", None, {}),
    "classes": (TABLE, "ce", TEN, {}),
    "conditioned": (TABLE, "vs+lct", None, {}),
    "images": (IMAGES, "bce", None, {"widths": [8, 16]}),
    "image classes": (image_spec(3, 9, 16), "ce", TEN, {"widths": [8, 12]}),
    "both": (
        {"kind": "images+table", "images": IMAGES, "table": TABLE},
        "bce",
        None,
        {"image": {"widths": [8, 16]}},
    ),
}


def inputs_of(spec, rows):
    if spec["kind"] == "table":
        return {
            "numeric": torch.randn(rows, spec["n_numeric"]),
            "categorical": torch.randint(0, 7, (rows, len(spec["cardinalities"]))),
        }
    if spec["kind"] == "images":
        shape = (rows, spec["channels"], *spec["size"])
        return torch.randint(0, 256, shape, dtype=torch.uint8)
    return {"image": inputs_of(spec["images"], rows), "table": inputs_of(spec["table"], rows)}


def taken(inputs, rows):
    return pytree.tree_map(
        lambda leaf: leaf[torch.as_tensor(np.asarray(rows, dtype=np.int64))], inputs
    )


@pytest.fixture(params=CASES, ids=list(CASES))
def case(request):
    torch.manual_seed(0)
    spec, method, task, options = CASES[request.param]
    objective = parse(method).build({})
    if task is not None:
        objective = objective.for_task(task)
    network = build_network(spec, outputs=objective.outputs, options=options)
    for part in network.modules():
        if isinstance(part, torch.nn.BatchNorm2d):
            part.running_mean.normal_()
            part.running_var.uniform_(0.5, 2.0)
    network = objective.adapt(network)
    rows = 1500 if spec["kind"] == "table" else 150
    return spec, objective, network, inputs_of(spec, rows), rows


def test_batches_order_and_threads_do_not_move_a_bit(case):
    spec, objective, network, inputs, rows = case
    ready, portion = scoring_network(network, spec), portion_rows(spec)

    def score(some):
        return steady_scores(ready, objective, some, portion=portion)

    whole = score(inputs)
    for size in (7, 1000):
        parts = [np.arange(start, min(start + size, rows)) for start in range(0, rows, size)]
        np.testing.assert_array_equal(
            np.concatenate([score(taken(inputs, p)) for p in parts]), whole
        )
    for row in range(12):
        np.testing.assert_array_equal(score(taken(inputs, [row])), whole[[row]])
    order = np.random.default_rng(1).permutation(rows)
    np.testing.assert_array_equal(score(taken(inputs, order)), whole[order])
    torch.set_num_threads(2)
    np.testing.assert_array_equal(score(inputs), whole)


def test_the_scores_are_those_of_training_to_rounding(case):
    spec, objective, network, inputs, _ = case
    steady = steady_scores(
        scoring_network(network, spec), objective, inputs, portion=portion_rows(spec)
    )
    plain = predict_scores(network, objective, inputs)
    np.testing.assert_allclose(steady, plain, rtol=1e-4, atol=1e-5)


def test_the_network_of_the_training_is_left_as_it_is():
    network = torch.nn.Linear(2, 1).train()
    scoring_network(network, {"kind": "table"})
    assert network.training
    assert network.weight.dtype == torch.float32


def test_where_the_pixels_lie_in_memory_does_not_matter():
    torch.manual_seed(0)
    network = scoring_network(build_network(IMAGES, options={"widths": [4, 8]}), IMAGES)
    images = inputs_of(IMAGES, 40)
    objective = Objective(BCELoss())
    whole = steady_scores(network, objective, images, portion=32)
    last = images.contiguous(memory_format=torch.channels_last)
    apart = torch.zeros(80, 1, 13, 11, dtype=torch.uint8)[::2].copy_(images)
    for other in (last, apart, images.as_strided(images.shape, (143, 1, 11, 1))):
        assert torch.equal(other, images)
        np.testing.assert_array_equal(steady_scores(network, objective, other, portion=32), whole)


class _Noisy(torch.nn.Module):
    """Answers with a number right between two float32 ones, and noise by the place of the row."""

    def __init__(self):
        super().__init__()
        self.calls = 0

    def forward(self, rows):
        self.calls += 1
        middle = (1.0 + np.nextafter(np.float32(1), np.float32(2)).astype(float)) / 2
        noise = torch.tensor([(-1.0) ** k for k in range(len(rows))], dtype=torch.float64) * 1e-16
        return torch.where(rows[:, 0] > 0, middle + 2 * noise, 3.0 + noise)


def test_a_score_between_two_numbers_is_settled_alone():
    network = _Noisy()
    rows = torch.tensor([[1.0], [1.0], [0.0], [0.0]], dtype=torch.float64)
    scores = steady_scores(network, Objective(BCELoss()), rows, portion=4)
    assert scores[0] == scores[1]
    assert scores[2] == scores[3] == 3.0
    assert network.calls == 3  # once for all, and once for each of the two


def test_no_row_is_fine(case):
    spec, objective, network, inputs, _ = case
    none = steady_scores(
        scoring_network(network, spec), objective, taken(inputs, []), portion=portion_rows(spec)
    )
    assert len(none) == 0


@pytest.mark.parametrize("size", [1, 8, 64, 300, 16_000])
def test_large_images_come_fewer_at_once(size):
    rows = portion_rows({"kind": "images", "size": [size, size]})
    assert 1 <= rows <= 32
    assert rows * size * size <= max(2**18, size * size)
