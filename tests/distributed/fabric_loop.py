"""One of two processes that Lightning Fabric connects, in a plain loop."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path
from typing import Any

import torch

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from lightning_fabric import Fabric
    from lightning_fabric.strategies import DDPStrategy

sys.path.insert(0, str(Path(__file__).parents[1]))
from conformance.problem import Case

STEPS = 5
METHODS = ("bce+alm+rankreg", "auc-margin", "vs+lct")


def trained(name: str, fabric: Fabric, *, plain: bool = False) -> dict[str, Any]:
    """Train a case and tell its losses and the state at the end."""
    case = Case(name)
    network, objective = case.model(), case.objective()
    parameters = [{"params": network.parameters()}, *objective.param_groups()]
    model: Any = network
    optimizer: Any = torch.optim.SGD(parameters, lr=0.05)
    if not plain:
        model, optimizer = fabric.setup(network, optimizer)
    losses = []
    for step in range(STEPS):
        batch = case.batch_of_step(step)
        rows = slice(fabric.global_rank, None, fabric.world_size)
        part = torch.utils._pytree.tree_map(lambda leaf, rows=rows: leaf[rows], tuple(batch))
        loss = objective(model, part)
        optimizer.zero_grad()
        fabric.backward(loss)
        optimizer.step()
        objective.step()
        losses.append(float(loss.detach()))
    return {"losses": losses, "model": network.state_dict(), "objective": objective.state_dict()}


def connected(processes: int) -> Fabric:
    """Make the Fabric; a launcher's variables say who this is."""
    if processes == 1:
        return Fabric(accelerator="cpu", devices=1)
    strategy = DDPStrategy(process_group_backend="gloo")
    return Fabric(accelerator="cpu", devices=processes, strategy=strategy)


if __name__ == "__main__":
    torch.set_num_threads(1)
    fabric = connected(2)
    fabric.launch()
    found = {name: trained(name, fabric) for name in METHODS}
    torch.save(found, Path(sys.argv[1]) / f"{fabric.global_rank}.pt")
    fabric.barrier()
    torch.distributed.destroy_process_group()
