"""A user's own module, unknown to the library, in a plain loop with a method that changes it."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from rarecall.methods import parse
from rarecall.models.cosine import CosineHead


class Encoder(nn.Module):
    """A body, a last layer by a name of its own, and another linear layer after it."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 8), nn.ReLU())
        self.classifier = nn.Linear(8, 1000)
        self.decoder = nn.Linear(8, 4)  # of an earlier training; never forwarded

    def forward(self, inputs: Tensor) -> Tensor:
        logits: Tensor = self.classifier(self.body(inputs))
        return logits


def test_ldam_with_a_rank_regularizer_trains_a_module_of_the_users_own() -> None:
    torch.manual_seed(0)
    targets = torch.zeros(200, dtype=torch.int64)
    targets[:10] = 1
    inputs = torch.randn(200, 4) + 1.5 * targets[:, None]

    objective = parse("ldam+rankreg").build({"rankreg.capacity": 8}).bind(targets, seed=0)
    model = objective.adapt(Encoder(), head="classifier")
    assert isinstance(model.classifier, CosineHead)
    assert isinstance(model.decoder, nn.Linear)
    assert model.classifier.out_features == objective.outputs == 2

    optimizer = torch.optim.SGD(
        [{"params": model.parameters()}, *objective.param_groups()], lr=0.05, momentum=0.9
    )

    def whole() -> tuple[float, Tensor]:
        objective.eval()
        with torch.no_grad():
            logits = model(inputs)
            value = float(objective.loss(logits, targets).mean())
        objective.train()
        return value, objective.score(logits)

    before, _ = whole()
    for epoch in range(10):
        order = torch.randperm(200, generator=torch.Generator().manual_seed(epoch))
        for rows in order.split(40):
            loss = objective(model, (inputs[rows], targets[rows], rows))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            objective.step()
        objective.end_epoch(0.5)
    after, scores = whole()

    assert after < 0.5 * before
    positives, negatives = scores[targets == 1], scores[targets == 0]
    auc = (positives[:, None] > negatives[None, :]).double().mean()
    assert auc > 0.9
