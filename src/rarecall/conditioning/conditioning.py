"""Which hyper-parameters are drawn anew for every batch, and from what."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from rarecall.conditioning.conditioned import ConditionedModel
from rarecall.conditioning.densities import LinearDensity

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from torch import nn

    from rarecall.parts import Part

_STREAM = 0x6C6374
"""Sets these draws apart from others that start from the same seed."""

_AT_ONCE = 64
"""Steps whose draws are made together."""


class Conditioning:
    r"""Draws λ, some hyper-parameters of the loss and the terms, anew for every batch.

    .. math::
        \theta^* = \arg\min_\theta \mathbb{E}_{\lambda \sim P_\Lambda}
        \mathbb{E}_{(x, y)}\, \ell(y, f(x, \theta, \lambda), \lambda)

    λ enters the loss and, through feature-wise modulation (FiLM), the network, so that one
    network learns the answers to all λ; which one it gives is chosen after training, see
    :func:`rarecall.conditioning.choose_condition`.

    Args:
        densities: What each hyper-parameter is drawn from, independently, by
            ``"loss.<argument>"`` or ``"<TermClass>.<argument>"``; λ has this order.
        film: Whether the network takes λ too; False is the paper's ablation.
        hidden: Units of the modulating networks' hidden layer.
        identity: Whether the modulation starts as the identity, σ = 1 and μ = 0.
        standardize: Whether λ enters the modulating networks on the scale -1 to 1 of its density.
        channels: Channels of what is modulated; None reads it from the network's layers.

    Raises:
        ValueError: No density is given, or a name or value is not what it should be.

    Reference:
        *Training over a Distribution of Hyperparameters* (loss-conditional training), eq. 7, and
        eq. 8 with ``film=False``.

    >>> conditioning = Conditioning({"loss.alpha": LinearDensity(0.25, 0.75, 4.0)})
    >>> conditioning.center
    tensor([0.5833], dtype=torch.float64)
    >>> torch.equal(conditioning.draw(0, 3, 0), conditioning.draw(0, 3, 0))
    True
    """

    def __init__(
        self,
        densities: Mapping[str, LinearDensity],
        film: bool = True,
        *,
        hidden: int = 128,
        identity: bool = True,
        standardize: bool = True,
        channels: int | None = None,
    ) -> None:
        if not densities:
            raise ValueError(
                "Conditioning needs a density for one hyper-parameter or more, such as "
                '{"loss.alpha": LinearDensity(0.25, 0.75, 2.0)}.'
            )
        for name, density in densities.items():
            part, _, argument = name.partition(".")
            if not part or not argument:
                raise ValueError(
                    f"Conditioning names hyper-parameters 'loss.<argument>' or "
                    f"'<TermClass>.<argument>', not {name!r}."
                )
            if not isinstance(density, LinearDensity):
                raise ValueError(
                    f"Conditioning needs a LinearDensity for {name!r}, not {density!r}."
                )
        self.densities = dict(densities)
        self.film = film
        self.hidden = hidden
        self.identity = identity
        self.standardize = standardize
        self.channels = channels
        self._ahead: dict[int, tuple[tuple[int, int], Tensor]] = {}

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the hyper-parameters, in the order of λ."""
        return tuple(self.densities)

    @property
    def center(self) -> Tensor:
        """Means of the densities, float64, shape ``(d,)``."""
        means = [density.mean for density in self.densities.values()]
        return torch.tensor(means, dtype=torch.float64)

    def check(self, parts: Sequence[Part]) -> None:
        """Make sure that the hyper-parameters can be drawn.

        Args:
            parts: The base loss, then the terms.

        Raises:
            ValueError: One of them belongs to no part, or its part cannot take it in ``forward``.
        """
        loss, *terms = parts
        owners = {"loss": loss} | {type(term).__name__: term for term in terms}
        for name in self.names:
            owner, _, argument = name.partition(".")
            if owner not in owners:
                raise ValueError(
                    f"Conditioning draws {name!r}, but the objective has no {owner!r}; it has "
                    f"{', '.join(owners)}."
                )
            able = owners[owner].conditionable
            if argument not in able:
                has = ", ".join(able) or "none"
                raise ValueError(
                    f"Conditioning draws {name!r}, but {type(owners[owner]).__name__} does not "
                    f"take {argument!r} anew for every batch. What it takes: {has}."
                )

    def draw(self, seed: int, step: int, count: int) -> Tensor:
        """Draw λ, always the same one for the same arguments.

        Args:
            seed: The objective's.
            step: Number of the optimiser step.
            count: Number of the draw within the step, for accumulated batches.

        Returns:
            Float64, shape ``(d,)``.
        """
        if torch.compiler.is_compiling():
            # Only here: what keeps the compiler out takes seconds to import.
            from rarecall.conditioning._uncompiled import draw

            drawn: Tensor = draw(self, seed, step, count)
            return drawn
        return self.drawn(seed, step, count)

    def drawn(self, seed: int, step: int, count: int) -> Tensor:
        """Draw λ as :meth:`draw` says, out of the compiler's sight."""
        # Many steps at once: alone in a step, the generator's code comes cold from memory.
        place = seed, step // _AT_ONCE
        known, values = self._ahead.get(count, (None, None))
        if values is None or known != place:
            first = place[1] * _AT_ONCE
            several = [self._values_of(seed, first + k, count) for k in range(_AT_ONCE)]
            values = torch.tensor(several, dtype=torch.float64)
            self._ahead[count] = place, values
        return values[step % _AT_ONCE].clone()

    def _values_of(self, seed: int, step: int, count: int) -> list[float]:
        key = np.random.SeedSequence([_STREAM, seed % 2**64, step, count])
        shares = np.random.Generator(np.random.Philox(key)).random(len(self.densities))
        return [
            density.quantile(float(share))
            for density, share in zip(self.densities.values(), shares, strict=True)
        ]

    def values(self, condition: Tensor) -> dict[str, dict[str, Tensor]]:
        """Give every part its arguments, ``{"loss": {"alpha": ...}, "ALMConstraint": {...}}``.

        Args:
            condition: λ, shape ``(d,)``.

        Returns:
            0-dim tensors, which leave the dtype of the logits alone.
        """
        found: dict[str, dict[str, Tensor]] = {}
        for name, value in zip(self.names, condition.unbind(), strict=True):
            owner, _, argument = name.partition(".")
            found.setdefault(owner, {})[argument] = value
        return found

    def adapt(
        self, model: nn.Module, head: str | None = None, condition_at: str | None = None
    ) -> nn.Module:
        """Let the network take λ; the network itself with ``film=False``.

        Args:
            model: The network; a layer of it gets a hook.
            head: Name of its last linear layer; None finds it.
            condition_at: Name of the layer whose output is modulated; None takes what enters
                the head.

        Returns:
            A :class:`~rarecall.conditioning.ConditionedModel` around it.
        """
        if not self.film:
            return model
        return ConditionedModel(
            model,
            self.densities,
            head=head,
            condition_at=condition_at,
            hidden=self.hidden,
            identity=self.identity,
            standardize=self.standardize,
            channels=self.channels,
        )

    def __repr__(self) -> str:
        drawn = ", ".join(f"{name!r}: {density}" for name, density in self.densities.items())
        usual = (("film", True), ("hidden", 128), ("identity", True), ("standardize", True))
        others = [
            f", {name}={getattr(self, name)!r}"
            for name, value in (*usual, ("channels", None))
            if getattr(self, name) != value
        ]
        return f"Conditioning({{{drawn}}}{''.join(others)})"
