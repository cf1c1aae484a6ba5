"""The Ray pool: items as Ray Core tasks, here or on a cluster. Extra ``stepmill[ray]``.

Ray tries a task whose process is lost once more. One that is lost again may hold a page that kills
its process, so it runs under a process pool of one on its node (`etl.build.pools.local.Processes`),
which finds the page out and leaves it out. A task that is at the same page for too long ends its
process, and goes the same way. Nodes must see inputs and output under the same paths.
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
_RETRIES: Final = 1  # of Ray, for a task whose process is lost
_AHEAD: Final = 2  # tasks a core that are handed to Ray before one is done
_LOOK_SECONDS: Final = 1.0
_CONNECT_SECONDS: Final = 10.0


@dataclass(frozen=True)
class Ray:
    """address: ``auto``, ``host:port``, or ``local`` for a Ray of its own, with ``cores`` cores
    (all if None).

    page_seconds: how long a task may be at the same thing. Raises `MissingExtra` if Ray is not
    installed.
    """

    address: str
    page_seconds: float = 600.0
    cores: int | None = None

    def __post_init__(self) -> None:
        if importlib.util.find_spec("ray") is None:
            raise MissingExtra("ray", "ray", "--ray")

    def __call__(self, worker: Worker[T, R], items: Iterable[T]) -> Iterator[R]:
        """Results as they come. Raises what a worker raised,
        and `BuildError` if there is no Ray.
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
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is reported to anybody
    os.environ.setdefault(
        "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0"
    )  # what Ray will do anyway, said so as not to warn
    import ray

    if ray.is_initialized():
        yield ray
        return
    host, _, port = address.rpartition(":")
    if host and port.isdigit():  # Ray itself waits for minutes
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
    """One item, in a process of Ray's. Ends the process if it is at the same thing for too long."""
    calm_collector()
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
        return worker(item, (), watch)
    finally:
        stop.set()


def _supervised(worker: Any, item: Any, page_seconds: float) -> Any:
    """One item, in a process that is replaced when it dies."""
    (result,) = Processes(1, page_seconds)(worker, [item])
    return result
