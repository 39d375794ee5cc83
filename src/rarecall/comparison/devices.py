"""A comparison whose networks are trained by several processes each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rarecall._launched import launched
from rarecall.errors import ConfigurationError
from rarecall.training.devices_start import check_devices, count_of

if TYPE_CHECKING:
    from rarecall.comparison.material import Material
    from rarecall.config import CompareConfig


def refuse_devices(config: CompareConfig, material: Material, *, jobs: bool) -> None:
    """Raise if the devices that are asked for cannot train together.

    Args:
        config: Of the run.
        material: Shared by all methods.
        jobs: Whether several processes share the run's trainings out.

    Raises:
        ConfigurationError: There are fewer devices, or another number of processes was launched;
            a batch has fewer rows; or a launcher's processes are to share trainings out too.
    """
    count = count_of(config.devices)
    if count < 2:
        return
    if jobs and launched() is not None:
        raise ConfigurationError(
            "The processes of a launcher train every network together, so they cannot share "
            "trainings out too. Leave jobs out, or start without the launcher with devices and "
            "jobs."
        )
    check_devices(count, config.device, images=material.samples.kind == "images")
    rows = material.settings.batch_size
    if rows < count:
        raise ConfigurationError(
            f"A batch has {rows} rows, which {count} devices cannot share. Choose a larger "
            "batch_size, or fewer devices."
        )
