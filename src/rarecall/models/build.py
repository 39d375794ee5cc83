"""From a description of the data to a network."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from rarecall.errors import ConfigurationError, did_you_mean
from rarecall.models.fusion import build_fusion
from rarecall.models.resnet import ResNet
from rarecall.models.table import TableMLP

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import nn

_RESNETS: dict[str, dict[str, Any]] = {
    "resnet-small": {"widths": (16, 32, 64)},
    "resnet10": {},
    "resnet18": {"blocks": 2},
    "resnet20": {"widths": (16, 32, 64), "blocks": 3, "shortcut": "padding"},
    "resnet32": {"widths": (16, 32, 64), "blocks": 5, "shortcut": "padding"},
}
_NAMES = {"table": ("mlp",), "images": tuple(_RESNETS), "images+table": tuple(_RESNETS)}
_SMALL = ("widths", "blocks", "stem_width", "stem_stride", "activation", "shortcut", "dropout")
_OPTIONS = {
    "mlp": ("width", "depth", "dropout", "encoded_width", "embedded_width"),
    "resnet-small": _SMALL,
    "resnet10": ("widths", "stem", "stem_width", "activation", "dropout"),
    "resnet18": ("widths", "stem", "stem_width", "activation", "dropout"),
    "resnet20": ("widths", "stem_width", "activation", "shortcut", "dropout"),
    "resnet32": ("widths", "stem_width", "activation", "shortcut", "dropout"),
}


def network_names(kind: str) -> tuple[str, ...]:
    """Names of the networks for a kind of data; the first is what ``"auto"`` means.

    >>> network_names("images")
    ('resnet-small', 'resnet10', 'resnet18', 'resnet20', 'resnet32')
    """
    return _NAMES[kind]


def build_network(
    spec: Mapping[str, Any],
    *,
    name: str = "auto",
    outputs: int = 1,
    seed: int = 0,
    options: Mapping[str, Any] | None = None,
) -> nn.Module:
    """Make a network that fits the data.

    Args:
        spec: What a fitted preprocessor says of the data: ``{"kind": "table", "n_numeric": d,
            "bins": [...], "cardinalities": [...]}`` or ``{"kind": "images", "channels": C,
            "size": [H, W], "mean": [...], "std": [...]}``; images with a row of data each,
            ``{"kind": "images+table", "images": ..., "table": ...}``, give a
            :class:`~rarecall.models.MetadataFusion`.
        name: ``"mlp"`` for tables; for images ``"resnet-small"``, or the papers' networks:
            ``"resnet10"`` (ALM, RankReg), ``"resnet18"``, ``"resnet20"`` (deep AUC, there with
            ``{"activation": "elu"}``) and ``"resnet32"`` (long tails; loss-conditional training
            has ``{"stem_width": 64}``); ``"auto"`` takes the first.
        outputs: Logits a sample: 1, shape ``(B,)``; 2, shape ``(B, 2)``.
        seed: Fixes the first weights; the global random state is left alone.
        options: Arguments of the network, such as ``{"width": 256}``; for images with a table
            ``image`` and ``table``, a mapping each, and ``mix``.

    Raises:
        ConfigurationError: The name or an option is unknown, or does not fit the data.

    >>> spec = {"kind": "table", "n_numeric": 1, "bins": [[-1.0, 0.0, 1.0]], "cardinalities": []}
    >>> network = build_network(spec, outputs=2, options={"width": 32})
    >>> rows = {"numeric": torch.zeros(3, 1), "categorical": torch.zeros(3, 0, dtype=torch.long)}
    >>> network(rows).shape
    torch.Size([3, 2])
    """
    kind = spec["kind"]
    if kind == "images+table":
        return build_fusion(spec, name=name, outputs=outputs, seed=seed, options=options)
    known = network_names(kind)
    name = known[0] if name == "auto" else name
    if name not in known:
        raise ConfigurationError(
            f"The network {name!r} does not fit {_WORDS[kind]}; choose from "
            f"{', '.join(known)} or leave it at auto.{did_you_mean(name, known)}"
        )
    options = dict(options or {})
    unknown = [option for option in options if option not in _OPTIONS[name]]
    if unknown:
        raise ConfigurationError(
            f"The network {name!r} has no option {', '.join(map(repr, unknown))}; it has "
            f"{', '.join(_OPTIONS[name])}.{did_you_mean(unknown[0], _OPTIONS[name])}"
        )
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        try:
            return _build(name, spec, outputs, options)
        except (TypeError, ValueError, RuntimeError) as error:
            raise ConfigurationError(
                f"The network {name!r} cannot be made with {options or 'these data'}: {error}"
            ) from error


_WORDS = {"table": "a table", "images": "images"}


def _build(name: str, spec: Mapping[str, Any], outputs: int, options: dict[str, Any]) -> nn.Module:
    if name == "mlp":
        return TableMLP(spec["bins"], spec["cardinalities"], outputs=outputs, **options)
    if name == "resnet-small":
        side = max(spec["size"])
        # A processor's time goes into the first, largest maps: 64 pixels are halved at once.
        options = {"stem_stride": 2 if side > 40 else 1} | options
    return ResNet(spec["mean"], spec["std"], outputs=outputs, **(_RESNETS[name] | options))
