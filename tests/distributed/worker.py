"""One of several processes that train every case of the battery together, on uneven batches."""

from __future__ import annotations

import os
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.nn.parallel import DistributedDataParallel

from rarecall import TrainStep

sys.path.insert(0, str(Path(__file__).parents[1]))
from conformance.problem import CASES, COMBINED, Case, flat, same

__all__ = ["SHARES", "Case", "flat", "same", "trained", "ways"]

STEPS = 4
SHARES = {1: (8,), 2: (5, 3), 3: (4, 1, 3)}
"""Rows of the joint batch that each of so many processes gets."""

WRAPPED = [
    (Case(name), how)
    for name in ("bce+alm+rankreg", "auc-margin", "vs+lct")
    for how in ("step", "fsdp")
]
"""Trained once more with model and objective as one module."""


def ways(count: int) -> list[tuple[Case, str]]:
    """List what so many processes train, and how.

    Every loss with every term in two; in three, where one may have no positive, every loss and
    every term: a term sees the scores of a loss, and those are joined without looking at either.
    """
    cases = CASES + COMBINED if count == 2 else CASES
    return [(case, "model") for case in cases] + WRAPPED


def whole(tensor: torch.Tensor) -> torch.Tensor:
    """Put together what is spread over processes."""
    return tensor.full_tensor() if hasattr(tensor, "full_tensor") else tensor


def trained(case: Case, count: int, rank: int, how: str = "model") -> dict[str, Any]:
    """Train a case and tell every loss, every gradient, and the state at the end."""
    model, objective = case.model(), case.objective()
    start = sum(SHARES[count][:rank])
    own = slice(start, start + SHARES[count][rank])
    if count == 1 or how == "fsdp":
        step_of: Any = TrainStep(model, objective)
        if count > 1:
            # Every process computes the whole loss: the objective's own need no averaging.
            own_ones = set(objective.parameters())
            fully_shard(step_of, mesh=init_device_mesh("cpu", (count,)), ignored_params=own_ones)
    elif how == "step":
        step_of = DistributedDataParallel(TrainStep(model, objective))
    else:
        step_of = TrainStep(DistributedDataParallel(model), objective)
    parameters = [*model.parameters(), *objective.parameters()]
    optimizer = torch.optim.SGD(parameters, lr=0.05)
    losses, gradients = [], []
    for step in range(STEPS):
        inputs, targets, index = case.batch_of_step(step)
        rows = torch.utils._pytree.tree_map(lambda leaf: leaf[own], inputs)
        loss = step_of((rows, targets[own], index[own]))
        optimizer.zero_grad()
        loss.backward()
        losses.append(float(loss.detach()))
        gradients += [whole(parameter.grad).clone() for parameter in parameters]
        optimizer.step()
        objective.step()
        if step % 3 == 2:
            objective.end_epoch(0.8)
    states = {"model": model.state_dict(), "objective": objective.state_dict()}
    return {
        "losses": losses,
        "gradients": gradients,
        **torch.utils._pytree.tree_map_only(torch.Tensor, whole, states),
    }


if __name__ == "__main__":
    folder, count, rank = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    torch.set_num_threads(1)
    dist.init_process_group(
        "gloo", f"file://{folder}/meeting", timedelta(seconds=120), rank=rank, world_size=count
    )
    found = [trained(case, count, rank, how) for case, how in ways(count)]
    torch.save(found, folder / f"{rank}.pt")
    dist.destroy_process_group()
    # Of torch's own accord, DDP on gloo now and then aborts in what would follow.
    os._exit(0)
