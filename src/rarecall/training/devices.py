"""The processes that train one network: what they say to each other, and that none of them hangs.

The first one *leads*: it alone reads data, measures, decides, writes and speaks. The others *help*:
they get network, objective, training set and some validation inputs from it, train their part of
every batch and score theirs of every evaluation.
"""

from __future__ import annotations

import sys
import threading
import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import torch
import torch.distributed as dist
from torch._C._distributed_c10d import PrefixStore, Store

from rarecall.distributed import apart
from rarecall.errors import ConfigurationError, RunError
from rarecall.training.devices_sets import Sets
from rarecall.training.devices_words import packed, put, receive, send, unpacked

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Sequence

    from rarecall.data import ArrayDataset

ANSWER_WITHIN = timedelta(minutes=10)
"""How long a process waits for another one within a step before it gives up."""

_PAUSE = 0.01
_GRACE = 3.0


class LostError(RuntimeError):
    """Another process is gone."""


class Team:
    """One process among those that train together; the first one leads.

    Args:
        rank: Number of this one.
        count: How many there are.
        place: Number of this one on its machine, which is also that of its device.
        store: Where all of them meet; a key and value store of torch's.
        helpers: What this process started itself; empty where a launcher did.
    """

    def __init__(
        self,
        rank: int,
        count: int,
        place: int,
        store: Store,
        helpers: Sequence[subprocess.Popen[bytes]] = (),
    ) -> None:
        self.rank, self.count, self.place = rank, count, place
        self.store, self.helpers = store, list(helpers)
        self.asked: Callable[[], bool] = lambda: False
        self.broken = False
        self._numbers = {"told": 0, "job": 0}
        self.sets = Sets(rank, count)
        backend = "gloo"
        if torch.cuda.is_available() and dist.is_nccl_available():
            backend = "cpu:gloo,cuda:nccl"
        dist.init_process_group(
            backend,
            store=PrefixStore("group", store),
            rank=rank,
            world_size=count,
            timeout=ANSWER_WITHIN,
        )
        # Between trainings, and where the leader evaluates, every process is by itself.
        self._apart = apart()
        self._apart.__enter__()
        if rank == 0 and "nccl" in backend:
            threading.Thread(target=self._watch, daemon=True).start()

    @property
    def leads(self) -> bool:
        """Whether this is the first process."""
        return self.rank == 0

    # Within a training --------------------------------------------------------------------------

    def any(self, asked: bool) -> bool:
        """Whether any process asks; every process must."""
        return self.sum(int(asked)) > 0

    def sum(self, number: int) -> int:
        """Add up every process's number."""
        total = torch.tensor(number, dtype=torch.int64)
        dist.all_reduce(total)
        return int(total)

    def tell(self, value: Any = None) -> Any:
        """Give everybody what the leader gives, however long it takes to find it."""
        self._numbers["told"] += 1
        key = f"told/{self._numbers['told']}"
        if self.leads:
            put(self.store, key, packed(value))
            # Old words are read by now: a step came in between.
            self.store.delete_key(f"told/{self._numbers['told'] - 2}")
            return value
        return unpacked(self._wait(key))

    # Between trainings --------------------------------------------------------------------------

    def post(self, job: dict[str, Any], train_set: ArrayDataset, watched: Any) -> None:
        """Let the helpers begin a training.

        Args:
            job: Arguments of their :class:`~rarecall.training.devices_run.JointRun`.
            train_set: Sent once, however many trainings in a row use it.
            watched: Inputs of the validation rows; each helper is sent its part, likewise once.

        Raises:
            ConfigurationError: The network cannot be sent.
        """
        news = self.sets.news(train_set, watched)
        try:
            content = packed({**job, "news": news})
        except Exception as error:
            # Nothing was sent, so the helpers wait as before.
            refused = ConfigurationError(
                "Several devices train copies of the network, but it cannot be sent to the other "
                f"processes ({type(error).__name__}: {error}). Make it of modules without "
                "functions defined in place, or train on one device."
            )
            refused.agreed = True  # type: ignore[attr-defined]
            raise refused from error
        self._numbers["job"] += 1
        put(self.store, f"job/{self._numbers['job']}", b"train")
        send(content)
        self.sets.send(news, train_set, watched)

    def job(self) -> tuple[dict[str, Any], ArrayDataset] | None:
        """Wait for the next training; None when all is over."""
        self._numbers["job"] += 1
        if self._wait(f"job/{self._numbers['job']}", idle=True) == b"over":
            return None
        job = unpacked(receive())
        self.sets.receive(job.pop("news"))
        return job, self.sets.train_set

    def over(self, outcome: Any = None) -> None:
        """Let the helpers go, with what they are to give back."""
        if self.leads:
            put(self.store, "outcome", packed(outcome))
            put(self.store, f"job/{self._numbers['job'] + 1}", b"over")

    def outcome(self) -> Any:
        """Give what the leader let the helpers go with."""
        return unpacked(self._wait("outcome"))

    def leave(self) -> None:
        """End what torch keeps open between the processes."""
        if not self.broken:
            self._apart.__exit__(None, None, None)
        self.broken = True
        if dist.is_initialized():
            dist.destroy_process_group()

    # Failure ------------------------------------------------------------------------------------

    def failed(self, error: BaseException) -> None:
        """Let the leader know that this process cannot go on; the first word counts."""
        text = f"process {self.rank + 1} of {self.count}: {type(error).__name__}: {error}"
        self.store.compare_set("failed", "", text)

    def failure(self, within: float = _GRACE) -> str | None:
        """Say which helper is gone and why; None where all are well after so many seconds."""
        until = time.monotonic() + within
        while True:
            # Asked once: a process may end between two questions.
            codes = [helper.poll() for helper in self.helpers]
            killed = [code for code in codes if code is not None and code < 0]
            ended = killed or [code for code in codes if code is not None]
            if not killed and self.store.check(["failed"]):
                return self.store.get("failed").decode()
            if ended:
                number = codes.index(ended[0]) + 2
                how = (
                    f"was killed by signal {-ended[0]}" if killed else f"ended with code {ended[0]}"
                )
                return f"process {number} of {self.count} {how}"
            if time.monotonic() >= until:
                return None
            time.sleep(_PAUSE)

    def explained(self, error: BaseException) -> RunError | None:
        """Turn what a lost helper causes here into an error that says so; None for other errors."""
        if not self.leads or not isinstance(error, RuntimeError) or isinstance(error, RunError):
            return None
        reason = self.failure()
        if reason is None and not connection_lost(error):
            return None
        seconds = ANSWER_WITHIN.total_seconds()
        return RunError(
            f"One of the {self.count} processes that train together failed, so all stopped: "
            f"{reason or f'no answer within {seconds:g} seconds, or the connection was lost'}."
        )

    def _wait(self, key: str, *, idle: bool = False) -> bytes:
        # Asked again and again: waiting within the store ends after a fixed time.
        since: float | None = None
        while not self.store.check([key]):
            if idle and self.asked():
                # The leader was asked too; unless it is dead it says so soon.
                since = since or time.monotonic()
                if time.monotonic() - since > 5 * _GRACE:
                    raise LostError("The first process did not answer when all were asked to stop.")
            time.sleep(_PAUSE)
        return self.store.get(key)

    def _watch(self) -> None:
        """Leave where a graphics processor would wait for a helper that is gone."""
        from os import _exit

        while not self.broken:
            reason = self.failure(0.0)
            if reason is not None:
                time.sleep(10 * _GRACE)
                if not self.broken:
                    sys.stderr.write(f"rarecall: A process failed, so all stopped: {reason}.\n")
                    sys.stderr.flush()
                    _exit(RunError.exit_code)
            time.sleep(1.0)


def connection_lost(error: BaseException) -> bool:
    """Whether an error only says that another process is gone or does not answer."""
    gone = isinstance(error, dist.DistError | LostError)
    return gone or (isinstance(error, RuntimeError) and "gloo" in str(error))
