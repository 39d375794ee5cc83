"""Two small problems, a table and images, and one way to train on them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch

from rarecall import Objective
from rarecall.comparison.learner import Outcome, Unit
from rarecall.comparison.networks import NetworkLearner
from rarecall.config import CompareConfig
from rarecall.data import ArrayDataset
from rarecall.methods import parse
from rarecall.metrics import SelectionMeasure, selection_measure
from rarecall.models import build_network
from rarecall.roles import Role
from rarecall.task import BINARY
from rarecall.training import EpochRecord, Fitted, Technique, TrainSettings, train

KINDS = ("table", "images")


def data(kind: str, rows: int = 240, positives: int = 24, seed: int = 0) -> ArrayDataset:
    """Rows whose class shows, with noise, in the numbers, the category or the picture."""
    generator = torch.Generator().manual_seed(seed)
    targets = (torch.randperm(rows, generator=generator) < positives).long()
    inputs: Any
    if kind == "table":
        numeric = torch.randn(rows, 4, generator=generator)
        numeric[:, 0] += 2.5 * targets
        numeric[:, 3] = (numeric[:, 3] + targets > 0.5).float()
        codes = torch.randint(1, 4, (rows, 1), generator=generator)
        inputs = {"numeric": numeric, "categorical": codes}
    else:
        pictures = torch.randint(0, 200, (rows, 1, 16, 16), generator=generator)
        pictures[:, :, 4:12, 4:12] += 25 * targets[:, None, None, None]
        inputs = pictures.to(torch.uint8)
    return ArrayDataset(inputs, targets, [str(row) for row in range(rows)])


def spec(kind: str) -> dict[str, Any]:
    if kind == "table":
        edges = [-2.0, -1.0, 0.0, 1.0, 2.0]
        return {"kind": "table", "n_numeric": 4, "bins": [edges] * 3 + [[]], "cardinalities": [4]}
    return {"kind": "images", "channels": 1, "size": [16, 16], "mean": [0.4], "std": [0.2]}


def network(kind: str, outputs: int = 1, seed: int = 0) -> torch.nn.Module:
    # Dropout and few channels: every source of randomness, at little cost.
    options = {"width": 16, "dropout": 0.2} if kind == "table" else {"widths": [4, 8]}
    return build_network(spec(kind), outputs=outputs, seed=seed, options=options)


def settings(**changes: Any) -> TrainSettings:
    plain: dict[str, Any] = {
        "steps": 12,
        "evaluate_every": 4,
        "batch_size": 32,
        "learning_rate": 3e-3,
        "warmup_steps": 2,
        "input_noise": 0.1,
        "threads": 1,
    }
    return TrainSettings(**(plain | changes))


PARAMETERS: dict[str, dict[str, Any]] = {
    "bce+alm": {"alm.penalty": 0.1, "alm.growth": 2.0},
    "bce+rankreg": {"rankreg.capacity": 8},
    "bce+replay": {"replay.capacity": 8},
    # Averages from the fourth of twelve steps on, so that evaluations see them.
    "bce+swa": {"swa.start": 0.3},
    "bce+sam+swa": {"swa.start": 0.3, "swa.kind": "ema", "swa.decay": 0.5},
}


def objective(method: str) -> Objective:
    return parse(method).build(PARAMETERS.get(method, {}))


def technique(method: str) -> Technique:
    return Technique.of(parse(method), PARAMETERS.get(method, {}))


def measure(tpr: float = 0.9) -> SelectionMeasure:
    return selection_measure(24, tpr)


def fit(
    kind: str,
    method: str = "bce",
    *,
    seed: int = 0,
    folder: Path | None = None,
    on_epoch: Callable[[EpochRecord], None] | None = None,
    should_stop: Callable[[], bool] = lambda: False,
    goal: Objective | None = None,
    net: torch.nn.Module | None = None,
    train_set: ArrayDataset | None = None,
    chosen_by: SelectionMeasure | None = None,
    **changes: Any,
) -> Fitted:
    goal = goal or objective(method)
    return train(
        net or network(kind, goal.outputs),
        goal,
        train_set or data(kind),
        data(kind, seed=1),
        settings=settings(**changes),
        measure=chosen_by or measure(),
        seed=seed,
        technique=technique(method),
        folder=folder,
        on_epoch=on_epoch,
        should_stop=should_stop,
    )


def learner(method: str, *, kind: str = "table", tune: int = 0, **config: Any) -> NetworkLearner:
    """A method as a comparison trains it, on this problem."""
    parameters = config.pop("parameters", PARAMETERS.get(method, {}))
    changes = {key: config[key] for key in ("learning_rate", "weight_decay") if key in config}
    options = {"width": 16, "dropout": 0.2} if kind == "table" else {"widths": [4, 8]}
    material: Any = SimpleNamespace(
        preprocessor=SimpleNamespace(spec=spec(kind)),
        encoded={role: data(kind, seed=number) for number, role in enumerate(Role)},
        measure=measure(),
        settings=settings(**changes),
        task=BINARY,
    )
    given: dict[str, Any] = {"data": "", "methods": (method,), "network_options": options}
    if parameters:
        given["parameters"] = {method: parameters}
    return NetworkLearner(method, material, CompareConfig(**given, tune=tune, **config))


def fit_learner(
    method: str,
    folder: Path,
    *,
    on_epoch: Callable[[EpochRecord], None] = lambda record: None,
    should_stop: Callable[[], bool] = lambda: False,
    seed: int = 0,
    **more: Any,
) -> Outcome:
    made = learner(method, **more)
    unit = Unit(made.name, "seed", 0, 1, seed, made.defaults)
    return made.fit(unit, folder, on_epoch, should_stop)


CLOCK = ("seconds", "seconds_left")


def numbers(fitted: Fitted | Outcome) -> list[dict[str, Any]]:
    """Everything that must not depend on interruptions: the records without the clock."""
    records = [r if isinstance(r, dict) else r.to_dict() for r in fitted.history]
    return [{name: r[name] for name in r if name not in CLOCK} for r in records]


def same_weights(one: torch.nn.Module, other: torch.nn.Module) -> bool:
    first, second = one.state_dict(), other.state_dict()
    return first.keys() == second.keys() and all(torch.equal(first[k], second[k]) for k in first)
