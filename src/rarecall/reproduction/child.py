"""Workers as processes of their own, each a fresh Python, told what to do on their command line."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from rarecall.comparison.machine import torch_threads
from rarecall.errors import Interrupted, RarecallError, RunError
from rarecall.reproduction.run_folder import Begun, opened
from rarecall.reproduction.ways import Ways
from rarecall.reproduction.worker import Events, Tally, Worker

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_SECONDS_TO_END = 30.0


def start_worker(
    begun: Begun, ways: Ways, should_stop: Callable[[], bool], events: Events
) -> Tally:
    """Work in this process until nothing is left; errors are those of :class:`Worker`."""
    with torch_threads(ways.threads_each):
        return Worker(
            begun.plan,
            begun.folder,
            begun.study,
            root=ways.data_root,
            url=ways.storage,
            device=ways.device,
            threads=ways.threads_each,
            should_stop=should_stop,
            events=events,
        ).work()


class Child:
    """A worker in a process of its own. What it says goes to a log in the run folder.

    Args:
        folder: Of the run, which is begun already.
        ways: How it works.
        number: Of the worker, from 0.
    """

    def __init__(self, folder: Path, ways: Ways, number: int) -> None:
        self.log = folder / "workers" / f"{os.getpid()}-{number}.log"
        self.log.parent.mkdir(parents=True, exist_ok=True)
        told = json.dumps({"folder": str(folder), "ways": ways.to_json(), "parent": os.getpid()})
        # Threads of the linear algebra are counted before it is loaded.
        environment = {**os.environ, "OMP_NUM_THREADS": str(ways.threads_each)}
        with self.log.open("w", encoding="utf-8") as said:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "rarecall.reproduction.child", told],
                stdout=said,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                env=environment,
            )

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
        except (OSError, ValueError, IndexError):
            return
        kinds = {kind.__name__: kind for kind in _kinds(RarecallError)}
        raise kinds.get(told.get("error"), RunError)(told.get("text"))


def _kinds(kind: type[RarecallError]) -> list[type[RarecallError]]:
    return [kind, *(found for below in kind.__subclasses__() for found in _kinds(below))]


def main(arguments: Sequence[str]) -> int:
    """Work until nothing is left, a signal asks to stop, or the process that started this ends."""
    told = json.loads(arguments[0])
    asked: list[int] = []
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda sort, frame: asked.append(sort))

    def should_stop() -> bool:
        return bool(asked) or os.getppid() != told["parent"]

    try:
        begun, ways = opened(Path(told["folder"])), Ways.of(told["ways"])
        start_worker(begun, ways, should_stop, Events())
    except Interrupted as stopped:
        return stopped.exit_code
    except RarecallError as error:
        # One line of JSON, which the process that started this one reads.
        sys.stdout.write(f"\n{json.dumps({'error': type(error).__name__, 'text': str(error)})}\n")
        return error.exit_code
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
