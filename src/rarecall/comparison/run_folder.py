"""The folder of a run: who may write in it, where everything lies, and how a run is continued."""

from __future__ import annotations

import json
import os
import re
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from rarecall.config import CompareConfig, read_yaml
from rarecall.errors import RunError, StorageError
from rarecall.files import read_json, write_json, write_text
from rarecall.work.claims import locks
from rarecall.work.presence import others_alive

if TYPE_CHECKING:
    from collections.abc import Iterator

BEGINNING = ".beginning"
"""File that is held while a run that several processes share is begun."""

# A run may be continued from another place, on a moved copy of the same data, on other devices.
_FREE_TO_CHANGE = frozenset({"out", "data", "devices"})


class RunFolder:
    """Paths of one run, with the rules for starting and continuing it.

    Args:
        root: The folder; it need not exist yet.
    """

    def __init__(self, root: str | Path) -> None:
        self.root = Path(root)

    def __truediv__(self, name: str) -> Path:
        return self.root / name

    @property
    def config_file(self) -> Path:
        """The configuration the run was started with."""
        return self.root / "config.yaml"

    @property
    def finished(self) -> bool:
        """Whether the run is finished; its report is written last."""
        return all((self.root / name).exists() for name in ("results.json", "report.html"))

    def unit(self, method: str, kind: str, number: int) -> Path:
        """Folder of one training: ``kind`` is ``trial`` or ``seed``.

        >>> RunFolder("run").unit("bce+alm", "trial", 3).as_posix()
        'run/units/bce_alm/trial-003'
        """
        name = f"trial-{number:03d}" if kind == "trial" else f"seed-{number}"
        return self.root / "units" / slug(method) / name

    def scores(self, method: str) -> Path:
        """File of the scores of a method's ensemble."""
        return self.root / "scores" / f"{slug(method)}.npz"

    def refuse_if_taken(self) -> None:
        """Raise if starting a run here would mix with what is there.

        Raises:
            RunError: The folder holds a run, or other files; or it is a file.
        """
        if self.root.exists() and not self.root.is_dir():
            raise RunError(
                f"{self.root} is a file, but a run needs a folder. Choose another --out."
            )
        if self.config_file.exists():
            state = "a finished run" if (self.root / "results.json").exists() else "another run"
            raise RunError(
                f"{self.root} holds {state} already, and nothing in it is overwritten. "
                f"Continue it with --resume, or choose another --out."
            )
        if self.root.is_dir() and any(path.name != BEGINNING for path in self.root.iterdir()):
            raise RunError(
                f"{self.root} is not empty and holds no run, so nothing is written there. "
                "Choose another --out."
            )

    def stored_config(self) -> dict[str, Any]:
        """Read the names and values the run was started with.

        Raises:
            RunError: There is no run here.
        """
        if not self.config_file.is_file():
            raise RunError(
                f"There is no run to resume in {self.root}: it has no config.yaml. "
                "Start one without --resume."
            )
        return read_yaml(self.config_file)

    def start(self, config: CompareConfig) -> None:
        """Make the folder and store the configuration.

        Raises:
            RunError: The folder is taken.
            StorageError: It cannot be made.
        """
        self.refuse_if_taken()
        try:
            self.root.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StorageError(
                f"Cannot make the run folder {self.root}: {error.strerror or error}. "
                "Choose another --out."
            ) from error
        write_text(self.config_file, _as_yaml(config))

    def refuse_if_changed(self, config: CompareConfig) -> None:
        """Raise if ``config`` is not what the run was started with.

        Raises:
            RunError: It names every option that differs.
        """
        before = CompareConfig(**self.stored_config()).model_dump(mode="json")
        now = config.model_dump(mode="json")
        changed = [
            f"- {name}: {_short(before[name])} before, {_short(now[name])} now"
            for name in now
            if name not in _FREE_TO_CHANGE and before[name] != now[name]
        ]
        if changed:
            listed = "\n".join(changed)
            raise RunError(
                f"The run in {self.root} was started with other options:\n{listed}\n"
                "Resume it with the options it had (give none), or start a new run with "
                "another --out."
            )

    def status(self, state: str, **more: Any) -> None:
        """Store how far the run is: ``running``, ``interrupted``, ``failed`` or ``finished``."""
        now = datetime.now(UTC).isoformat(timespec="seconds")
        write_json(self.root / "status.json", {"state": state, "at": now, **more})

    @contextmanager
    def locked(self, *, shared: bool = False) -> Iterator[None]:
        """Keep a second process out while this one writes; a killed process leaves no lock.

        Args:
            shared: Let in others that share the work too.

        Raises:
            RunError: Another process works in the folder, and not both share the work.
        """
        try:
            file = (self.root / ".lock").open("w")
        except OSError as error:
            raise StorageError(
                f"Cannot write in {self.root}: {error.strerror or error}."
            ) from error
        with file:
            # Locks may not be seen from machine to machine; signs of life are.
            if locks(file, shared=shared) is False or (not shared and others_alive(self.root)):
                raise RunError(
                    f"Another process is working in {self.root} right now. "
                    "Wait for it or stop it; then continue with --resume. (Processes that share "
                    "a run are all started with --jobs.)"
                )
            yield


def slug(method: str) -> str:
    """Turn a method's name into a file name, without collisions.

    >>> slug("bce>vs+alm"), slug("boosted trees")
    ('bce__vs_alm', 'boosted-trees')
    """
    return re.sub(r"[^\w.-]", "-", method.replace(">", "__").replace("+", "_"))


def default_root(data: str) -> Path:
    """Name a new run after its data and the time, under ``runs/``."""
    name = re.split(r"[.]", Path(data).name)[0] or "data"
    at = datetime.now().astimezone().strftime("%Y%m%d-%H%M%S")
    root = Path("runs") / f"{name}-{at}"
    # Two runs started within one second.
    if root.exists():
        root = root.with_name(f"{root.name}-{os.getpid()}")
    return root


def read_result(unit: Path) -> dict[str, Any] | None:
    """Read the stored result of a finished unit, or None while it is unfinished.

    Raises:
        RunError: The file is damaged.
    """
    path = unit / "result.json"
    if not path.exists():
        return None
    try:
        result = read_json(path)
    except (OSError, ValueError) as error:
        raise RunError(f"{path} is damaged ({error}). Delete {unit} and resume.") from error
    if not isinstance(result, dict):
        raise RunError(f"{path} holds no result. Delete {unit} and resume.")
    return result


def _as_yaml(config: CompareConfig) -> str:
    # Written with every value, so that a later version's defaults cannot change the run.
    values = json.loads(config.model_dump_json())
    return yaml.safe_dump(values, sort_keys=False, allow_unicode=True)


def _short(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 120 else text[:117] + "..."
