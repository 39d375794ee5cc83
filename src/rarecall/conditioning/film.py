"""Feature-wise linear modulation (FiLM): how a network learns of λ."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from collections.abc import Sequence


class FiLM(nn.Module):
    r"""Scales and shifts every channel by what two small networks make of λ.

    .. math:: \tilde f = \sigma(\lambda) \odot f + \mu(\lambda)

    One network gives σ and one gives μ, each λ → ``hidden`` → ReLU → ``channels``. They compute
    in float32 or wider, under autocast too.

    Args:
        ranges: Lowest and highest value of each entry of λ, between which it is brought to
            -1 to 1; only their number counts without ``standardize``.
        channels: Channels of the features.
        condition: λ where none is given, one number an entry.
        hidden: Units of each network's hidden layer.
        identity: Whether it starts with σ = 1 and μ = 0 (the last layers at zero, 1 added to
            σ); False starts at random, as the paper does.
        standardize: Whether λ enters on the scale -1 to 1.

    Reference:
        Perez et al., *FiLM: Visual Reasoning with a General Conditioning Layer*, AAAI 2018;
        *Training over a Distribution of Hyperparameters*, eq. 34.

    >>> film = FiLM([(0.0, 0.3), (0.0, 3.0)], channels=64, condition=[0.1, 1.0])
    >>> torch.equal(film(torch.ones(2, 64, 5, 5)), torch.ones(2, 64, 5, 5))
    True
    >>> sum(parameter.numel() for parameter in film.parameters())
    17280
    """

    low: Tensor
    scale: Tensor
    condition: Tensor

    def __init__(
        self,
        ranges: Sequence[tuple[float, float]],
        channels: int,
        condition: Sequence[float],
        *,
        hidden: int = 128,
        identity: bool = True,
        standardize: bool = True,
    ) -> None:
        super().__init__()
        size = len(ranges)
        low, high = torch.tensor(ranges, dtype=torch.float64).reshape(size, 2).unbind(1)
        # A point does not vary: it enters as its lower end, -1.
        spread = torch.where(high > low, (high - low) / 2, 1.0)
        self.register_buffer("low", low.float() if standardize else torch.zeros(size))
        self.register_buffer("scale", (1 / spread).float() if standardize else torch.ones(size))
        self.register_buffer("condition", torch.tensor(condition, dtype=torch.float32))
        self.shift = 1.0 if standardize else 0.0
        self.start = 1.0 if identity else 0.0
        self.channels = channels
        self.sigma = _network(size, hidden, channels, zero=identity)
        self.mu = _network(size, hidden, channels, zero=identity)
        self.given: Tensor | None = None
        self.used = False

    def forward(self, features: Tensor, condition: Tensor | None = None) -> Tensor:
        """Modulate ``features``, shape ``(B, C)`` or ``(B, C, ...)``, by one λ for all of them.

        Args:
            features: What is modulated.
            condition: λ, shape ``(d,)``; None takes the stored one.

        Raises:
            ValueError: The features have other channels, or λ another shape.
        """
        if features.ndim < 2 or features.shape[1] != self.channels:
            raise ValueError(
                f"FiLM was made for features of shape (B, {self.channels}, ...), got "
                f"{tuple(features.shape)}. Name another layer, or give the number of channels, "
                "Conditioning(..., channels=...)."
            )
        sigma, mu = self.coefficients(self.condition if condition is None else condition)
        shape = (-1, *[1] * (features.ndim - 2))
        return features * sigma.reshape(shape) + mu.reshape(shape)

    def coefficients(self, condition: Tensor) -> tuple[Tensor, Tensor]:
        """Give σ and μ, shape ``(C,)`` each, for λ of shape ``(d,)``."""
        if condition.shape != self.condition.shape:
            raise ValueError(
                f"λ must have shape {tuple(self.condition.shape)}, one value for the whole batch; "
                f"got {tuple(condition.shape)}."
            )
        with torch.autocast(self.low.device.type, enabled=False):
            entering = (condition.to(self.low) - self.low) * self.scale - self.shift
            return self.start + self.sigma(entering), self.mu(entering)

    def before(self, module: nn.Module, arguments: tuple[Any, ...]) -> tuple[Any, ...]:
        """Modulate what enters a layer; a forward pre-hook."""
        del module
        self.used = True
        return (self(arguments[0], self.given), *arguments[1:])

    def after(self, module: nn.Module, arguments: tuple[Any, ...], features: Tensor) -> Tensor:
        """Modulate what leaves a layer; a forward hook."""
        del module, arguments
        self.used = True
        modulated: Tensor = self(features, self.given)
        return modulated


def _network(size: int, hidden: int, channels: int, *, zero: bool) -> nn.Sequential:
    last = nn.Linear(hidden, channels)
    if zero:
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)
    return nn.Sequential(nn.Linear(size, hidden), nn.ReLU(), last)
