"""How a process gets helpers on its machine, keeps them and lets them go."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
import torch.distributed as dist
from torch._C._distributed_c10d import TCPStore

from rarecall._launched import launched
from rarecall.errors import ConfigurationError, RunError
from rarecall.training.devices import Team
from rarecall.training.devices_words import put
from rarecall.training.engine import resolve_device

if TYPE_CHECKING:
    from collections.abc import Iterator

START_WITHIN = 180.0
"""Seconds that a helper may take to start."""


@dataclass
class Standing:
    """What this process is in: a process is in one team at a time, as torch has one group.

    Attributes:
        team: Of which this process is a part.
        kept: How many wish that it outlives a training.
        led: Whether a launcher's processes do one call together.
    """

    team: Team | None = None
    kept: int = 0
    led: bool = False


standing = Standing()


def count_of(asked: int) -> int:
    """Say how many processes train together: as many as a launcher started, else as asked for.

    Raises:
        ConfigurationError: The launcher started another number.

    >>> count_of(2)
    2
    """
    process = launched()
    if process is None or not standing.led:
        return asked
    if asked not in (1, process.count):
        raise ConfigurationError(
            f"devices is {asked}, but the launcher started {process.count} processes. Leave "
            "devices out, or start as many."
        )
    return process.count


def check_devices(count: int, device: str, *, images: bool) -> None:
    """Refuse more processes than there are devices for.

    Args:
        count: Processes that this one is to start, itself included.
        device: As ``TrainSettings.device``.
        images: Whether the data are images.

    Raises:
        ConfigurationError: One device is named, or there are fewer.

    >>> check_devices(2, "cpu", images=True)
    """
    if count < 2:
        return
    found = resolve_device(device, images=images)
    if found.type == "mps" or ":" in device:
        raise ConfigurationError(
            f"devices is {count}, but device names a single one, {device!r}. Choose device cpu, "
            "cuda or auto."
        )
    if found.type == "cuda" and launched() is None and count > torch.cuda.device_count():
        raise ConfigurationError(
            f"devices is {count}, but this PyTorch sees {torch.cuda.device_count()} graphics "
            "processors. Choose fewer devices, or device cpu."
        )


@contextmanager
def kept() -> Iterator[None]:
    """Let trainings in the body share their helpers, who take seconds to start."""
    standing.kept += 1
    try:
        yield
    finally:
        standing.kept -= 1
        if standing.team is not None and standing.team.helpers and not standing.kept:
            _end(standing.team)


@contextmanager
def team_of(count: int) -> Iterator[Team]:
    """Give the processes that train together, this one being the first.

    Args:
        count: How many there are to be.

    Raises:
        ConfigurationError: This process is one of several already.
        RunError: A process cannot be started, or was lost in the body.
    """
    team = _team(count)
    try:
        yield team
    except BaseException as error:
        explained = team.explained(error)
        # Whoever is within a step waits for this process; nothing can follow.
        if explained is not None or not getattr(error, "agreed", False):
            _end(team, gone=True)
        if explained is not None:
            raise explained from error
        raise
    finally:
        if not standing.kept and team.helpers and team is standing.team:
            _end(team)


def _team(count: int) -> Team:
    if standing.team is not None and standing.team.count != count and standing.team.helpers:
        _end(standing.team)
    team = standing.team
    if team is None:
        if dist.is_initialized() or standing.led:
            raise ConfigurationError(
                "This process is one of several already (torch.distributed is initialised), so "
                "it cannot start others. Leave devices out, or write the loop yourself."
            )
        team = standing.team = _started(count)
    return team


def _started(count: int) -> Team:
    """Start the helpers on this machine and wait until they are there."""
    store = TCPStore("127.0.0.1", 0, None, True, wait_for_workers=False)
    words = [sys.executable, "-m", "rarecall.training.devices_help"]
    words += ["127.0.0.1", str(store.port), str(count)]
    paths = os.pathsep.join(path for path in sys.path if path)
    helpers, said = [], []
    for rank in range(1, count):
        errors = tempfile.TemporaryFile()  # noqa: SIM115  (closed below)
        said.append(errors)
        helpers.append(
            subprocess.Popen(
                [*words, str(rank)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=errors,
                env={**os.environ, "PYTHONPATH": paths},
                # Ctrl-C is for the first process, which tells the others.
                start_new_session=True,
            )
        )
    try:
        until = time.monotonic() + START_WITHIN
        ready = [f"ready/{rank}" for rank in range(1, count)]
        while not store.check(ready):
            gone = [k for k, helper in enumerate(helpers) if helper.poll() is not None]
            if gone or time.monotonic() > until:
                raise RunError(_not_started(gone, said, count))
            time.sleep(0.01)
        put(store, "go")
        return Team(0, count, 0, store, helpers)
    except BaseException:
        for helper in helpers:
            helper.kill()
        raise
    finally:
        for errors in said:
            errors.close()


def _not_started(gone: list[int], said: list[Any], count: int) -> str:
    if not gone:
        return f"The {count} processes were not ready within {START_WITHIN:g} seconds."
    errors = said[gone[0]]
    errors.seek(0)
    lines = errors.read().decode(errors="replace").strip().splitlines()
    why = lines[-1] if lines else "it said nothing"
    return f"Process {gone[0] + 2} of {count} could not start: {why}"


def _end(team: Team, *, gone: bool = False) -> None:
    """Send the helpers home; kill those that do not go."""
    if team is standing.team:
        standing.team = None
    if not gone:
        with suppress(RuntimeError):
            team.over()
    for helper in team.helpers:
        with suppress(subprocess.TimeoutExpired):
            if not gone:
                helper.wait(timeout=10)
        if helper.poll() is None:
            helper.kill()
            helper.wait()
    # What averages gradients must be gone before the group is, or torch aborts at exit.
    gc.collect()
    team.leave()
