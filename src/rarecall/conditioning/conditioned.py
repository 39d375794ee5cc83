"""A network that takes λ beside its inputs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from rarecall.conditioning.channels import entering_channels, leaving_channels
from rarecall.conditioning.film import FiLM

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rarecall.conditioning.densities import LinearDensity


class ConditionedModel(nn.Module):
    """A network that takes λ beside its inputs.

    Without λ it uses the stored one, :attr:`condition`: the means of the densities, until a
    better one is chosen. The stored λ is part of the ``state_dict``, so that the network is saved
    and serves like any other. Other attributes are those of the network within.

    Args:
        model: The network; a layer of it gets a hook.
        densities: What every entry of λ is drawn from, by its name, in the order of λ.
        head: Name of its last linear layer; None finds it.
        condition_at: Name of the layer whose output is modulated; None takes what enters the
            head, which is what leaves the last pooling.
        hidden: As for :class:`FiLM`, and so are the next two.
        identity: Whether the modulation starts as the identity.
        standardize: Whether λ enters on the scale -1 to 1.
        channels: Of what is modulated; None reads it from the network's layers.

    Raises:
        ValueError: A name leads to no layer, the channels cannot be told, or the network takes λ
            already.

    >>> from rarecall.conditioning import LinearDensity
    >>> network = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 1), nn.Flatten(0))
    >>> model = ConditionedModel(network, {"loss.alpha": LinearDensity(0.25, 0.75)}).eval()
    >>> model(torch.zeros(2, 3)).shape, model(torch.zeros(2, 3), torch.tensor([0.3])).shape
    (torch.Size([2]), torch.Size([2]))
    >>> model.condition
    tensor([0.5000])
    """

    film: FiLM
    model: nn.Module

    def __init__(
        self,
        model: nn.Module,
        densities: Mapping[str, LinearDensity],
        *,
        head: str | None = None,
        condition_at: str | None = None,
        hidden: int = 128,
        identity: bool = True,
        standardize: bool = True,
        channels: int | None = None,
    ) -> None:
        super().__init__()
        from rarecall.models.surgery import find_layer

        if any(isinstance(part, ConditionedModel) for part in model.modules()):
            raise ValueError("The network takes λ already; adapt it once.")
        self.names = tuple(densities)
        self.condition_at = condition_at
        _, _, layer = find_layer(model, head if condition_at is None else condition_at)
        self.place = next(name for name, part in model.named_modules() if part is layer)
        if channels is None:
            inside = condition_at is not None
            channels = leaving_channels(model, layer) if inside else entering_channels(layer)
        # Before the network, so that its last linear layer is still the head.
        self.film = FiLM(
            [(density.a, density.b) for density in densities.values()],
            channels,
            [density.mean for density in densities.values()],
            hidden=hidden,
            identity=identity,
            standardize=standardize,
        )
        self.model = model
        if condition_at is None:
            layer.register_forward_pre_hook(self.film.before)
        else:
            layer.register_forward_hook(self.film.after)

    @property
    def layer(self) -> nn.Module:
        """The layer before or after which λ enters."""
        return self.model.get_submodule(self.place)

    @property
    def condition(self) -> Tensor:
        """The stored λ, shape ``(d,)``."""
        return self.film.condition

    def set_condition(self, values: Mapping[str, float]) -> None:
        """Store λ, by the names of the hyper-parameters.

        Raises:
            ValueError: A name is missing or unknown.
        """
        if set(values) != set(self.names):
            raise ValueError(f"λ needs values for {', '.join(self.names)}; got {dict(values)}.")
        with torch.no_grad():
            self.film.condition.copy_(torch.tensor([float(values[name]) for name in self.names]))

    def forward(self, inputs: Any, condition: Tensor | None = None) -> Any:
        """Forward the network.

        Args:
            inputs: What the network takes.
            condition: λ, shape ``(d,)``, one for all rows; None takes the stored one.

        Raises:
            RuntimeError: It is being trained without λ, or never called the modulated layer.
        """
        film = self.film
        if condition is None:
            if self.training and torch.is_grad_enabled():
                raise RuntimeError(
                    "A conditioned network is being trained without the λ of its loss. Call "
                    "objective(model, batch), or model(*prepared.arguments); to score, call "
                    "model.eval() first."
                )
            return self.model(inputs)
        film.given, film.used = condition, False
        try:
            result = self.model(inputs)
        finally:
            film.given = None
        if not film.used:
            raise RuntimeError(
                f"The network never called the layer that λ enters at, {self.place!r}. Name "
                "another one, objective.adapt(model, condition_at=...)."
            )
        return result

    def __getattr__(self, name: str) -> Any:
        try:
            return super().__getattr__(name)
        except AttributeError:
            model = self.__dict__.get("_modules", {}).get("model")
            if model is None:
                raise
            return getattr(model, name)
