"""Workers as processes of their own, each a fresh Python, told what to do on its standard input."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from rarecall.errors import Interrupted, RarecallError, RunError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

_SECONDS_TO_END = 30.0
_LOOK = 0.5
_AGAIN = 2
"""How often a worker that was killed is started again."""


class Child:
    """A worker in a process of its own. What it says goes to a log in the run folder.

    Args:
        module: Run as a program; its ``main`` calls :func:`serve`.
        told: What it is told, in plain values.
        log: Where its words go.
        threads: Of its linear algebra.
        device: Which kind of device it trains on: workers are spread over several graphics
            processors.
        devices: How many of them it uses at once.
        number: Of the worker, from 0.
    """

    def __init__(
        self,
        module: str,
        told: Mapping[str, Any],
        log: Path,
        *,
        threads: int = 1,
        device: str = "cpu",
        devices: int = 1,
        number: int = 0,
    ) -> None:
        self.module, self.told, self.log = module, dict(told), log
        # Threads of the linear algebra are counted before it is loaded.
        own = own_device(device, number, devices)
        self.environment = {"OMP_NUM_THREADS": str(threads), **own}
        self.starts = 0
        self.start()

    def start(self) -> None:
        """Start it, or start it again."""
        self.starts += 1
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("w" if self.starts == 1 else "a", encoding="utf-8") as said:
            self.process = subprocess.Popen(
                [sys.executable, "-m", self.module],
                stdout=said,
                stderr=subprocess.STDOUT,
                stdin=subprocess.PIPE,
                env={**os.environ, **self.environment},
            )
        assert self.process.stdin is not None
        # Not on the command line, which everybody on the machine can read.
        content = json.dumps({**self.told, "parent": os.getpid()})
        # One that ended at once says why in its log.
        with suppress(BrokenPipeError), self.process.stdin as told:
            told.write(content.encode())

    @property
    def alive(self) -> bool:
        """Whether it still works."""
        return self.process.poll() is None

    @property
    def code(self) -> int | None:
        """Its exit code, once it has ended."""
        return self.process.returncode

    def ask_to_stop(self) -> None:
        """Ask it to stop at a safe place."""
        if self.alive:
            self.process.terminate()

    def end(self) -> None:
        """Wait until it has ended; a worker that does not end is killed, which loses one unit."""
        self.ask_to_stop()
        try:
            self.process.wait(_SECONDS_TO_END)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def raise_error(self) -> None:
        """Raise what ended it, where that was something a user can mend."""
        try:
            last = self.log.read_text(encoding="utf-8").strip().splitlines()[-1]
            told = json.loads(last)
            kind, text = told["error"], told["text"]
        except (OSError, ValueError, IndexError, KeyError, TypeError):
            return
        raise error_named(kind)(text)


def supervise(
    workers: Sequence[Child],
    *,
    should_stop: Callable[[], bool],
    complete: Callable[[], bool],
    look: Callable[[], None] = lambda: None,
) -> None:
    """Wait until all workers have ended; a killed one is started again, twice at most.

    Args:
        workers: Started already.
        should_stop: Asked often; true asks each worker to stop at a safe place.
        complete: Says at the end whether all is done.
        look: Called about twice a second.

    Raises:
        Interrupted: ``should_stop`` was true.
        RarecallError: What ended a worker, if work was left.
    """
    asked = False
    try:
        while True:
            if not asked and should_stop():
                asked = True
                for worker in workers:
                    worker.ask_to_stop()
            for worker in workers:
                killed = not worker.alive and (worker.code or 0) < 0
                if killed and not asked and worker.starts <= _AGAIN and not complete():
                    worker.start()
            if not any(worker.alive for worker in workers):
                break
            look()
            time.sleep(_LOOK)
    finally:
        for worker in workers:
            worker.end()
    if asked:
        raise Interrupted("Stopped on request; the same command goes on.")
    look()
    if complete():
        return
    for worker in workers:
        worker.raise_error()
    codes = ", ".join(str(worker.code) for worker in workers)
    raise RunError(
        f"All workers ended (exit codes {codes}) before the work was done. The same command goes "
        f"on; {workers[0].log} shows what was said, and so does --jobs 1."
    )


def serve(work: Callable[[dict[str, Any], Callable[[], bool]], object]) -> int:
    """Run a worker in this process, as its program.

    It stops when a signal asks for it, or when the process that started this one has ended.

    Args:
        work: Called with what was told, and with what says whether to stop.

    Returns:
        The exit code.
    """
    told = json.load(sys.stdin)
    asked: list[int] = []
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda sort, frame: asked.append(sort))

    def should_stop() -> bool:
        return bool(asked) or os.getppid() != told["parent"]

    try:
        work(told, should_stop)
    except Interrupted as stopped:
        return stopped.exit_code
    except RarecallError as error:
        # One line of JSON, which the process that started this one reads.
        sys.stdout.write(f"\n{json.dumps({'error': type(error).__name__, 'text': str(error)})}\n")
        return error.exit_code
    return 0


def error_named(name: str | None) -> type[RarecallError]:
    """Find an error of the library by its name; a stranger is a :class:`RunError`.

    >>> error_named("DataError").__name__, error_named("OSError").__name__
    ('DataError', 'RunError')
    """
    return {kind.__name__: kind for kind in _kinds(RarecallError)}.get(str(name), RunError)


def own_device(device: str, number: int, devices: int = 1) -> dict[str, str]:
    """Say in environment variables which of several graphics processors a worker sees.

    Workers take them in turn, as many each as they use. A device named by its number is
    everybody's, and so are those that are too few to be shared out.
    """
    if device not in ("auto", "cuda"):
        return {}
    import torch

    count = torch.cuda.device_count()
    if count < 2 * devices:
        return {}
    seen = os.environ.get("CUDA_VISIBLE_DEVICES")
    names = seen.split(",") if seen else [str(k) for k in range(count)]
    first = number % (count // devices) * devices
    return {"CUDA_VISIBLE_DEVICES": ",".join(names[first : first + devices])}


def _kinds(kind: type[RarecallError]) -> list[type[RarecallError]]:
    return [kind, *(found for below in kind.__subclasses__() for found in _kinds(below))]
