"""Pools: ways to run a worker over items. They differ in where, and in nothing that is written.

- `inline`: one item after the other in this process. What kills a process ends the build.
- `Processes`: processes of this machine. One that dies is replaced and its item done again; what it
  was working on when it died twice, or for too long, is refused: quarantined or dropped with its
  reason, and the build goes on.
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
"""So many workers may die on the same thing before it is refused."""

ONCE: Final = (
    "pandas",
    "pyarrow.parquet",
    "etl.stages.filter",
    "etl.stages.locate",
    "etl.stages.prune",
)
"""Slow imports that processes share: one process does them, and the others are forked from it.
Polars is not among them: a fork would copy its threads half. (Nothing of ours needs pandas, but
pyarrow imports it to look at a list.)
"""

_STARTS: Final = 3  # deaths before anything was worked on that end the build
_NAME_BYTES: Final = 1024
_LOOK_SECONDS: Final = 0.5


class Worker(Protocol[T_contra, R_co]):
    """What a pool runs. It is pickled once for each process."""

    def __call__(self, item: T_contra, refused: tuple[Refused, ...], watch: Watch) -> R_co:
        """Do one item, without what is refused; ``watch`` is told what is worked on."""
        ...


class Pool(Protocol):
    """Runs a worker over items and yields results as they come."""

    def __call__(self, worker: Worker[T, R], items: Iterable[T]) -> Iterator[R]:
        """Results in any order. Closing the iterator stops all work."""
        ...


def calm_collector() -> None:
    """Let the cyclic garbage collector run seldom: the memos hold millions of objects and no
    cycles.
    """
    gc.set_threshold(100_000, 50, 1000)


def inline(worker: Worker[T, R], items: Iterable[T]) -> Iterator[R]:
    """One item after the other, in this process."""
    thresholds = gc.get_threshold()
    calm_collector()
    try:
        for item in items:
            yield worker(item, (), unwatched)
    finally:
        gc.set_threshold(*thresholds)


@dataclass
class _Task:
    item: Any
    refused: tuple[Refused, ...] = ()
    strikes: Counter[str] = field(default_factory=Counter)


class _Member:
    """A process of the pool: what it is doing, and since when it has been at the same thing."""

    def __init__(self, worker: Any) -> None:
        context = get_context(
            "forkserver"
        )  # not of this process, which has threads of Arrow and Polars
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
        """Begin a task. A process that is dead already is found out when its result is awaited."""
        self.task = task
        self._name.value = b""
        self._seen, self._since = self._count.value, time.monotonic()
        with suppress(BrokenPipeError):
            self.pipe.send((task.item, task.refused))

    @property
    def at(self) -> str:
        """What it is working on."""
        return bytes(self._name.value).decode()

    def seconds(self) -> float:
        """How long it has been at that; starting does not count."""
        if self._count.value != self._seen or not self.at:
            self._seen, self._since = self._count.value, time.monotonic()
        return time.monotonic() - self._since

    def end(self) -> None:
        self.process.kill()
        self.process.join()
        self.pipe.close()


def _serve(worker: Any, pipe: connection.Connection, name: Any, count: Any) -> None:
    """The life of a process of the pool."""
    calm_collector()
    threading.Thread(target=_die_with_parent, daemon=True).start()

    def watch(thing: str) -> None:
        name.value = thing.encode()
        count.value += 1

    while True:
        try:
            item, refused = pipe.recv()
        except EOFError:
            return
        try:
            answer = True, worker(item, refused, watch)
        except Exception as error:  # noqa: BLE001 - whatever it is, the first process raises it
            answer = False, _portable(error)
        pipe.send(answer)


def _die_with_parent() -> None:
    """A process whose build was killed must not go on writing beside the build that follows."""
    parent = parent_process()
    assert parent is not None
    connection.wait([parent.sentinel])
    os._exit(1)


def _portable(error: Exception) -> Exception:
    try:
        pickle.loads(pickle.dumps(error))  # noqa: S301 - our own
    except Exception:  # noqa: BLE001 - some exceptions cannot be pickled, others not be made again
        return BuildError(f"{type(error).__name__}: {error}")
    return error


@contextmanager
def _without_interrupt() -> Iterator[None]:
    """Processes started inside are deaf to Ctrl-C, which a terminal sends to all: the first process
    speaks for them.
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
    """So many processes. page_seconds: how long one may be at the same thing."""

    workers: int
    page_seconds: float = 600.0

    def __call__(self, worker: Worker[T, R], items: Iterable[T]) -> Iterator[R]:
        """Results as they come. Raises what a worker raised, and `BuildError` if processes cannot
        start.
        """
        waiting = deque(_Task(item) for item in items)
        crew: list[_Member] = []
        starts = 0
        try:
            while waiting or any(member.task for member in crew):
                idle = sum(member.task is None for member in crew)
                wanted = min(
                    self.workers - len(crew), len(waiting) - idle
                )  # none that would have nothing to do
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
        """The task of a process that died or takes too long, as it is to be tried again."""
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
            raise BuildError(f"a worker process dies on {at} though it was to leave it out")
        task.refused += (refused,)
        return task


def _answer(member: _Member) -> tuple[bool, Any] | None:
    """What a process has sent, if it has."""
    try:
        return member.pipe.recv() if member.pipe.poll() else None
    except (EOFError, ConnectionResetError):
        return None
