"""Whether a launcher (torchrun, srun) started several processes: what its variables say."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from functools import partial, wraps
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from rarecall.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True)
class Launched:
    """One process among those that a launcher started for one command.

    Attributes:
        rank: Its number among all, from 0.
        count: How many there are, at least 2.
        place: Its number among those of its machine, from 0.
        address: Where the first one listens.
        port: At which port.
    """

    rank: int
    count: int
    place: int
    address: str
    port: int


def launched(environment: Mapping[str, str] | None = None) -> Launched | None:
    """Read what torchrun or srun left in the environment; None where this is the only process.

    Args:
        environment: In place of the process's own.

    Raises:
        ConfigurationError: A variable is missing or no number.

    >>> launched({}) is None
    True
    >>> told = {"RANK": "1", "WORLD_SIZE": "2", "MASTER_ADDR": "a", "MASTER_PORT": "29500"}
    >>> launched(told)
    Launched(rank=1, count=2, place=0, address='a', port=29500)
    >>> told = {"SLURM_STEP_NUM_TASKS": "4", "SLURM_PROCID": "3", "SLURM_LOCALID": "1",
    ...         "SLURM_STEP_NODELIST": "gpu[07-08]", "SLURM_JOB_ID": "1234567"}
    >>> launched(told)
    Launched(rank=3, count=4, place=1, address='gpu07', port=19567)
    """
    known = os.environ if environment is None else environment
    try:
        if "RANK" in known and int(known.get("WORLD_SIZE", "1")) > 1:
            return Launched(
                int(known["RANK"]),
                int(known["WORLD_SIZE"]),
                int(known.get("LOCAL_RANK", "0")),
                known["MASTER_ADDR"],
                int(known["MASTER_PORT"]),
            )
        # Set by srun for the processes of a step; a batch script by itself is one process.
        if int(known.get("SLURM_STEP_NUM_TASKS", "1")) > 1:
            nodes = known.get("SLURM_STEP_NODELIST") or known["SLURM_JOB_NODELIST"]
            port = 15_000 + int(known["SLURM_JOB_ID"][-4:])
            return Launched(
                int(known["SLURM_PROCID"]),
                int(known["SLURM_STEP_NUM_TASKS"]),
                int(known["SLURM_LOCALID"]),
                known.get("MASTER_ADDR") or first_node(nodes),
                int(known.get("MASTER_PORT", port)),
            )
    except (KeyError, ValueError) as error:
        raise ConfigurationError(
            "A launcher started several processes, but its variables cannot be read "
            f"({type(error).__name__}: {error}). torchrun sets RANK, WORLD_SIZE, LOCAL_RANK, "
            "MASTER_ADDR and MASTER_PORT; srun sets SLURM_PROCID, SLURM_LOCALID, "
            "SLURM_STEP_NUM_TASKS, SLURM_STEP_NODELIST and SLURM_JOB_ID."
        ) from error
    return None


def first_node(nodes: str) -> str:
    """Name the first machine of a list as SLURM writes it.

    >>> first_node("gpu[07-08,11],cpu1"), first_node("a,b"), first_node("n[3]-ib")
    ('gpu07', 'a', 'n3-ib')
    """
    parts = re.match(r"([^,\[]*)(?:\[([^\],-]*)[^\]]*\]([^,]*))?", nodes)
    assert parts is not None  # it matches an empty text too
    return "".join(part or "" for part in parts.groups())


def by_all_processes(*, silent: bool = False) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Let the processes that a launcher started do one call together.

    The first one runs it; the others help with its trainings and give back what it gave. Without
    a launcher, or within such a call, the function is called as it is.

    Args:
        silent: Whether the others leave the program afterwards instead, without a word.
    """

    def wrapped(function: Callable[P, R]) -> Callable[P, R]:
        @wraps(function)
        def called(*given: P.args, **named: P.kwargs) -> R:
            process = launched()
            if process is None:
                return function(*given, **named)
            from rarecall.training.devices_launch import lead_or_help

            return lead_or_help(process, partial(function, *given, **named), silent=silent)

        return called

    return wrapped
