"""How a run is worked off: processes, devices, time."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rarecall.errors import ConfigurationError
from rarecall.work.storage import check_storage

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class Ways:
    """How a run is worked off; none of it changes its results.

    Attributes:
        data_root: Folder of the data sets, or None for the usual one.
        jobs: Processes.
        device: As of :class:`~rarecall.training.TrainSettings`.
        threads: Processor threads of each process; None shares the machine's out.
        minutes: Time after which the work stops at a safe place, or None.
        storage: Database of the queue, or None for a journal file in the run folder.
    """

    data_root: Path | None = None
    jobs: int = 1
    device: str = "auto"
    threads: int | None = None
    minutes: float | None = None
    storage: str | None = None

    def __post_init__(self) -> None:
        wrong = []
        if self.jobs < 1:
            wrong.append(f"jobs must be 1 or more, not {self.jobs}")
        if self.threads is not None and self.threads < 1:
            wrong.append(f"threads must be 1 or more, not {self.threads}")
        if self.minutes is not None and not self.minutes > 0:
            wrong.append(f"minutes must be above 0, not {self.minutes:g}")
        if wrong:
            raise ConfigurationError("; ".join(wrong) + ".")
        check_storage(self.storage)

    @property
    def threads_each(self) -> int:
        """Threads of one process."""
        return self.threads or max(1, (os.cpu_count() or 1) // self.jobs)

    def to_json(self) -> dict[str, Any]:
        """Plain values, for a process of its own."""
        root = self.data_root
        return {**asdict(self), "data_root": None if root is None else str(root)}

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> Ways:
        """Read what :meth:`to_json` gave."""
        root = stored["data_root"]
        return cls(**{**stored, "data_root": None if root is None else Path(root)})
