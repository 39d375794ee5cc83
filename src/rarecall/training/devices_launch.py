"""How a launcher's processes (torchrun, srun) come together: the first leads, the others help."""

from __future__ import annotations

import gc
import os
import signal
import sys
import time
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeVar

from torch._C._distributed_c10d import PrefixStore

from rarecall.errors import RarecallError, RunError
from rarecall.training.devices import Team
from rarecall.training.devices_help import helping
from rarecall.training.devices_start import standing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rarecall._launched import Launched

R = TypeVar("R")

MEET_WITHIN = timedelta(minutes=10)
"""How long the processes wait for the last of them."""

_LAST = 20.0
"""Seconds for which a helper stays after a failure that the first process tells of."""


def met(process: Launched) -> Team:
    """Let the processes of a launcher meet.

    Raises:
        RunError: They do not.
    """
    from torch.distributed.rendezvous import rendezvous

    where = f"tcp://{process.address}:{process.port}?rank={process.rank}"
    url = "env://" if "RANK" in os.environ else f"{where}&world_size={process.count}"
    try:
        store, rank, count = next(rendezvous(url, timeout=MEET_WITHIN))
        # A launcher that starts all anew may keep its store.
        again = os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")
        return Team(rank, count, process.place, PrefixStore(f"rarecall/{again}", store))
    except (RuntimeError, OSError) as error:
        raise RunError(
            f"The {process.count} processes of the launcher did not meet at "
            f"{process.address}:{process.port} within {MEET_WITHIN.total_seconds():g} seconds "
            f"({error}). Each of them must run the same command."
        ) from error


def lead_or_help(process: Launched, call: Callable[[], R], *, silent: bool = False) -> R:
    """Run a call in the first process of a launcher; help with its trainings in the others.

    Args:
        process: This one.
        call: What to do.
        silent: Whether helpers leave the program afterwards, with the exit code of the first.

    Returns:
        What the call gave, in every process.

    Raises:
        RarecallError: What the call raised, in every process.
    """
    if standing.led:
        return call()
    standing.led = True
    try:
        if not process.rank:
            return _led(process, call)
        if silent:
            _leave(process)
        outcome = _helped(process)
    finally:
        standing.led, standing.team = False, None
    if isinstance(outcome, RarecallError):
        raise outcome
    return outcome  # type: ignore[no-any-return]  # what the call gave


def _led(process: Launched, call: Callable[[], R]) -> R:
    team = standing.team = met(process)
    outcome: Any = RunError("The first process failed.")
    try:
        outcome = result = call()
    except RarecallError as error:
        outcome = error
        raise
    else:
        return result
    finally:
        with suppress(RuntimeError):
            team.over(outcome)
        # What averages gradients must be gone before the group is, or torch aborts at exit.
        gc.collect()
        team.leave()


def _helped(process: Launched) -> Any:
    with _listening() as asked:
        team = met(process)
        team.asked = asked
        try:
            helping(team, asked)
            return team.outcome()
        finally:
            gc.collect()
            team.leave()


def _leave(process: Launched) -> None:
    """Help, then leave the program at once and without a word: the first process speaks."""
    code = 1
    try:
        outcome = _helped(process)
        code = outcome.exit_code if isinstance(outcome, RarecallError) else 0
        if code:
            # A launcher ends all when one process fails; the first one speaks before that.
            time.sleep(_LAST)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


@contextmanager
def _listening() -> Iterator[Callable[[], bool]]:
    """Turn Ctrl-C and SIGTERM into a question that the next step asks."""
    asked: list[int] = []

    def ask(number: int, frame: object) -> None:
        del frame
        asked.append(number)

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: bool(asked)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
