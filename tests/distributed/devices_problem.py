"""Trainings in float64, of networks whose rows see each other through a batch or not at all."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils import _pytree as pytree

from rarecall.data import ArrayDataset
from rarecall.methods import parse
from rarecall.models import build_network
from rarecall.training import EpochRecord, Fitted, Technique, train

sys.path.insert(0, str(Path(__file__).parents[1]))
from training import problem

TABLE = {"width": 16, "dropout": 0.0}
PICTURES = {"widths": [4, 8]}
PARAMETERS: dict[str, dict[str, Any]] = {
    **problem.PARAMETERS,
    "auc-margin+pesg": {"pesg.learning_rate": 0.05, "pesg.stages": 2},
}


def exact(data: ArrayDataset) -> ArrayDataset:
    """Give the same rows in float64."""

    def wide(leaf: Tensor) -> Tensor:
        return leaf.double() if leaf.is_floating_point() else leaf

    return ArrayDataset(pytree.tree_map(wide, data.inputs), data.targets, data.ids)


SETS = {
    kind: (exact(problem.data(kind)), exact(problem.data(kind, seed=1))) for kind in problem.KINDS
}


def fit(
    devices: int,
    method: str = "bce",
    kind: str = "table",
    *,
    folder: Path | None = None,
    on_epoch: Callable[[EpochRecord], None] | None = None,
    should_stop: Callable[[], bool] = lambda: False,
    changed: Callable[[nn.Module], nn.Module] = lambda network: network,
    sets: tuple[ArrayDataset, ArrayDataset] | None = None,
    **changes: Any,
) -> Fitted:
    parameters = PARAMETERS.get(method, {})
    goal = parse(method).build(parameters)
    network = build_network(
        problem.spec(kind),
        outputs=goal.outputs,
        seed=0,
        options=TABLE if kind == "table" else PICTURES,
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = goal.adapt(network)
    return train(
        changed(network.double()),
        goal,
        *(sets or SETS[kind]),
        settings=problem.settings(**changes),
        measure=problem.measure(),
        seed=3,
        technique=Technique.of(parse(method), parameters),
        folder=folder,
        on_epoch=on_epoch,
        should_stop=should_stop,
        devices=devices,
    )


def furthest(first: Fitted, second: Fitted) -> float:
    """Largest difference of any number in two networks."""
    ours, theirs = first.network.state_dict(), second.network.state_dict()
    assert ours.keys() == theirs.keys()
    return max(
        float((ours[name].double() - theirs[name].double()).abs().max())
        for name in ours
        if ours[name].numel()
    )


class Ends(nn.Module):
    """Ends, sleeps or fails in a helper's third step, as a fault of the machine would."""

    def __init__(self, network: nn.Module, how: str) -> None:
        super().__init__()
        self.network, self.how, self.steps = network, how, 0

    def forward(self, *inputs: Any) -> Tensor:
        import os
        import signal
        import time

        import torch.distributed as dist

        self.steps += self.training
        if self.steps == 3 and dist.is_initialized() and dist.get_rank() == 1:
            if self.how == "fails":
                raise ValueError("the third step went wrong")
            if self.how == "killed":
                os.kill(os.getpid(), signal.SIGKILL)
            time.sleep(600)
        logits: Tensor = self.network(*inputs)
        return logits
