"""How many channels enter or leave a layer, as far as layers tell."""

from __future__ import annotations

from torch import Tensor, nn

_SAID_BY = ("out_channels", "out_features", "num_features", "num_channels", "embedding_dim")

_ASK = "Give it, Conditioning(..., channels=...)."


def entering_channels(layer: nn.Module) -> int:
    """Size of the features that enter a head.

    Raises:
        ValueError: It does not say.

    >>> entering_channels(nn.Linear(64, 2))
    64
    """
    size = getattr(layer, "in_features", None)
    weight = getattr(layer, "weight", None)
    if size is None and isinstance(weight, Tensor) and weight.ndim == 2:
        size = weight.shape[1]
    if not size:
        raise ValueError(f"{type(layer).__name__} does not say how many features enter it. {_ASK}")
    return int(size)


def leaving_channels(model: nn.Module, layer: nn.Module) -> int:
    """Channels of a layer's output; where it does not say, such as a pooling, those before it.

    Raises:
        ValueError: No layer up to it says.

    >>> model = nn.Sequential(nn.Conv2d(3, 16, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1))
    >>> leaving_channels(model, model[2])
    16
    """
    inside = {id(part) for part in layer.modules()}
    reached, found = False, 0
    for part in model.modules():
        if id(part) in inside:
            reached = True
        elif reached:
            break
        found = _said(part) or found
    if not found:
        raise ValueError(
            f"No layer up to {type(layer).__name__} says how many channels leave it. {_ASK}"
        )
    return found


def _said(part: nn.Module) -> int:
    for name in _SAID_BY:
        size = getattr(part, name, None)
        if isinstance(size, int) and not isinstance(size, bool):
            return size
    shape = getattr(part, "normalized_shape", None)
    return int(shape[-1]) if shape else 0
