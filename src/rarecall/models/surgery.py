"""Find a layer of any network by its name, and put another one in its place."""

from __future__ import annotations

from torch import nn


def find_layer(model: nn.Module, name: str | None) -> tuple[nn.Module, str, nn.Module]:
    """Find a layer, its parent, and the parent's attribute that holds it.

    Args:
        model: Any network.
        name: Dotted name of the layer, as in ``model.named_modules()``; None for the head, the
            linear layer that was registered last.

    Returns:
        Parent, attribute and layer: ``set_layer(parent, attribute, other)`` replaces it.

    Raises:
        ValueError: There is no such layer, the network is that layer itself, or, where no name
            is given, the head cannot be told: no linear layer, one that the network uses under
            several names, or one of several in a list or dictionary of layers.

    >>> model = nn.Sequential(nn.Linear(2, 4), nn.ReLU(), nn.Sequential(nn.Linear(4, 1)))
    >>> parent, attribute, layer = find_layer(model, None)
    >>> parent is model[2], attribute, layer
    (True, '0', Linear(in_features=4, out_features=1, bias=True))
    >>> find_layer(model, "fc")
    Traceback (most recent call last):
    ValueError: Sequential has no layer 'fc'. Its layers are 0, 1, 2, 2.0.
    """
    layers = dict(model.named_modules(remove_duplicate=False))
    name = _head(model, layers) if name is None else name
    if name not in layers:
        known = [layer for layer in layers if layer]
        shown = ", ".join(known if len(known) <= 12 else ["...", *known[-12:]]) or "none"
        raise ValueError(f"{type(model).__name__} has no layer {name!r}. Its layers are {shown}.")
    if not name:
        raise ValueError(
            f"The network is a single {type(model).__name__}, which nothing holds, so it cannot "
            "be replaced in place. Wrap it, `nn.Sequential(layer)`."
        )
    above, _, attribute = name.rpartition(".")
    return layers[above], attribute, layers[name]


def set_layer(model: nn.Module, dotted_name: str, module: nn.Module) -> None:
    """Put ``module`` in the place of a layer; the network is changed in place.

    Raises:
        ValueError: There is no layer of that name.

    >>> model = nn.Sequential(nn.Linear(2, 4), nn.Sequential(nn.Linear(4, 1)))
    >>> set_layer(model, "1.0", nn.Identity())
    >>> model[1][0]
    Identity()
    """
    parent, attribute, _ = find_layer(model, dotted_name)
    setattr(parent, attribute, module)


def _head(model: nn.Module, layers: dict[str, nn.Module]) -> str:
    names = [name for name, layer in layers.items() if isinstance(layer, nn.Linear)]
    ask = "Name the last layer, `objective.adapt(model, head=...)`."
    if not names:
        raise ValueError(f"{type(model).__name__} has no linear layer to take for its head. {ask}")
    name = names[-1]
    same = [other for other in names if layers[other] is layers[name]]
    parent, _, _ = name.rpartition(".")
    beside = [other for other in names if other.rpartition(".")[0] == parent]
    if len(same) == 1 and isinstance(layers[parent], nn.ModuleList | nn.ModuleDict):
        same = beside
    if len(same) > 1:
        raise ValueError(
            f"{type(model).__name__} has several linear layers that may be its head: "
            f"{', '.join(same)}. {ask}"
        )
    return name
