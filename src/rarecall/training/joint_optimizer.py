"""One optimiser for several trainings: their groups joined, their states stacked and parted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rarecall.training.run import Run


def joint_optimizer(runs: Sequence[Run], parameters: Mapping[str, Tensor]) -> torch.optim.Optimizer:
    """Make one optimiser with the groups and the states of the members' own ones.

    Which weights decay was decided by the members' own tensors; parameters of objectives with
    the same options share a group.

    Args:
        runs: Their optimisers have counted the same steps.
        parameters: The networks' parameters by name, along a new leading axis.
    """
    groups: list[dict[str, Any]] = []
    own: list[dict[str, Any]] = []
    for number, run in enumerate(runs):
        names = {id(p): name for name, p in run.network.named_parameters()}
        for group in run.stepper.optimizer.param_groups:
            options = {key: value for key, value in group.items() if key != "params"}
            if id(group["params"][0]) not in names:
                _add(own, options, group["params"])
            elif number == 0:
                joined = [parameters[names[id(p)]] for p in group["params"]]
                groups.append(options | {"params": joined})
    first = runs[0].stepper.optimizer
    kind: Any = type(first)
    optimizer: torch.optim.Optimizer = kind([*groups, *own], lr=first.defaults["lr"])
    state: dict[Tensor, Any] = optimizer.state
    for name, stacked in parameters.items():
        states = [_state(run)[dict(run.network.named_parameters())[name]] for run in runs]
        if states[0]:
            state[stacked] = {key: _whole(key, [one[key] for one in states]) for key in states[0]}
    for run in runs:
        for parameter in run.objective.parameters():
            if _state(run)[parameter]:
                state[parameter] = _state(run)[parameter]
    return optimizer


def part_state(
    optimizer: torch.optim.Optimizer, parameters: Mapping[str, Tensor], run: Run, number: int
) -> None:
    """Give a member's own optimiser its part of the state, as views.

    Args:
        optimizer: Of all members.
        parameters: As :func:`joint_optimizer` was given.
        run: The member.
        number: Its place along the leading axis.
    """
    joint: dict[Tensor, Any] = optimizer.state
    own = _state(run)
    for name, parameter in run.network.named_parameters():
        if parameters[name] in joint:
            entries = joint[parameters[name]]
            own[parameter] = {key: _part(key, value, number) for key, value in entries.items()}
    for parameter in run.objective.parameters():
        if parameter in joint:
            own[parameter] = joint[parameter]


def own_state(run: Run) -> None:
    """Let a member's optimiser share no tensor with others."""
    state = _state(run)
    for parameter in list(state):
        state[parameter] = {
            key: value.clone() if isinstance(value, Tensor) else value
            for key, value in state[parameter].items()
        }


def _state(run: Run) -> dict[Tensor, Any]:
    # A defaultdict: a parameter that was never stepped has an empty state.
    state: dict[Tensor, Any] = run.stepper.optimizer.state
    return state


def _add(groups: list[dict[str, Any]], options: dict[str, Any], parameters: list[Tensor]) -> None:
    for group in groups:
        if {key: value for key, value in group.items() if key != "params"} == options:
            group["params"] += parameters
            return
    groups.append(options | {"params": list(parameters)})


# The count of steps is everyone's; all else has a place for each.
def _part(key: str, value: Any, number: int) -> Any:
    if not isinstance(value, Tensor):
        return value
    return value.clone() if key == "step" else value[number]


def _whole(key: str, values: list[Any]) -> Any:
    if not isinstance(values[0], Tensor):
        return values[0]
    return values[0].clone() if key == "step" else torch.stack(values)
