"""The pools of one machine.

- `inline`: one item after the other, in this process. Something that kills the process ends the
  build.
- `Processes`: several processes. A process that dies is replaced, and its item is done again. A
  page or sample that kills two processes, or takes too long, is refused: it is quarantined or
  dropped with its reason, and the build goes on.
"""

from __future__ import annotations

import gc
import os
import pickle
import signal
import threading
import time
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from multiprocessing import connection, get_context, parent_process
from typing import Any, Final, Protocol, TypeVar

from etl.build.pools.failures import Refused, Watch, unwatched
from schemas.errors import BuildError

T = TypeVar("T")
R = TypeVar("R")
T_contra = TypeVar("T_contra", contravariant=True)
R_co = TypeVar("R_co", covariant=True)

STRIKES: Final = 2
"""The number of workers that die on the same thing until it is refused."""

ONCE: Final = (
    "pandas",
    "pyarrow.parquet",
    "etl.stages.filter",
    "etl.stages.locate",
    "etl.stages.prune",
)
"""Slow imports that processes share: one process does them, and the others are forked from it.

Polars is not among them: a fork would copy only some of its threads. (Nothing of ours needs pandas,
but pyarrow imports it to look at a list.)
"""

_STARTS: Final = 3
"""The number of workers that die before they name anything until the build ends."""
_NAME_BYTES: Final = 1024
"""Room for the name of what a worker is working on, in bytes."""
_LOOK_SECONDS: Final = 0.5
"""How often the pool looks for workers that are dead or too slow."""


class Worker(Protocol[T_contra, R_co]):
    """A task that a pool runs over items; it is pickled once for each process."""

    def __call__(self, item: T_contra, refused: tuple[Refused, ...], watch: Watch) -> R_co:
        """Do one item, without what is refused; calls ``watch`` with the name of each thing."""
        ...


class Pool(Protocol):
    """Runs a worker over items and yields results as they come."""

    def __call__(self, worker: Worker[T, R], items: Iterable[T]) -> Iterator[R]:
        """Yield results in any order; closing the iterator stops all work."""
        ...


@contextmanager
def calm_collector() -> Iterator[None]:
    """Let the cyclic garbage collector run seldom in the block.

    By default it runs after every 700 new objects, and the memos of pages hold hundreds of
    thousands: that took a sixteenth of a build's time, and found hardly any cycles.
    """
    usual = gc.get_threshold()
    gc.set_threshold(100_000, 20, 20)
    try:
        yield
    finally:
        gc.set_threshold(*usual)


def inline(worker: Worker[T, R], items: Iterable[T]) -> Iterator[R]:
    """Do one item after the other, in this process."""
    with calm_collector():
        for item in items:
            yield worker(item, (), unwatched)


@dataclass
class _Task:
    """An item to do, and what has gone wrong with it so far."""

    item: Any
    refused: tuple[Refused, ...] = ()
    # the number of workers that died on each thing, by its name
    strikes: Counter[str] = field(default_factory=Counter)


class _Member:
    """A process of the pool, the task it is doing, and how long it has been at the same thing."""

    def __init__(self, worker: Any) -> None:
        # a fork of this process would copy only some threads of Arrow and Polars
        context = get_context("forkserver")
        context.set_forkserver_preload(list(ONCE))
        self._name = context.RawArray("c", _NAME_BYTES)
        self._count = context.RawValue("Q", 0)
        self.pipe, theirs = context.Pipe()
        with _without_interrupt():
            self.process = context.Process(
                target=_serve, args=(worker, theirs, self._name, self._count), daemon=True
            )
            self.process.start()
        theirs.close()
        self.task: _Task | None = None
        self._seen, self._since = 0, time.monotonic()

    def give(self, task: _Task) -> None:
        """Begin a task; a process that is dead already is noticed when its result is awaited."""
        self.task = task
        self._name.value = b""
        self._seen, self._since = self._count.value, time.monotonic()
        with suppress(BrokenPipeError):
            self.pipe.send((task.item, task.refused))

    @property
    def at(self) -> str:
        """The name of what it is working on; empty if it has named nothing yet."""
        return bytes(self._name.value).decode()

    def seconds(self) -> float:
        """How many seconds it has been at that; starting does not count."""
        if self._count.value != self._seen or not self.at:
            self._seen, self._since = self._count.value, time.monotonic()
        return time.monotonic() - self._since

    def end(self) -> None:
        """Kill the process."""
        self.process.kill()
        self.process.join()
        self.pipe.close()


def _serve(worker: Any, pipe: connection.Connection, name: Any, count: Any) -> None:
    """Do tasks as they come, until the pipe is closed: the main loop of a process."""
    threading.Thread(target=_die_with_parent, daemon=True).start()

    def watch(thing: str) -> None:
        name.value = thing.encode()
        count.value += 1

    with calm_collector():
        while True:
            try:
                item, refused = pipe.recv()
            except EOFError:
                return
            try:
                answer = True, worker(item, refused, watch)
            except Exception as error:  # noqa: BLE001 - the first process raises it
                answer = False, _portable(error)
            pipe.send(answer)


def _die_with_parent() -> None:
    """End this process with its parent, so that it never writes beside the build that follows."""
    parent = parent_process()
    assert parent is not None
    connection.wait([parent.sentinel])
    os._exit(1)


def _portable(error: Exception) -> Exception:
    """An exception that can be sent to another process."""
    try:
        pickle.loads(pickle.dumps(error))  # noqa: S301 - our own
    except Exception:  # noqa: BLE001 - some exceptions cannot be pickled, others not be made again
        return BuildError(f"{type(error).__name__}: {error}")
    return error


@contextmanager
def _without_interrupt() -> Iterator[None]:
    """Processes started in the block ignore Ctrl-C, which a terminal sends to all of them.

    The first process stops, and ends the others.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@dataclass(frozen=True)
class Processes:
    """A pool of processes of this machine."""

    # the number of processes
    workers: int
    # the longest that one may be at the same thing
    page_seconds: float = 600.0

    def __call__(self, worker: Worker[T, R], items: Iterable[T]) -> Iterator[R]:
        """Yield results as they come.

        Raises:
            BuildError: processes cannot start, or die on something that they were to leave out.
            Exception: what a worker raised.
        """
        waiting = deque(_Task(item) for item in items)
        crew: list[_Member] = []
        starts = 0
        try:
            while waiting or any(member.task for member in crew):
                idle = sum(member.task is None for member in crew)
                # no process that would have nothing to do
                wanted = min(self.workers - len(crew), len(waiting) - idle)
                crew += [_Member(worker) for _ in range(wanted)]
                for member in crew:
                    if waiting and member.task is None:
                        member.give(waiting.popleft())
                busy = [member for member in crew if member.task is not None]
                connection.wait(
                    [end for m in busy for end in (m.pipe, m.process.sentinel)], _LOOK_SECONDS
                )
                for member in busy:
                    answer = _answer(member)
                    if answer is not None:
                        member.task = None
                        succeeded, result = answer
                        if not succeeded:
                            raise result
                        yield result
                    elif not member.process.is_alive() or member.seconds() > self.page_seconds:
                        starts += not member.at
                        if starts == _STARTS:
                            code = member.process.exitcode
                            raise BuildError(
                                f"worker processes die as they start (exit code {code}); see above"
                            )
                        waiting.appendleft(self._blamed(member))
                        crew.remove(member)
                        member.end()
        finally:
            for member in crew:
                member.end()

    def _blamed(self, member: _Member) -> _Task:
        """The task of a process that died or takes too long, ready to be tried again."""
        task, at = member.task, member.at
        assert task is not None
        if not at:
            return task
        if member.process.is_alive():
            refused = Refused(
                at, "over_time", f"took longer than {self.page_seconds:g} s (limits.page_seconds)"
            )
        else:
            task.strikes[at] += 1
            if task.strikes[at] < STRIKES:
                return task
            refused = Refused(
                at, "killed_worker", f"the process that worked on it died, {STRIKES} times"
            )
        if any(other.name == at for other in task.refused):
            raise BuildError(f"worker processes die on {at}, even if it is left out")
        task.refused += (refused,)
        return task


def _answer(member: _Member) -> tuple[bool, Any] | None:
    """The answer that a process has sent; None if it has sent none."""
    try:
        return member.pipe.recv() if member.pipe.poll() else None
    except (EOFError, ConnectionResetError):
        return None
