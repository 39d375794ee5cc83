"""Whether networks can be trained side by side, and whether that is worth it."""

from __future__ import annotations

import copy
import time
import warnings
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state, vmap
from torch.utils import _pytree as pytree

from rarecall._reading import evaluating
from rarecall.training.engine import holds_images, resolve_device, resolve_precision
from rarecall.training.technique import PLAIN

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rarecall.objective import Objective
    from rarecall.training.settings import TrainSettings
    from rarecall.training.technique import Technique

MOST_WORK = 8_000_000
"""Rows a step times parameters of one network past which a processor gains nothing."""

WORTH = 0.9
"""Share of the time in turn that stacked steps may take; what they cost besides is not measured."""

_ROUNDS = 5


def can_stack(
    networks: Sequence[nn.Module],
    objectives: Sequence[Objective],
    inputs: Any,
    *,
    settings: TrainSettings,
    technique: Technique = PLAIN,
    even_if_slower: bool = False,
) -> str | None:
    """Say why networks should not be trained side by side; None where they should.

    Args:
        networks: Adapted to their objectives.
        objectives: One a network.
        inputs: Of the training set; a few rows are forwarded, stacked and alone, to see whether
            these networks can be stacked at all.
        settings: Of the training.
        technique: Of the training.
        even_if_slower: Whether being slower is no reason.

    Returns:
        A sentence, or None. On a processor it depends on no clock; on another device both ways are
        timed, and a training that was begun goes on as it was begun.

    >>> from rarecall import BCELoss, Objective
    >>> from rarecall.training import TrainSettings
    >>> networks = [nn.Sequential(nn.Linear(2, width), nn.Flatten(0)) for width in (1, 1)]
    >>> objectives = [Objective(BCELoss()), Objective(BCELoss())]
    >>> settings = TrainSettings(steps=10, evaluate_every=5, batch_size=4)
    >>> can_stack(networks, objectives, torch.zeros(4, 2), settings=settings, even_if_slower=True)
    >>> can_stack(networks[:1], objectives[:1], torch.zeros(4, 2), settings=settings)
    'there is only one.'
    """
    if len(networks) < 2:
        return "there is only one."
    device = resolve_device(settings.device, images=holds_images(inputs))
    if device.type == "cpu":
        # First, since it costs no trial.
        slower = None if even_if_slower else _slower(networks[0], inputs, settings)
        return slower or _impossible(networks, objectives, inputs, settings, technique)
    reason = _impossible(networks, objectives, inputs, settings, technique)
    if reason is not None or even_if_slower:
        return reason
    condition = _condition(objectives[0])
    return no_faster(networks, condition, inputs, settings=settings, device=device)


def _impossible(
    networks: Sequence[nn.Module],
    objectives: Sequence[Objective],
    inputs: Any,
    settings: TrainSettings,
    technique: Technique,
) -> str | None:
    if technique.radius is not None:
        return "sharpness-aware steps (sam) perturb every network by its own gradient's norm."
    if technique.stages is not None:
        return "the proximal optimiser (pesg) keeps weights of its own."
    if settings.precision == "16-mixed":
        return "precision 16-mixed scales the gradients of all networks at once."
    if len({_architecture(network) for network in networks}) > 1:
        return "the networks have different architectures."
    conditions = [_condition(objective) for objective in objectives]
    if len({tuple(part.shape for part in condition) for condition in conditions}) > 1:
        return "the objectives give the networks different arguments."
    return _trial(networks, conditions, inputs)


def _slower(network: nn.Module, inputs: Any, settings: TrainSettings) -> str | None:
    if holds_images(inputs):
        return "convolutions on a processor take longer together than one after the other."
    rows = min(settings.batch_size, len(pytree.tree_leaves(inputs)[0]))
    work = rows * sum(parameter.numel() for parameter in network.parameters())
    if work > MOST_WORK:
        return (
            "a step of one network keeps a processor busy already "
            f"({work / 1e6:.1f} million rows times parameters; up to {MOST_WORK / 1e6:.1f} gain)."
        )
    return None


def no_faster(
    networks: Sequence[nn.Module],
    condition: tuple[Tensor, ...],
    inputs: Any,
    *,
    settings: TrainSettings,
    device: torch.device,
) -> str | None:
    """Time a batch through stacked networks and through one after the other.

    Args:
        networks: Known to be stackable; copies of the first are timed.
        condition: What a network takes beside its inputs.
        inputs: Of the training set.
        settings: Say how many rows a batch has, and the precision.
        device: Where the networks will be trained.

    Returns:
        A sentence with the ratio where stacking gains less than a tenth; else None.
    """
    count = len(networks)
    rows = pytree.tree_map(lambda leaf: leaf[: settings.batch_size].to(device), inputs)
    given = (rows, *(part.to(device) for part in condition))
    network = copy.deepcopy(networks[0]).to(device).train()
    parameters, buffers = stack_module_state([copy.deepcopy(network) for _ in networks])
    joined = pytree.tree_map(lambda leaf: torch.stack([leaf] * count), given)
    half = resolve_precision(settings.precision, device, images=holds_images(inputs)) != "32-true"

    def call(own: Any, state: Any, arguments: Any) -> Any:
        return functional_call(network, (own, state), arguments)

    def seconds(forward: Callable[[], Tensor]) -> float:
        best = float("inf")
        for _ in range(_ROUNDS):
            began = time.perf_counter()
            with torch.autocast(device.type, torch.bfloat16, enabled=half):
                logits = forward()
            logits.float().sum().backward()  # type: ignore[no-untyped-call]
            float(logits.detach().flatten()[0])  # waits for the device
            best = min(best, time.perf_counter() - began)
        return best

    together = vmap(call, randomness="different")
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        alone = count * seconds(lambda: network(*given))
        stacked = seconds(lambda: together(parameters, buffers, joined))
    if stacked <= WORTH * alone:
        return None
    return f"timed on this device, a step of all takes {stacked / alone:.2f} of the time in turn."


def _architecture(network: nn.Module) -> tuple[str, ...]:
    """Describe a network by its layers and tensors."""
    tensors = [
        f"{name} {tuple(part.shape)} {part.dtype} {part.requires_grad}"
        for name, part in (*network.named_parameters(), *network.named_buffers())
    ]
    return (repr(network), *tensors)


def _condition(objective: Objective) -> tuple[Tensor, ...]:
    """Give what the network takes beside its inputs."""
    conditioning = objective.conditioning
    return (conditioning.center,) if conditioning is not None and conditioning.film else ()


def _trial(
    networks: Sequence[nn.Module], conditions: Sequence[tuple[Tensor, ...]], inputs: Any
) -> str | None:
    """Forward and differentiate a few rows stacked; compare with every network alone."""
    device = next(networks[0].parameters()).device
    rows = pytree.tree_map(lambda leaf: leaf[:4].to(device), inputs)
    arguments = [(rows, *(part.to(device) for part in condition)) for condition in conditions]
    joined = pytree.tree_map(lambda *parts: torch.stack(parts), *arguments)
    modes = [(part, part.training) for network in networks for part in network.modules()]

    def forward(parameters: Any, buffers: Any, given: Any) -> Any:
        return functional_call(networks[0], (parameters, buffers), given)

    def together() -> tuple[Any, dict[str, Any]]:
        parameters, buffers = stack_module_state(list(networks))
        logits = vmap(forward, randomness="different")(parameters, buffers, joined)
        return logits, parameters

    try:
        # A warning tells of an operation that falls back to a loop.
        with warnings.catch_warnings(), torch.random.fork_rng(devices=[]):
            warnings.simplefilter("error")
            with evaluating(*networks):
                alone = [n(*given) for n, given in zip(networks, arguments, strict=True)]
                found, _ = together()
            for network in networks:
                network.train()
            logits, _ = together()
            logits.sum().backward()
    except Exception as error:
        told = " ".join(str(error).split())[:120]
        return f"this network cannot be stacked ({type(error).__name__}: {told})."
    finally:
        for part, training in modes:
            part.training = training
    for one, other in zip(alone, found, strict=True):
        if not torch.allclose(one, other, rtol=1e-3, atol=1e-4):
            return "stacked, this network does not compute what it does alone."
    return None
