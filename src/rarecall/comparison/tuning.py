"""Hyper-parameter search: the same number of trials for every method, the defaults first.

What a trial tries is a pure function of the seed, its number and the results of the trials before
it: each proposal comes from a fresh sampler that is told of the earlier trials. So a resumed search
goes on exactly as an undisturbed one, with nothing to save but the results.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rarecall.methods import Method
    from rarecall.training import TrainSettings

__all__ = ["Choice", "LogRange", "Space", "best_trial", "network_space", "propose"]

_RANDOM_TRIALS = 8


@dataclass(frozen=True)
class LogRange:
    """A positive number, searched on a logarithmic scale in [low, high]."""

    low: float
    high: float


@dataclass(frozen=True)
class Choice:
    """One of several values."""

    values: tuple[Any, ...]


Space = dict[str, "Choice | LogRange"]


def network_space(
    method: Method,
    settings: TrainSettings,
    *,
    fixed: Mapping[str, Any],
) -> tuple[Space, dict[str, Any]]:
    """Say what is searched for a network method, and its defaults.

    Learning rate, weight decay and the method's own parameters; what the user fixed is not
    searched.

    Args:
        method: Says which of its parameters have a search range.
        settings: Hold the default learning rate and weight decay.
        fixed: Values the user gave, by name, as ``learning_rate`` or ``alm.margin``.

    Returns:
        The space, and the default of every name in it.
    """
    rate, decay = settings.learning_rate, settings.weight_decay
    space: Space = {"learning_rate": LogRange(rate / 10, rate * 10)}
    space["weight_decay"] = (
        LogRange(decay / 100, decay * 100) if decay > 0 else Choice((0.0, 1e-5, 1e-4, 1e-3, 1e-2))
    )
    defaults: dict[str, Any] = {"learning_rate": rate, "weight_decay": decay}
    for name, parameter in method.parameters.items():
        if parameter.search:
            choices = tuple(parameter.search)
            if parameter.default not in choices:
                choices = (parameter.default, *choices)
            space[name] = Choice(choices)
            defaults[name] = parameter.default
    for name in fixed:
        space.pop(name, None)
        defaults.pop(name, None)
    return space, defaults


def propose(
    space: Space,
    defaults: Mapping[str, Any],
    earlier: Sequence[tuple[Mapping[str, Any], float | None]],
    *,
    seed: int,
    name: str,
) -> dict[str, Any]:
    """Choose the parameters of the next trial; the first trial is the defaults.

    Args:
        space: What is searched.
        defaults: A value for every name of the space.
        earlier: Parameters and value (higher is better, None for a failed training) of every
            trial before this one, in order.
        seed: Of the run.
        name: Of the method; methods draw independently.

    >>> space = {"rate": LogRange(0.01, 1.0)}
    >>> propose(space, {"rate": 0.1}, [], seed=0, name="bce")
    {'rate': 0.1}
    >>> first = propose(space, {"rate": 0.1}, [({"rate": 0.1}, 0.5)], seed=0, name="bce")
    >>> first == propose(space, {"rate": 0.1}, [({"rate": 0.1}, 0.5)], seed=0, name="bce")
    True
    """
    number = len(earlier)
    if number == 0 or not space:
        return dict(defaults)
    import optuna
    from optuna.distributions import (
        BaseDistribution,
        CategoricalDistribution,
        FloatDistribution,
    )
    from optuna.trial import TrialState, create_trial

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    distributions: dict[str, BaseDistribution] = {
        key: FloatDistribution(item.low, item.high, log=True)
        if isinstance(item, LogRange)
        else CategoricalDistribution(item.values)
        for key, item in space.items()
    }
    draw = np.random.SeedSequence([seed, zlib.crc32(name.encode()), number])
    sampler = optuna.samplers.TPESampler(
        seed=int(draw.generate_state(1)[0]), n_startup_trials=_RANDOM_TRIALS
    )
    study = optuna.create_study(direction="maximize", sampler=sampler)
    for parameters, value in earlier:
        study.add_trial(
            create_trial(
                state=TrialState.FAIL if value is None else TrialState.COMPLETE,
                params=dict(parameters),
                distributions=distributions,
                value=value,
            )
        )
    return dict(study.ask(distributions).params)


def best_trial(trials: Sequence[tuple[Mapping[str, Any], float | None]]) -> int | None:
    """Find the best trial, the earliest of equals; None when every one failed.

    >>> best_trial([({}, 0.2), ({}, None), ({}, 0.7), ({}, 0.7)])
    2
    """
    values = [-np.inf if value is None else value for _, value in trials]
    if not values or max(values) == -np.inf:
        return None
    return int(np.argmax(values))
