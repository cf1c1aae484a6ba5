"""The Ray pool: runs items as Ray Core tasks, here or on a cluster.

Extra ``stepmill[ray]``.

Ray retries a task once if its process dies. If it dies again, a page may have killed it: the task
then runs in a pool of one process on its node (`etl.build.pools.local.Processes`), which identifies
the page and leaves it out. A task that is at the same page for too long ends its process, and goes
the same way. Nodes must see inputs and output under the same paths.
"""

from __future__ import annotations

import importlib.util
import logging
import os
import socket
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from etl.build.pools.local import Processes, Worker, calm_collector
from schemas.errors import BuildError, MissingExtra

T = TypeVar("T")
R = TypeVar("R")

LOCAL: Final = "local"
"""The address that starts a Ray of our own."""
_RETRIES: Final = 1
"""How often Ray retries a task whose process has died."""
_AHEAD: Final = 2
"""Tasks for each core that are handed to Ray at a time."""
_LOOK_SECONDS: Final = 1.0
"""How often a task looks whether it is at the same thing for too long."""
_CONNECT_SECONDS: Final = 10.0
"""How long a cluster may take to answer."""


@dataclass(frozen=True)
class Ray:
    """A pool of tasks on a Ray cluster.

    Raises:
        MissingExtra: Ray is not installed.
    """

    # ``auto``, ``host:port``, or ``local`` for a Ray of our own
    address: str
    # the longest that a task may be at the same thing
    page_seconds: float = 600.0
    # cores of a Ray of our own; None: all
    cores: int | None = None

    def __post_init__(self) -> None:
        if importlib.util.find_spec("ray") is None:
            raise MissingExtra("ray", "ray", "--ray")

    def __call__(self, worker: Worker[T, R], items: Iterable[T]) -> Iterator[R]:
        """Yield results as they come.

        Raises:
            BuildError: there is no Ray at the address.
            Exception: what a worker raised.
        """
        with _connected(self.address, self.cores) as ray:
            shared = ray.put(worker)
            plain = ray.remote(_plain).options(max_retries=_RETRIES)
            supervised = ray.remote(_supervised).options(max_retries=_RETRIES)
            ahead = max(1, int(_AHEAD * ray.cluster_resources().get("CPU", 1)))
            waiting = iter(items)
            live: dict[Any, T] = {}
            try:
                while True:
                    while len(live) < ahead and (item := next(waiting, None)) is not None:
                        live[plain.remote(shared, item, self.page_seconds)] = item
                    if not live:
                        return
                    (done,), _ = ray.wait(list(live), num_returns=1)
                    item = live.pop(done)
                    try:
                        result = ray.get(done)
                    except ray.exceptions.RayTaskError as error:
                        raise error.cause from error
                    except (ray.exceptions.WorkerCrashedError, ray.exceptions.OutOfMemoryError):
                        live[supervised.remote(shared, item, self.page_seconds)] = item
                    else:
                        yield result
            finally:
                for task in live:
                    ray.cancel(task, force=True)


@contextmanager
def _connected(address: str, cores: int | None) -> Iterator[Any]:
    """Connect to Ray, or use the connection that there is; yields the module ``ray``."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is reported to anybody
    # the default of later versions; set, so that Ray does not warn
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    import ray

    if ray.is_initialized():
        yield ray
        return
    host, _, port = address.rpartition(":")
    if host and port.isdigit():  # Ray itself would wait for minutes
        try:
            socket.create_connection((host, int(port)), _CONNECT_SECONDS).close()
        except OSError as error:
            raise BuildError(
                f"no Ray at {address}: {error}. Start one with: ray start --head"
            ) from error
    where = (
        {"num_cpus": cores, "include_dashboard": False}
        if address == LOCAL
        else {"address": address}
    )
    try:
        ray.init(**where, log_to_driver=False, configure_logging=False, logging_level=logging.ERROR)
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise BuildError(
            f"no Ray at {address}: {error}. Start one with: ray start --head"
        ) from error
    try:
        yield ray
    finally:
        ray.shutdown()


def _plain(worker: Any, item: Any, page_seconds: float) -> Any:
    """Do one item in a process of Ray; end the process if it is at the same thing for too long."""
    began = [time.monotonic()]
    stop = threading.Event()

    def watch(_: str) -> None:
        began[0] = time.monotonic()

    def guard() -> None:
        while not stop.wait(_LOOK_SECONDS):
            if time.monotonic() - began[0] > page_seconds:
                os._exit(1)

    threading.Thread(target=guard, daemon=True).start()
    try:
        with calm_collector():
            return worker(item, (), watch)
    finally:
        stop.set()


def _supervised(worker: Any, item: Any, page_seconds: float) -> Any:
    """Do one item in a process that is replaced when it dies."""
    (result,) = Processes(1, page_seconds)(worker, [item])
    return result
