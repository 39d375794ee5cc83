"""Weights trained elsewhere, read from a local file into a network that fits them."""

from __future__ import annotations

import pickle
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from rarecall.errors import ConfigurationError, DataError
from rarecall.models.weight_names import readings

if TYPE_CHECKING:
    from collections.abc import Collection

_INSIDE = ("state_dict", "model_state_dict", "model", "weights", "net")
_NUMBERS = ("normalize.scale", "normalize.shift")
_HEAD = ("fc.weight", "fc.bias")


@dataclass(frozen=True)
class PretrainedReport:
    """What a network took from a file of weights, and what it did not.

    Attributes:
        path: The file.
        origin: Whose names of layers the file uses.
        loaded: Tensors taken.
        parameters: Numbers in them.
        head: Whether the last layer's weights were taken too.
        fresh: Tensors of the network that the file did not give: the head, where it has another
            number of outputs, and the normalisation of the images.
        unused: Tensors of the file that were not taken.
        summed: Weights for three channels that were summed to those for one.
    """

    path: Path
    origin: str
    loaded: int
    parameters: int
    head: bool
    fresh: tuple[str, ...]
    unused: tuple[str, ...]
    summed: tuple[str, ...]

    def __str__(self) -> str:
        head = "its head too" if self.head else "the head starts anew"
        channels = "; weights for three channels summed to those for one" if self.summed else ""
        return (
            f"{self.loaded} tensors, {self.parameters:,} numbers, from {self.path.name} "
            f"(names of {self.origin}); {head}{channels}"
        )


def load_pretrained(network: nn.Module, path: str | Path) -> PretrainedReport:
    """Read weights trained elsewhere into a network made by :func:`build_network`.

    Names of layers as torchvision, timm, MONAI or the authors of a network write them are
    understood. All of the body must be in the file; the head is taken if it has the same number
    of outputs. A first layer for three channels is summed to one for one channel, which computes
    the same on a grey image as on three equal channels. Nothing in the file is executed.

    Args:
        network: Changed in place.
        path: ``.safetensors``, or a file of ``torch.save`` that holds tensors and plain
            containers only.

    Returns:
        What was taken.

    Raises:
        DataError: The file is missing or damaged, or holds more than tensors.
        ConfigurationError: It holds weights of another network.

    >>> import tempfile
    >>> from rarecall.models import ResNet, save_weights
    >>> ours, theirs = (ResNet([0.5], [0.2], widths=(4, 8), outputs=n) for n in (1, 10))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_weights(theirs, Path(folder) / "theirs.safetensors")
    ...     report = load_pretrained(ours, Path(folder) / "theirs.safetensors")
    >>> report.head, report.fresh
    (False, ('fc.weight', 'fc.bias'))
    >>> torch.equal(ours.stem.weight, theirs.stem.weight)
    True
    """
    path = Path(path)
    given = _read(path)
    own = network.state_dict()
    origin, fitting, summed = _best(given, own)
    fresh = [name for name in own if name not in fitting and not name.endswith("batches_tracked")]
    head = not any(name in fresh for name in _HEAD)
    if not head:  # half a head would be none
        fresh += [name for name in _HEAD if name in own and name not in fresh]
        fitting = {name: value for name, value in fitting.items() if name not in _HEAD}
    missing = [name for name in fresh if name not in (*_HEAD, *_NUMBERS)]
    if missing:
        raise ConfigurationError(_other_network(path, given, own, missing, origin))
    network.load_state_dict({name: fitting[name][1] for name in fitting}, strict=False)
    used = {name for name, _ in fitting.values()}
    return PretrainedReport(
        path=path,
        origin=origin,
        loaded=len(fitting),
        parameters=sum(value.numel() for _, value in fitting.values()),
        head=head,
        fresh=tuple(name for name in own if name in fresh),
        unused=tuple(name for name in given if name not in used),
        summed=tuple(summed),
    )


Fitting = dict[str, tuple[str, Tensor]]


def _best(given: Mapping[str, Tensor], own: Mapping[str, Tensor]) -> tuple[str, Fitting, list[str]]:
    """Choose the reading of the names under which most tensors fit."""
    best: tuple[str, Fitting, list[str]] = ("no known origin", {}, [])
    for origin, names in readings(list(given), list(own)).items():
        fitting: Fitting = {}
        summed = []
        for name, wanted in names.items():
            value = _fitted(given[name], own[wanted]) if wanted in own else None
            if value is not None:
                fitting[wanted] = (name, value)
                if value.ndim == 4 and given[name].shape[1] == 3 * value.shape[1]:
                    summed.append(wanted)
        if len(fitting) > len(best[1]):
            best = origin, fitting, summed
    return best


def _fitted(value: Tensor, own: Tensor) -> Tensor | None:
    if value.shape == own.shape:
        return value
    if _trimmed(value.shape) == _trimmed(own.shape):  # a scale a channel, written (C,) or (C, 1, 1)
        return value.reshape(own.shape)
    one_channel = own.ndim == 4 and own.shape[1] == 1
    if one_channel and value.shape == (own.shape[0], 3, *own.shape[2:]):
        return value.sum(dim=1, keepdim=True)
    return None


def _trimmed(shape: torch.Size) -> tuple[int, ...]:
    sides = list(shape)
    while sides and sides[-1] == 1:
        sides.pop()
    return tuple(sides)


def _read(path: Path) -> dict[str, Tensor]:
    if not path.is_file():
        raise DataError(f"There is no file of weights {path}.")
    try:
        if path.suffix == ".safetensors":
            found: Any = load_file(path)
        else:
            found = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        reason = str(error).partition("\n")[0]
        raise DataError(
            f"{path} is damaged, or holds more than tensors and plain containers, which would "
            f"run code when it is read ({reason}). Save its state_dict() alone, where it was made, "
            "as safetensors."
        ) from error
    except (OSError, SafetensorError, RuntimeError, EOFError, ValueError, KeyError) as error:
        raise DataError(f"Cannot read weights from {path}: {error}") from error
    except zipfile.BadZipFile as error:
        raise DataError(f"Cannot read weights from {path}: {error}") from error
    for name in _INSIDE:
        if isinstance(found, Mapping) and isinstance(found.get(name), Mapping):
            found = found[name]
            break
    if not isinstance(found, Mapping):
        raise DataError(f"{path} holds a {type(found).__name__}, not a network's weights by name.")
    tensors = {str(name): value for name, value in found.items() if isinstance(value, Tensor)}
    if not tensors:
        raise DataError(f"{path} holds no tensors.")
    return tensors


def _other_network(
    path: Path,
    given: Mapping[str, Tensor],
    own: Mapping[str, Tensor],
    missing: Collection[str],
    origin: str,
) -> str:
    names = readings(list(given), list(own)).get(origin, {})
    found = {wanted: tuple(given[name].shape) for name, wanted in names.items()}
    said = []
    for name in list(missing)[:3]:
        came = f"the file has {found[name]}" if name in found else "the file has none"
        said.append(f"{name} needs {tuple(own[name].shape)}, {came}")
    return (
        f"{path} holds the weights of another network: {len(missing)} of {len(own)} tensors are "
        f"not in it or differ in shape ({'; '.join(said)}). Choose the network, and the options "
        "(stem, widths, blocks), that it was trained with."
    )
