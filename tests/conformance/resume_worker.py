"""Loads every case's state in a process of its own, trains on, and saves the result."""

from __future__ import annotations

import sys
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parents[1]))
from conformance.problem import CASES, COMBINED

if __name__ == "__main__":
    folder = Path(sys.argv[1])
    torch.set_num_threads(1)
    for number, case in enumerate(CASES + COMBINED):
        model, objective = case.model(), case.objective()
        state = torch.load(folder / f"{number}.pt", weights_only=True)
        model.load_state_dict(state["model"])
        objective.load_state_dict(state["objective"])
        case.train(model, objective, range(6, 12))
        torch.save(
            {"model": model.state_dict(), "objective": objective.state_dict()},
            folder / f"{number}-resumed.pt",
        )
