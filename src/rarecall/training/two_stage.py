"""Two stages: what is shared out between them, carried from one to the next, and told of both."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from rarecall.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rarecall.training.records import EpochRecord, Fitted
    from rarecall.training.settings import TrainSettings

_SECOND_SEED = 500_009


def second_seed(seed: int) -> int:
    """Seed of the second stage: other rows and draws than the first one's.

    >>> second_seed(0) == second_seed(1)
    False
    """
    return seed + _SECOND_SEED


def shared_out(settings: TrainSettings, share: float) -> tuple[TrainSettings, TrainSettings]:
    """Share the steps out between two stages, so that together they take no more.

    Each stage has its own warm-up, shorter as the stage is, and its own learning rate schedule.

    Raises:
        ConfigurationError: The share is not between 0 and 1, or there is one step only.

    >>> from rarecall.training.settings import TrainSettings
    >>> settings = TrainSettings(steps=100, evaluate_every=10, batch_size=8, warmup_steps=10)
    >>> [(stage.steps, stage.warmup_steps) for stage in shared_out(settings, 0.3)]
    [(30, 3), (70, 7)]
    """
    steps = settings.steps
    if isinstance(share, bool) or not isinstance(share, int | float) or not 0 < share < 1:
        raise ConfigurationError(f"pretrain.share must be between 0 and 1, not {share!r}.")
    if steps < 2:
        raise ConfigurationError("Two stages need two steps or more; the run has one. Raise steps.")
    first = min(max(round(share * steps), 1), steps - 1)
    warmup = round(settings.warmup_steps * first / steps)
    return (
        replace(settings, steps=first, warmup_steps=warmup),
        replace(settings, steps=steps - first, warmup_steps=settings.warmup_steps - warmup),
    )


def head_of(network: nn.Module) -> str:
    """Name of a network's last linear layer, which two stages may not share.

    Raises:
        ConfigurationError: There is none.

    >>> head_of(nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1), nn.Flatten(0)))
    '2'
    """
    parts: list[tuple[str, nn.Module]] = list(network.named_modules())
    names = [name for name, part in parts if isinstance(part, nn.Linear)]
    if not names:
        raise ConfigurationError(
            f"{type(network).__name__} has no linear layer, so a second stage cannot tell its "
            "head from the rest. Pre-train it outside of the library."
        )
    return names[-1]


def carry_over(
    pretrained: Mapping[str, Tensor], network: nn.Module, *, fresh_head: bool | None, default: bool
) -> None:
    """Load the weights of the first stage into the network of the second, not adapted yet.

    The head stays as it was initialised where it is to start anew or does not fit: another number
    of outputs, or another kind of head.

    Args:
        pretrained: State of the first stage's network, as its objective adapted it.
        network: Of the same make; changed in place.
        fresh_head: What the user asked for; None for the default.
        default: Whether the second stage's loss starts with a fresh head by default.

    Raises:
        ConfigurationError: A kept head was asked for but does not fit, or the first stage changed
            more of the network than its head.

    >>> first, second = nn.Sequential(nn.Linear(1, 1)), nn.Sequential(nn.Linear(1, 2))
    >>> carry_over(first.state_dict(), second, fresh_head=False, default=False)
    Traceback (most recent call last):
    rarecall.errors.ConfigurationError: pretrain.fresh_head is false, but the head of ...
    """
    own = network.state_dict()
    prefix = f"{head_of(network)}."
    head = {name for name in own if name.startswith(prefix)}
    before = {name for name in pretrained if name.startswith(prefix)}
    body = {name: pretrained[name] for name in pretrained if name not in before}
    differing = body.keys() ^ (own.keys() - head)
    differing |= {name for name in body.keys() & own.keys() if body[name].shape != own[name].shape}
    if differing:
        raise ConfigurationError(
            "The first stage changed more of the network than its head "
            f"({', '.join(sorted(differing)[:3])}), so its weights do not fit the second stage. "
            "Pre-train with a plain loss, as bce."
        )
    fits = head == before and all(own[name].shape == pretrained[name].shape for name in head)
    if fresh_head is False and not fits:
        raise ConfigurationError(
            "pretrain.fresh_head is false, but the head of the first stage does not fit the "
            "second: the two losses need another number of outputs or another kind of head. "
            "Leave pretrain.fresh_head out."
        )
    fresh = default if fresh_head is None else fresh_head
    kept = before if fits and not fresh else set()
    with torch.no_grad():
        for name, part in own.items():
            if name in body or name in kept:
                part.copy_(pretrained[name])


def later(record: EpochRecord, first: Fitted, total: int) -> EpochRecord:
    """Give a record of the second stage as one of a training of ``total`` steps."""
    return replace(
        record,
        stage=2,
        epoch=len(first.history) + record.epoch,
        step=first.steps + record.step,
        steps=total,
        seconds=first.seconds + record.seconds,
    )


def earlier(record: EpochRecord, total: int) -> EpochRecord:
    """Give a record of the first stage as one of a training of ``total`` steps."""
    to_come = record.seconds / max(record.step, 1) * (total - record.steps)
    return replace(record, steps=total, seconds_left=record.seconds_left + to_come)


def joined(first: Fitted, second: Fitted, total: int) -> Fitted:
    """Give the second stage's network with the history and the cost of both.

    Args:
        first: The first stage.
        second: The second stage.
        total: Steps planned for both.
    """
    history = [earlier(record, total) for record in first.history]
    history += [later(record, first, total) for record in second.history]
    told: dict[str, Any] = {
        "history": history,
        "best_epoch": len(first.history) + second.best_epoch,
        "steps": first.steps + second.steps,
        "rows_forwarded": first.rows_forwarded + second.rows_forwarded,
        "seconds": first.seconds + second.seconds,
        "remarks": [f"Pre-training: {text}" for text in first.remarks] + second.remarks,
    }
    return replace(second, **told)
