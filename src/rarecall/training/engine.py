"""Device, precision, threads and random state: what surrounds the steps."""

from __future__ import annotations

import logging
import os
import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch
from torch.utils import _pytree as pytree

from rarecall.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from lightning_fabric import Fabric

    from rarecall.training.settings import TrainSettings


def holds_images(inputs: Any) -> bool:
    """Tell whether inputs are images or volumes, alone or beside a table's row.

    >>> holds_images({"image": torch.zeros(2, 1, 8, 8), "table": torch.zeros(2, 3)})
    True
    >>> holds_images(torch.zeros(2, 3))
    False
    """
    return any(leaf.ndim >= 4 for leaf in pytree.tree_leaves(inputs))


def resolve_device(wanted: str, *, images: bool) -> torch.device:
    """Choose the device.

    Args:
        wanted: As ``TrainSettings.device``.
        images: Whether the data are images; a table's small steps run no faster on a graphics
            processor, so ``"auto"`` leaves them where they are.

    Raises:
        ConfigurationError: The device is unknown or not there.

    >>> resolve_device("auto", images=False)
    device(type='cpu')
    """
    if wanted == "auto":
        return torch.device("cuda" if images and torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(wanted)
    except RuntimeError as error:
        raise ConfigurationError(
            f"device must be auto, cpu, cuda, cuda:<number> or mps, not {wanted!r}."
        ) from error
    count = {
        "cpu": 1,
        "cuda": torch.cuda.device_count(),
        "mps": int(torch.backends.mps.is_available()),
    }.get(device.type, 0)
    if (device.index or 0) >= count:
        raise ConfigurationError(
            f"The device {wanted!r} is not available: this PyTorch sees {count} of kind "
            f"{device.type!r}. Choose device auto or cpu."
        )
    return device


def resolve_precision(wanted: str, device: torch.device, *, images: bool) -> str:
    """Choose the arithmetic; arguments as for :func:`resolve_device`.

    >>> resolve_precision("auto", torch.device("cpu"), images=True)
    '32-true'
    """
    if wanted != "auto":
        return wanted
    half = images and device.type == "cuda" and torch.cuda.is_bf16_supported()
    return "bf16-mixed" if half else "32-true"


def make_fabric(settings: TrainSettings, *, images: bool, place: int | None = None) -> Fabric:
    """Make the Fabric of one process on one device, without its messages.

    Args:
        settings: Device and precision.
        images: Whether the data are images.
        place: Number of this process among those of its machine that train together, which is
            the number of its graphics processor; None where it trains alone.

    Raises:
        ConfigurationError: The device is not there or does not know the precision.
    """
    for name in ("lightning_fabric", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.ERROR)
    device = resolve_device(settings.device, images=images)
    if place is not None and device.type == "cuda":
        # A scheduler may show every process its own graphics processor only.
        number = 0 if torch.cuda.device_count() == 1 else place
        device = resolve_device(f"cuda:{number}", images=images)
    if settings.precision == "16-mixed" and device.type != "cuda":
        raise ConfigurationError(
            f"Precision 16-mixed needs a CUDA device, not {device.type}. Choose auto or bf16-mixed."
        )
    precision = resolve_precision(settings.precision, device, images=images)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from lightning_fabric import Fabric
        from lightning_fabric.plugins.environments.lightning import LightningEnvironment

        try:
            return Fabric(
                accelerator=device.type,
                devices=1 if device.index is None or device.type != "cuda" else [device.index],
                precision=precision,  # type: ignore[arg-type]  # checked by TrainSettings
                # Named, or a job scheduler's variables would make it wait for other processes.
                plugins=[LightningEnvironment()],
            )
        except (ValueError, RuntimeError) as error:
            raise ConfigurationError(
                f"Precision {precision!r} on device {device.type!r} does not work: {error}"
            ) from error


@contextmanager
def steady(threads: int | None, device: torch.device) -> Iterator[None]:
    """Run the body with fixed threads and repeatable kernels; leave no trace outside.

    The global random state is put back afterwards.
    """
    before = torch.get_num_threads()
    graphics = device.type == "cuda"
    cudnn = torch.backends.cudnn
    flags = (cudnn.deterministic, cudnn.benchmark)
    strict = torch.are_deterministic_algorithms_enabled()
    lenient = torch.is_deterministic_algorithms_warn_only_enabled()
    with torch.random.fork_rng(devices=[device] if graphics else []), warnings.catch_warnings():
        try:
            if threads is not None:
                torch.set_num_threads(threads)
            if graphics:
                os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
                cudnn.deterministic, cudnn.benchmark = True, False
                warnings.filterwarnings("ignore", message=".*determinis.*")
                torch.use_deterministic_algorithms(True, warn_only=True)
            yield
        finally:
            torch.set_num_threads(before)
            if graphics:
                cudnn.deterministic, cudnn.benchmark = flags
                torch.use_deterministic_algorithms(strict, warn_only=lenient)


def reseed(seed: int, step: int, device: torch.device) -> None:
    """Set the global random state from seed and step, so that a resume need not store it."""
    mixed = _mix(_mix(seed) + step)
    torch.default_generator.manual_seed(mixed)
    if device.type == "cuda":
        torch.cuda.manual_seed(mixed)
    elif device.type == "mps":
        torch.mps.manual_seed(mixed)


def _mix(number: int) -> int:
    """Scatter 64 bits (splitmix64): neighbouring seeds must not give related draws."""
    number = (number + 0x9E3779B97F4A7C15) % 2**64
    number = (number ^ (number >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
    number = (number ^ (number >> 27)) * 0x94D049BB133111EB % 2**64
    return number ^ (number >> 31)


def fits_on(device: torch.device, inputs: Any) -> bool:
    """Whether all of ``inputs`` take at most half of the device's free memory."""
    if device.type != "cuda":
        return True
    free, _ = torch.cuda.mem_get_info(device)
    size = sum(leaf.numel() * leaf.element_size() for leaf in pytree.tree_leaves(inputs))
    return bool(size <= free // 2)
