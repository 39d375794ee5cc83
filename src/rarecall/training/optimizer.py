"""The optimiser, its parameter groups and its learning rate."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from rarecall.training.technique import PLAIN

if TYPE_CHECKING:
    from rarecall.objective import Objective
    from rarecall.training.settings import TrainSettings
    from rarecall.training.technique import Technique


def parameter_groups(
    network: nn.Module, objective: Objective, weight_decay: float
) -> list[dict[str, Any]]:
    """Split the network's parameters by whether they decay, and add the objective's own.

    Only weight matrices and convolutions decay: pulling a bias, a normalisation or a seldom seen
    category's embedding to zero changes what the network can say, not how smooth it is.

    >>> from rarecall.losses import BCELoss
    >>> from rarecall.objective import Objective
    >>> groups = parameter_groups(nn.Linear(2, 1), Objective(BCELoss()), 0.01)
    >>> [(len(group["params"]), group["weight_decay"]) for group in groups]
    [(1, 0.01), (1, 0.0)]
    """
    embeddings = {
        id(parameter)
        for module in network.modules()
        if isinstance(module, nn.Embedding)
        for parameter in module.parameters(recurse=False)
    }
    decaying: list[nn.Parameter] = []
    free: list[nn.Parameter] = []
    for name, parameter in network.named_parameters():
        if not parameter.requires_grad:
            continue
        is_matrix = parameter.ndim > 1 and not name.endswith("bias")
        (decaying if is_matrix and id(parameter) not in embeddings else free).append(parameter)
    groups: list[dict[str, Any]] = [
        {"params": decaying, "weight_decay": weight_decay},
        {"params": free, "weight_decay": 0.0},
    ]
    groups += [{"weight_decay": 0.0} | group for group in objective.param_groups()]
    return [group for group in groups if group["params"]]


def make_optimizer(
    network: nn.Module,
    objective: Objective,
    settings: TrainSettings,
    *,
    scaled: bool = False,
    technique: Technique = PLAIN,
) -> torch.optim.Optimizer:
    """Make the optimiser that ``settings`` names, or the technique instead; it knows no loss.

    Args:
        network: Already on its device.
        objective: Its own parameters are minimised too.
        settings: The optimiser's name, highest learning rate and weight decay.
        scaled: Whether gradients are scaled for 16-bit arithmetic.
        technique: May ask for the proximal optimiser in stages.
    """
    groups = parameter_groups(network, objective, settings.weight_decay)
    rate = settings.learning_rate
    if technique.stages is not None:
        from rarecall.optim.pesg import PESG

        return PESG(
            groups,
            lr=rate,
            proximal=technique.stages.proximal,
            momentum=technique.stages.momentum,
        )
    # Fused: one kernel a step instead of a dozen a parameter, which is most of what a small
    # network costs. It would unscale gradients itself, after they are clipped: too late.
    device = groups[0]["params"][0].device.type
    fused = device in ("cpu", "cuda") and not scaled
    if settings.optimizer == "sgd":
        return torch.optim.SGD(groups, lr=rate, momentum=settings.momentum, fused=fused)
    kind = torch.optim.AdamW if settings.optimizer == "adamw" else torch.optim.Adam
    return kind(groups, lr=rate, fused=fused)


def schedule_factor(settings: TrainSettings, step: int, technique: Technique = PLAIN) -> float:
    """Share of the highest learning rate at a step (counted from 0), in (0, 1].

    A pure function, so that a resumed run needs no stored schedule. After the warm-up the stages
    of a technique take the place of the settings' schedule, and an equal average of weights holds
    the rate that it began with: at a rate that falls to zero there is nothing to average.

    >>> from rarecall.training.settings import TrainSettings
    >>> settings = TrainSettings(steps=100, evaluate_every=10, batch_size=8, warmup_steps=4)
    >>> [round(schedule_factor(settings, step), 3) for step in (0, 3, 52, 99)]
    [0.25, 1.0, 0.5, 0.0]
    >>> settings = TrainSettings(steps=100, evaluate_every=10, batch_size=8, schedule="steps",
    ...                          milestones=(0.5, 0.75), factor=0.1)
    >>> [round(schedule_factor(settings, step), 3) for step in (49, 50, 74, 75)]
    [1.0, 0.1, 0.1, 0.01]
    """
    averaging, stages = technique.averaging, technique.stages
    warmup = min(settings.warmup_steps, settings.steps - 1)
    if averaging is not None and averaging.kind == "swa" and stages is None:
        step = min(step, max(averaging.first(settings.steps), warmup))
    if step < warmup:
        return (step + 1) / warmup
    if stages is not None:
        return float(stages.decay) ** -stages.stage(step, settings.steps)
    if settings.schedule == "constant":
        return 1.0
    if settings.schedule == "steps":
        passed = sum(step >= share * settings.steps for share in settings.milestones)
        return float(settings.factor**passed)
    done = (step - warmup) / (settings.steps - warmup)
    return (1 + math.cos(math.pi * done)) / 2
