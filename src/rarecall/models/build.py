"""From a description of the data to a network."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from rarecall.errors import ConfigurationError, did_you_mean
from rarecall.models.fusion import build_fusion
from rarecall.models.images import NETWORKS, build_image_network, image_options
from rarecall.models.pretrained import load_pretrained
from rarecall.models.table import TableMLP
from rarecall.models.two_path import TwoPathCNN

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from torch import nn

_NAMES = {
    "table": ("mlp",),
    "images": tuple(NETWORKS),
    "images+table": tuple(NETWORKS),
    "volumes": ("two-path",),
}
_WORDS = {
    "table": "a table",
    "images": "images",
    "images+table": "images with a table",
    "volumes": "volumes",
}
_OPTIONS = {
    "mlp": ("width", "depth", "dropout", "encoded_width", "embedded_width"),
    "two-path": ("widths", "convolutions", "kernel", "normalization", "hidden", "dropout"),
}


def network_names(kind: str) -> tuple[str, ...]:
    """Names of the networks for a kind of data; the first is what ``"auto"`` means.

    >>> network_names("images")[:5]
    ('resnet-small', 'resnet10', 'resnet18', 'resnet20', 'resnet32')
    >>> network_names("volumes")
    ('two-path',)
    """
    return _NAMES[kind]


def build_network(
    spec: Mapping[str, Any],
    *,
    name: str = "auto",
    outputs: int = 1,
    seed: int = 0,
    options: Mapping[str, Any] | None = None,
    weights: str | Path | None = None,
) -> nn.Module:
    """Make a network that fits the data.

    Args:
        spec: What a fitted preprocessor says of the data: ``{"kind": "table", "n_numeric": d,
            "bins": [...], "cardinalities": [...]}`` or ``{"kind": "images", "channels": C,
            "size": [H, W], "mean": [...], "std": [...]}``; images with a row of data each,
            ``{"kind": "images+table", "images": ..., "table": ...}``, give a
            :class:`~rarecall.models.MetadataFusion`; volumes, ``{"kind": "volumes", "channels":
            {"diffusion": 3, "t2": 1}, "size": [D, H, W]}``, a path for every modality.
        name: ``"mlp"`` for tables, ``"two-path"`` for volumes (ALM's MRI); for images
            ``"resnet-small"``, or the papers' networks: ``"resnet10"`` and ``"cascade"`` (ALM,
            RankReg), ``"resnet18"`` (RankReg's photographs), ``"resnet20"`` (deep AUC, there with
            ``{"activation": "elu"}``), ``"densenet121"``, ``"densenet161"``, ``"densenet169"``,
            ``"densenet201"``, ``"efficientnet-b3"``, ``"efficientnet-b5"``, ``"efficientnet-b6"``
            and ``"inception-resnet-v2"`` (deep AUC), ``"resnet32"`` (long tails),
            ``"resnet32-wide"``, ``"resnext50"`` and ``"convnext-tiny"`` (loss-conditional
            training); ``"auto"`` takes the first.
        outputs: Logits a sample: 1, shape ``(B,)``; 2, shape ``(B, 2)``.
        seed: Fixes the first weights; the global random state is left alone.
        options: Arguments of the network, such as ``{"width": 256}``; for images with a table
            ``image`` and ``table``, a mapping each, and ``mix``.
            Networks for images have ``normalize``: ``"data"`` takes mean and std of the data,
            ``"imagenet"`` those that most published weights were trained with.
        weights: A local file of weights to start from, as :func:`load_pretrained` reads it, into
            the image network where there is a table too. What was taken is the network's
            attribute ``pretrained``.

    Raises:
        ConfigurationError: The name or an option is unknown, or does not fit the data; the network
            is another package's, which is missing; or the weights are another network's.
        DataError: The file of weights cannot be read.

    >>> spec = {"kind": "table", "n_numeric": 1, "bins": [[-1.0, 0.0, 1.0]], "cardinalities": []}
    >>> network = build_network(spec, outputs=2, options={"width": 32})
    >>> rows = {"numeric": torch.zeros(3, 1), "categorical": torch.zeros(3, 0, dtype=torch.long)}
    >>> network(rows).shape
    torch.Size([3, 2])
    """
    kind = spec["kind"]
    if kind == "images+table":
        fusion = build_fusion(spec, name=name, outputs=outputs, seed=seed, options=options)
        return _started(fusion, fusion.image_network, weights)
    known = network_names(kind)
    name = known[0] if name == "auto" else name
    if name not in known:
        raise ConfigurationError(
            f"The network {name!r} does not fit {_WORDS[kind]}; choose from "
            f"{', '.join(known)} or leave it at auto.{did_you_mean(name, known)}"
        )
    options = dict(options or {})
    possible = _options(name)
    unknown = [option for option in options if option not in possible]
    if unknown:
        raise ConfigurationError(
            f"The network {name!r} has no option {', '.join(map(repr, unknown))}; it has "
            f"{', '.join(possible)}.{did_you_mean(unknown[0], possible)}"
        )
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        try:
            network = _build(name, spec, outputs, options)
        except ConfigurationError:
            raise
        except (TypeError, ValueError, RuntimeError) as error:
            raise ConfigurationError(
                f"The network {name!r} cannot be made with {options or 'these data'}: {error}"
            ) from error
    return _started(network, network, weights)


def _started(network: nn.Module, part: nn.Module, weights: str | Path | None) -> nn.Module:
    if weights is not None:
        network.pretrained = load_pretrained(part, weights)  # type: ignore[assignment]
    return network


def _build(name: str, spec: Mapping[str, Any], outputs: int, options: dict[str, Any]) -> nn.Module:
    if name == "mlp":
        return TableMLP(spec["bins"], spec["cardinalities"], outputs=outputs, **options)
    if name == "two-path":
        return TwoPathCNN(spec["channels"], spec["size"], outputs=outputs, **options)
    return build_image_network(name, spec, outputs, options)


def _options(name: str) -> tuple[str, ...]:
    return _OPTIONS[name] if name in _OPTIONS else image_options(name)
